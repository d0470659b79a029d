// Does what was planned: the commands behind each deed. Every one may be done again, and none is done on an old view: but for
// passwords and settings, which no script may set, they expire.

import { passwordCommands } from '../credentials.ts';
import type { Command, OpenLink } from '../redis-link.ts';
import { adoptSlots, slotCommands } from './adopt-slots.ts';
import type { RedisDeed } from './deeds.ts';
import { type MoveWay, moveSlots } from './move-slots.ts';
import { addressOf, asSeen, freshly, redisPort, type Seen, withLink } from './seen.ts';

/** `password` is what members ask one another for. */
export async function doDeed(
  deed: RedisDeed,
  { open, password }: MoveWay,
  signal: AbortSignal,
): Promise<void> {
  const tell = (
    member: Seen,
    commands: readonly Command[],
    asFar: (member: Seen, command: Command) => Command = freshly,
  ): Promise<void> => {
    const expiring = commands.map((command) => asFar(member, command));
    return say(member, expiring, open, signal);
  };
  switch (deed.kind) {
    case 'meet': {
      const { host } = addressOf(deed.to);
      return tell(deed.from, [['CLUSTER', 'MEET', host, redisPort]]);
    }
    case 'take slots':
      return tell(deed.by, slotCommands('ADDSLOTSRANGE', deed.ranges), asSeen);
    case 'drop slots':
      return tell(deed.by, slotCommands('DELSLOTSRANGE', deed.ranges), asSeen);
    case 'follow': {
      const { id } = deed.leader.view.facts;
      return tell(deed.replica, [['CLUSTER', 'REPLICATE', id]], asSeen);
    }
    case 'forget':
      for (const one of deed.by) await tell(one, [['CLUSTER', 'FORGET', deed.id]]);
      return;
    case 'tell passwords':
      return say(deed.to, passwordCommands(deed.passwords), open, signal);
    case 'let in': {
      const settings = Object.entries(deed.settings).flat();
      return say(deed.on, [['CONFIG', 'SET', ...settings]], open, signal);
    }
    case 'lead': {
      const words = { 'in order': [], forced: ['FORCE'], 'without votes': ['TAKEOVER'] } as const;
      return tell(deed.replica, [['CLUSTER', 'FAILOVER', ...words[deed.how]]], asSeen);
    }
    case 'close': {
      const { at, slots, owner } = deed.closing;
      const how = owner ? ['NODE', owner.view.facts.id] : ['STABLE'];
      const commands = slots.map((slot) => ['CLUSTER', 'SETSLOT', slot, ...how]);
      return tell(at, commands);
    }
    case 'adopt':
      return adoptSlots(deed.adoptions, open, signal);
    case 'move':
      return moveSlots(deed, { open, password }, signal);
  }
}

async function say(
  member: Seen,
  commands: readonly Command[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  await withLink(member, open, (link) => link.ask(commands, signal), signal);
}
