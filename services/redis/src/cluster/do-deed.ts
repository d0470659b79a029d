// Does what was planned: the commands behind each deed. Every one may be done again.

import { passwordCommands } from '../credentials.ts';
import type { Command, OpenLink } from '../redis-link.ts';
import { adoptSlots } from './adopt-slots.ts';
import type { RedisDeed } from './deeds.ts';
import { type MoveWay, moveSlots } from './move-slots.ts';
import { addressOf, redisPort, type Seen, withLink } from './seen.ts';

/** `password` is what members ask one another for. */
export async function doDeed(
  deed: RedisDeed,
  { open, password }: MoveWay,
  signal: AbortSignal,
): Promise<void> {
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
    case 'tell passwords':
      return tellAll(deed.to, passwordCommands(deed.passwords), open, signal);
    case 'let in':
      return tell(
        deed.on,
        ['CONFIG', 'SET', ...Object.entries(deed.settings).flat()],
        open,
        signal,
      );
    case 'lead': {
      const words = { 'in order': [], forced: ['FORCE'], 'without votes': ['TAKEOVER'] } as const;
      return tell(deed.replica, ['CLUSTER', 'FAILOVER', ...words[deed.how]], open, signal);
    }
    case 'close': {
      const { at, slots, owner } = deed.closing;
      const how = owner ? ['NODE', owner.view.facts.id] : ['STABLE'];
      const commands = slots.map((slot) => ['CLUSTER', 'SETSLOT', slot, ...how]);
      return tellAll(at, commands, open, signal);
    }
    case 'adopt':
      return adoptSlots(deed.adoptions, open, signal);
    case 'move':
      return moveSlots(deed, { open, password }, signal);
  }
}

async function tell(
  member: Seen,
  command: Command,
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  return tellAll(member, [command], open, signal);
}

async function tellAll(
  member: Seen,
  commands: readonly Command[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  await withLink(member, open, (link) => link.ask(commands, signal), signal);
}
