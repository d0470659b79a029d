// What becomes of slots whose owner is gone for good: a person says so, then those that are there take them. Pure.

import type { Member, Trouble } from '@tweendeck/engine';
import { isFailing } from './cluster-nodes.ts';
import type { RedisPlan } from './deeds.ts';
import type { RedisFacts } from './facts.ts';
import { isSeen, type Seen } from './seen.ts';
import { leaderOf, missingSlots, shardsOf } from './shards.ts';
import { holds, rangesOf, type SlotRange, slotCount, slotsHeld } from './slots.ts';

/** Slots that one of those who are left is to own. */
export interface SlotAdoption {
  readonly by: Seen;
  readonly ranges: readonly SlotRange[];
}

/** Slots that nobody who answers owns. */
export function planLost(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): Pick<RedisPlan, 'deeds' | 'troubles'> {
  if (members.some((member) => member.wanted && !isSeen(member))) return none;
  const missing = missingSlots(seen);
  if (missing <= 0) return none;
  const message = `${missing} slots belong to nobody: their master is gone without a replica; bring its data back, or approve that the others take its slots without its keys`;
  const troubles: readonly Trouble[] = [{ reason: 'SlotsUncovered', message }];
  if (!isLostForGood(members, seen)) return { deeds: [], troubles };
  const adoptions = adoptionsOf(seen);
  const [first] = adoptions;
  if (first === undefined) return { deeds: [], troubles };
  const names = adoptions.map(({ by }) => by.name).join(', ');
  return {
    deeds: [
      {
        ...{ id: 'take lost slots', on: first.by.name, risk: 'dataLoss' },
        why: `${missing} slots belong to nobody, ${names} would take them`,
        deed: { kind: 'adopt', adoptions },
      },
    ],
    troubles,
  };
}

const none = { deeds: [], troubles: [] };

/** Nobody who may own them, or follow their owner, is left; and all agree. */
function isLostForGood(members: readonly Member<RedisFacts>[], seen: readonly Seen[]): boolean {
  if (members.some((member) => !isSeen(member))) return false;
  const present = new Set(seen.map(({ view }) => view.facts.id));
  return seen.every(({ view: { facts } }) => {
    const { masterId } = facts.self;
    if (masterId !== undefined && !present.has(masterId)) return false;
    const owners = facts.nodes.filter(({ id, slots }) => slots.length > 0 && !present.has(id));
    return owners.every(isFailing);
  });
}

/** Whoever was about to get a slot has keys of it already; the rest goes to who has least. */
function adoptionsOf(seen: readonly Seen[]): readonly SlotAdoption[] {
  const leaders = [...shardsOf(seen).values()]
    .map(leaderOf)
    .filter((leader) => leader !== undefined)
    .filter(({ wanted }) => wanted);
  const [emptiest] = leaders.toSorted(
    (a, b) =>
      slotsHeld(a.view.facts.self.slots) - slotsHeld(b.view.facts.self.slots) ||
      b.view.facts.keys - a.view.facts.keys,
  );
  if (emptiest === undefined) return [];
  const lost = Array.from({ length: slotCount }, (_, slot) => slot).filter(
    (slot) => !seen.some(({ view }) => holds(view.facts.self.slots, slot)),
  );
  const takers = Map.groupBy(
    lost,
    (slot) => leaders.find(({ view }) => view.facts.self.importing.has(slot)) ?? emptiest,
  );
  return [...takers].map(([by, slots]) => ({ by, ranges: rangesOf(slots) }));
}
