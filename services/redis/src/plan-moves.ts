// Which slots go where, so that each shard that stays has its share and the others have none. Pure.

import type { Seen } from './seen.ts';
import { slotCount, slotsHeld, slotsIn } from './slots.ts';

export interface SlotMove {
  readonly from: Seen;
  readonly to: Seen;
  /** In order; those that are on their way already come first. */
  readonly slots: readonly number[];
}

interface Holder {
  readonly shard: number;
  readonly leader: Seen;
}

/** A shard keeps what it has as long as it is this close to its share: nothing moves without a reason. */
const slack = 0.02;

export function planMoves(leaders: readonly Holder[], shards: number): readonly SlotMove[] {
  const begun = leaders.flatMap(({ leader }) => begunMoves(leader, leaders));
  if (begun.length > 0) return bundled(begun);
  const staying = leaders.filter(({ shard }) => shard < shards);
  const share = slotCount / Math.max(1, staying.length);
  const surplus = leaders.map((holder) => {
    const held = slotsHeld(holder.leader.view.facts.self.slots);
    const fair = holder.shard < shards ? share : 0;
    return { ...holder, fair, over: held - fair };
  });
  const isEven = surplus.every(({ fair, over }) =>
    fair === 0 ? over === 0 : Math.abs(over) <= Math.max(1, fair * slack),
  );
  if (isEven) return [];
  const giver = surplus.reduce((most, one) => (rank(one) > rank(most) ? one : most));
  const taker = surplus.reduce((least, one) => (one.over < least.over ? one : least));
  const count = Math.floor(Math.min(giver.over, -taker.over));
  const slots = slotsIn(giver.leader.view.facts.self.slots).slice(0, Math.max(1, count));
  return slots.length === 0 ? [] : [{ from: giver.leader, to: taker.leader, slots }];
}

/** Shards that go give before all others. */
function rank({ fair, over }: { readonly fair: number; readonly over: number }): number {
  return fair === 0 && over > 0 ? slotCount + over : over;
}

/** What was begun and not ended, also by somebody else: it is ended first. */
function begunMoves(leader: Seen, leaders: readonly Holder[]): readonly SlotMove[] {
  const { migrating, importing, id } = leader.view.facts.self;
  const byId = (wanted: string): Seen | undefined =>
    leaders.find((one) => one.leader.view.facts.id === wanted)?.leader;
  const away = [...migrating].flatMap(([slot, other]) => {
    const to = byId(other);
    return to ? [{ from: leader, to, slots: [slot] }] : [];
  });
  // Of a slot that only its new owner has open the old one may have sent all, or nothing.
  const here = [...importing].flatMap(([slot, other]) => {
    const from = byId(other);
    if (!from || from.view.facts.self.migrating.get(slot) === id) return [];
    return [{ from, to: leader, slots: [slot] }];
  });
  return [...away, ...here];
}

/** Those between the same two as one. */
function bundled(moves: readonly SlotMove[]): readonly SlotMove[] {
  const bundles = Map.groupBy(moves, ({ from, to }) => `${from.name} ${to.name}`);
  return [...bundles.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const slots = [first, ...others].flatMap((move) => move.slots);
    return [{ ...first, slots: slots.toSorted((a, b) => a - b) }];
  });
}
