// Does what was planned: the commands behind each deed. Every one may be done again.

import { moveSlots } from './move-slots.ts';
import type { RedisDeed } from './plan-cluster.ts';
import { askOne, type OpenLink } from './redis-link.ts';
import { addressOf, redisPort, type Seen, withLink } from './seen.ts';

export async function doDeed(deed: RedisDeed, open: OpenLink, signal: AbortSignal): Promise<void> {
  switch (deed.kind) {
    case 'meet':
      return tell(deed.from, ['CLUSTER', 'MEET', addressOf(deed.to).host, redisPort], open, signal);
    case 'take slots': {
      const ranges = deed.ranges.flat();
      return tell(deed.by, ['CLUSTER', 'ADDSLOTSRANGE', ...ranges], open, signal);
    }
    case 'follow': {
      const { id } = deed.leader.view.facts;
      return tell(deed.replica, ['CLUSTER', 'REPLICATE', id], open, signal);
    }
    case 'forget':
      for (const one of deed.by) await tell(one, ['CLUSTER', 'FORGET', deed.id], open, signal);
      return;
    case 'lead': {
      const how = deed.how === 'in order' ? [] : ['TAKEOVER'];
      return tell(deed.replica, ['CLUSTER', 'FAILOVER', ...how], open, signal);
    }
    case 'move':
      return moveSlots(deed, open, signal);
  }
}

async function tell(
  member: Seen,
  command: readonly (string | number)[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  await withLink(member, open, (link) => askOne(link, command, signal), signal);
}
