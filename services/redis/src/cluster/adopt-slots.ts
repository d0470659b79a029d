// Gives slots whose owner is gone for good to those who are left, as "redis-cli --cluster fix" does: without its keys.

import { PlatformError } from '@tweendeck/std';
import { askOne, type Command, type OpenLink, type RedisLink } from '../redis-link.ts';
import { isFailing, parseClusterNodes } from './cluster-nodes.ts';
import { utf8 } from './facts.ts';
import type { SlotAdoption } from './plan-lost.ts';
import { asSeen, type Seen, withLink } from './seen.ts';
import { holds, rangesOf, type SlotRange, slotsIn } from './slots.ts';

/** Throws REDIS_SLOTS_OWNED where an owner is seen to live after all: nothing changes there then. */
export async function adoptSlots(
  adoptions: readonly SlotAdoption[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  for (const { by, ranges } of adoptions) {
    await withLink(by, open, (link) => adoptWith(link, by, ranges, signal), signal);
  }
}

async function adoptWith(
  link: RedisLink,
  by: Seen,
  ranges: readonly SlotRange[],
  signal: AbortSignal,
): Promise<void> {
  const { name } = by;
  const text = await askOne(link, ['CLUSTER', 'NODES'], signal);
  const nodes = parseClusterNodes(utf8(text));
  if (!nodes.some(({ flags }) => flags.has('myself'))) throw unknownSelf(name);
  const ownerOf = (slot: number) => nodes.find(({ slots }) => holds(slots, slot));
  const left = slotsIn(ranges).filter((slot) => !ownerOf(slot)?.flags.has('myself'));
  if (left.length === 0) return; // another attempt did it
  const taken = left.filter((slot) => ownerOf(slot) !== undefined);
  const living = taken.map(ownerOf).find((owner) => owner && !isFailing(owner));
  if (living) throw owned(name, living.id);
  const commands: readonly Command[] = [
    // The others believe whoever has the highest epoch. First: cut off behind it, the slots are still nobody's.
    ['CLUSTER', 'BUMPEPOCH'],
    ...slotCommands('DELSLOTSRANGE', rangesOf(taken)),
    ...slotCommands('ADDSLOTSRANGE', rangesOf(left)),
  ];
  await link.ask(
    commands.map((command) => asSeen(by, command)),
    signal,
  );
}

/** A script takes some 8,000 words. */
const rangesAtOnce = 1_000;

/** `ADDSLOTSRANGE` or `DELSLOTSRANGE`, as often as it takes. */
export function slotCommands(name: string, ranges: readonly SlotRange[]): readonly Command[] {
  const count = Math.ceil(ranges.length / rangesAtOnce);
  return Array.from({ length: count }, (_, at) => {
    const some = ranges.slice(at * rangesAtOnce, (at + 1) * rangesAtOnce);
    return ['CLUSTER', name, ...some.flat()];
  });
}

function unknownSelf(name: string): PlatformError {
  return new PlatformError(
    'REDIS_COMMAND_FAILED',
    `${name}: CLUSTER NODES: it does not know itself`,
    {
      hint: 'Nothing was changed. Look whether a redis-server runs in the pod of this member.',
    },
  );
}

function owned(name: string, id: string): PlatformError {
  return new PlatformError('REDIS_SLOTS_OWNED', `${name} sees that their owner ${id} lives`, {
    hint: 'They are not given to others as long as it does; look whether it is to come back.',
  });
}
