// Which slots go where, so that each shard that stays has its share and the others have none. Pure.

import type { Seen } from './seen.ts';
import { holds, slotCount, slotsHeld, slotsIn } from './slots.ts';

export interface SlotMove {
  readonly from: Seen;
  readonly to: Seen;
  /** In order; those that are on their way already come first. */
  readonly slots: readonly number[];
}

/** Slots that a leader has open, and that nothing has to go for any more. */
export interface SlotClosing {
  readonly at: Seen;
  readonly slots: readonly number[];
  /** Who owns them since, of which the leader did not hear yet; undefined: it knows. */
  readonly owner: Seen | undefined;
}

interface Holder {
  readonly shard: number;
  readonly leader: Seen;
  /** Of all members of the shard: whoever gave or took a slot may have been followed by another one. */
  readonly ids: ReadonlySet<string>;
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

/** What was begun and not ended, also by somebody else: it is ended first, by those who lead the shards now. */
function begunMoves(leader: Seen, leaders: readonly Holder[]): readonly SlotMove[] {
  const { migrating, importing } = leader.view.facts.self;
  const away = [...migrating].flatMap(([slot, other]) => {
    const to = leaderBehind(other, leaders);
    return to && to !== leader && owns(leader, slot) ? [{ from: leader, to, slots: [slot] }] : [];
  });
  // Of a slot that only its new owner has open the old one may have sent all, or nothing.
  const here = [...importing.keys()].flatMap((slot) => {
    const from = leaders.find((one) => owns(one.leader, slot))?.leader;
    if (!from || from === leader || from.view.facts.self.migrating.has(slot)) return [];
    return [{ from, to: leader, slots: [slot] }];
  });
  return [...away, ...here];
}

/** What was ended and not closed: slots that went, that came, or that were to go to nobody who is there any more. */
export function planClosing(leaders: readonly Holder[]): readonly SlotClosing[] {
  return leaders.flatMap(({ leader }) => {
    const { migrating, importing } = leader.view.facts.self;
    const ways = [...migrating].map(([slot, other]) => {
      const to = leaderBehind(other, leaders);
      const isGone = to !== undefined && to !== leader && owns(to, slot);
      return { slot, isOpen: owns(leader, slot) && to && to !== leader && !isGone, to, isGone };
    });
    const closed = ways.filter(({ isOpen }) => !isOpen);
    const told = closed.filter(({ slot, isGone }) => isGone && owns(leader, slot));
    const stable = [
      ...closed.filter((one) => !told.includes(one)).map(({ slot }) => slot),
      ...[...importing.keys()].filter((slot) => owns(leader, slot)),
    ];
    const owners = Map.groupBy(told, ({ to }) => to);
    return [
      ...[...owners].map(([owner, all]) => ({
        at: leader,
        slots: all.map(({ slot }) => slot),
        owner,
      })),
      ...(stable.length > 0 ? [{ at: leader, slots: stable, owner: undefined }] : []),
    ];
  });
}

function leaderBehind(id: string, leaders: readonly Holder[]): Seen | undefined {
  return leaders.find(({ ids }) => ids.has(id))?.leader;
}

function owns({ view }: Seen, slot: number): boolean {
  return holds(view.facts.self.slots, slot);
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
