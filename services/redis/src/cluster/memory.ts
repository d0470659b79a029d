// Whether data have room in the shards where they are to go. Pure.

import type { Trouble } from '@tweendeck/engine';
import { type Holding, type MemorySpec, mayEvict, mebibytes, memoryFor } from '../memory.ts';
import type { SlotMove } from './plan-moves.ts';
import type { Seen } from './seen.ts';
import { slotsHeld } from './slots.ts';

/** Data take other room in another server, and clients write meanwhile. */
const reserve = 0.05;

/** Why shards cannot go: the others have no room for what they hold. Undefined where keys may be evicted. */
export function shrinkTrouble(
  spec: MemorySpec,
  leaders: readonly { readonly leader: Seen; readonly shard: number }[],
): Trouble | undefined {
  if (mayEvict(spec)) return undefined;
  const shards = spec.groups['data']?.shards ?? 1;
  const memories = leaders.map(({ leader, shard }) => ({ shard, ...leader.view.facts.memory }));
  const staying = memories.filter(({ shard }) => shard < shards);
  const going = sum(memories.filter(({ shard }) => shard >= shards).map(({ data }) => data));
  const room = sum(staying.map((memory) => roomIn(spec, memory)));
  if (going <= room) return undefined;
  const message = `the shards that are to go hold ${mebibytes(going)}, and those that stay have room for ${mebibytes(room)}: give members more memory, or keep more shards`;
  return { reason: 'NoRoom', message };
}

/** Why slots cannot move: whoever takes them has no room for what they hold. What was begun is ended. */
export function moveTrouble(spec: MemorySpec, { from, to, slots }: SlotMove): Trouble | undefined {
  const { migrating } = from.view.facts.self;
  const { importing } = to.view.facts.self;
  const isBegun = slots.some((slot) => migrating.has(slot) || importing.has(slot));
  if (isBegun || mayEvict(spec)) return undefined;
  const [going, room] = [heldIn(slots, from), roomIn(spec, to.view.facts.memory)];
  if (going <= room) return undefined;
  const message = `slots that are to go from ${from.name} hold about ${mebibytes(going)}, and ${to.name} has room for ${mebibytes(room)}: give members more memory`;
  return { reason: 'NoRoom', message };
}

/** About what so many slots of a member hold, in bytes: each as much as any other. */
export function heldIn({ length }: readonly number[], { view: { facts } }: Seen): number {
  const held = slotsHeld(facts.self.slots);
  return held === 0 ? 0 : (facts.memory.data * length) / held;
}

/** In bytes; of what a server has and what it is to have the less counts: it is restarted with that. */
function roomIn(spec: MemorySpec, { max, used }: Holding['memory']): number {
  const wanted = memoryFor(spec, 'data');
  const bound = max === 0 ? wanted : Math.min(max, wanted);
  return Math.max(0, bound * (1 - reserve) - used);
}

/** What each of them holds. */
export function holdings(seen: readonly Seen[]): readonly Holding[] {
  return seen.map(({ name, wanted, view: { facts } }) => ({
    ...{ name, wanted, memory: facts.memory },
  }));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
