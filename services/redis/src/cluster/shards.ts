// The shards of a Redis cluster as members are seen: who leads, who could. Pure.

import type { Seen } from './seen.ts';
import { holds, overlap, slotCount, slotsHeld } from './slots.ts';

export function shardsOf(seen: readonly Seen[]): ReadonlyMap<number, readonly Seen[]> {
  return Map.groupBy(
    seen.toSorted((a, b) => a.place.ordinal - b.place.ordinal),
    ({ place }) => place.shard,
  );
}

/** Who owns slots; where a shard begins, whom the others follow, or the first. Undefined while an election is due. */
export function leaderOf(shard: readonly Seen[]): Seen | undefined {
  const [owner] = shard
    .filter(({ view }) => view.facts.self.slots.length > 0)
    .toSorted((a, b) => b.view.facts.self.epoch - a.view.facts.self.epoch);
  if (owner) return owner;
  const masters = shard.filter(({ view }) => view.facts.self.masterId === undefined);
  const isFollowed = ({ view: { facts } }: Seen): boolean =>
    shard.some(({ view }) => view.facts.self.masterId === facts.id);
  // Who was about to own slots and started without their keys gives way to who has them.
  const heir = masters.some(({ view }) => view.facts.isFenced)
    ? masters.find(({ view: { facts } }) => !facts.isFenced && facts.keys > 0)
    : undefined;
  const isTaking = ({ view }: Seen): boolean => view.facts.self.importing.size > 0;
  const isAlone = shard.length === 1;
  const begins =
    masters.every(isEmpty) && shard.every((one) => isEmpty(one) && !isHeir(one, shard));
  return (
    heir ??
    masters.find(isFollowed) ??
    masters.find(isTaking) ??
    (begins || isAlone ? masters[0] : undefined)
  );
}

/** Whether it follows a leader that owns slots, as far as it knows: it may be elected. */
function isHeir({ view: { facts } }: Seen, shard: readonly Seen[]): boolean {
  const master = facts.nodes.find(({ id }) => id === facts.self.masterId);
  const isPresent = shard.some(({ view }) => view.facts.id === master?.id);
  return master !== undefined && (isPresent || master.slots.length > 0);
}

function isEmpty({ view: { facts } }: Seen): boolean {
  return facts.keys === 0 && facts.self.slots.length === 0;
}

/** Those that could take over without losing anything. */
export function heirsOf(leader: Seen, seen: readonly Seen[]): readonly Seen[] {
  return seen.filter(
    ({ wanted, view, pod }) =>
      wanted && view.synced && pod.ready && view.facts.self.masterId === leader.view.facts.id,
  );
}

export function bestHeir(replicas: readonly Seen[]): Seen | undefined {
  return replicas.toSorted((a, b) => b.view.facts.offset - a.view.facts.offset)[0];
}

/** Whether it owns slots that the other one takes for its own, by a later epoch: that one has not heard of it yet. */
export function hasOutvoted({ view: { facts } }: Seen, other: Seen): boolean {
  const { epoch, slots } = other.view.facts.self;
  return facts.self.epoch > epoch && overlap(facts.self.slots, slots);
}

export function missingSlots(seen: readonly Seen[]): number {
  return seen.reduce((left, { view }) => left - slotsHeld(view.facts.self.slots), slotCount);
}

/** Slots whose owner was sending their keys to somebody who does not answer. */
export function slotsLeaving(seen: readonly Seen[]): number {
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const open = seen.flatMap(({ view: { facts } }) =>
    [...facts.self.migrating].filter(
      ([slot, to]) => holds(facts.self.slots, slot) && !present.has(to),
    ),
  );
  return open.length;
}
