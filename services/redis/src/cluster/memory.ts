// Whether data have room in the shards where they are to go. Pure.

import type { Trouble } from '@tweendeck/engine';
import { type Holding, type MemorySpec, mayEvict, mebibytes } from '../memory.ts';
import type { Seen } from './seen.ts';

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
  if (staying.some(({ max }) => max === 0)) return undefined;
  const going = sum(memories.filter(({ shard }) => shard >= shards).map(({ data }) => data));
  const room = sum(staying.map(({ max, used }) => Math.max(0, max * (1 - reserve) - used)));
  if (going <= room) return undefined;
  const message = `the shards that are to go hold ${mebibytes(going)}, and those that stay have room for ${mebibytes(room)}: give members more memory, or keep more shards`;
  return { reason: 'NoRoom', message };
}

/** What each of them holds. */
export function holdings(seen: readonly Seen[]): readonly Holding[] {
  return seen.map(({ name, wanted, view: { facts } }) => ({
    ...{ name, wanted, memory: facts.memory },
  }));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
