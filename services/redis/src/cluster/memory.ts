// Whether data have room where they are to go. Pure.

import type { ClusterSpec, Trouble } from '@tweendeck/engine';
import { parseQuantity, quantityValue } from '@tweendeck/kube';
import type { Seen } from './seen.ts';

export interface Memory {
  /** Keys and values, in bytes. */
  readonly data: number;
  /** All that the server uses, in bytes. */
  readonly used: number;
  /** `maxmemory` in bytes; 0: no bound. */
  readonly max: number;
}

/** A share of the limit is left to buffers, copies while it saves, and the program itself. */
const dataShare = 0.7;
/** Data take other room in another server, and clients write meanwhile. */
const reserve = 0.05;

type Spec = Pick<ClusterSpec<unknown>, 'groups' | 'config'>;

/** `maxmemory` of a member by its spec, in bytes. */
export function memoryFor({ groups }: Pick<Spec, 'groups'>, group: string): number {
  const limit = groups[group]?.resources.limits['memory'] ?? '256Mi';
  return Math.floor(Number(quantityValue(parseQuantity(String(limit)))) * dataShare);
}

/** Why shards cannot go: the others have no room for what they hold. Undefined where keys may be evicted. */
export function shrinkTrouble(
  spec: Spec,
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

/**
 * Why members cannot be restarted as the spec has them: what they hold would have no room. Its bound counts all that a server
 * uses; one that is full is restarted with as much as it has.
 */
export function limitTrouble(spec: Spec, seen: readonly Seen[]): Trouble | undefined {
  if (mayEvict(spec)) return undefined;
  const max = memoryFor(spec, 'data');
  const full = seen.find(({ wanted, view: { facts } }) => {
    const isLess = facts.memory.max === 0 || facts.memory.max > max;
    return wanted && isLess && facts.memory.used > max;
  });
  if (full === undefined) return undefined;
  const { used } = full.view.facts.memory;
  const message = `${full.name} uses ${mebibytes(used)}, and the memory limit of the spec leaves ${mebibytes(max)} for it: nobody is restarted with less than that; ask for more`;
  return { reason: 'NoRoom', message };
}

function mayEvict({ config = {} }: Spec): boolean {
  const { 'maxmemory-policy': policy = 'noeviction' } = config;
  return policy !== 'noeviction';
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
