// How much servers hold, and how much their spec leaves them for it. Pure.

import type { ClusterSpec, Member, Trouble } from '@tweendeck/engine';
import { parseQuantity, quantityValue } from '@tweendeck/kube';

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

/** What of a spec bounds memory. */
export type MemorySpec = Pick<ClusterSpec<unknown>, 'groups' | 'config'>;

/** Whoever said how much it holds. */
export interface Holding extends Pick<Member<unknown>, 'name' | 'wanted'> {
  readonly memory: Memory;
}

/** `maxmemory` of a member by its spec, in bytes. */
export function memoryFor({ groups }: Pick<MemorySpec, 'groups'>, group: string): number {
  const limit = groups[group]?.resources.limits['memory'] ?? '256Mi';
  return Math.floor(Number(quantityValue(parseQuantity(String(limit)))) * dataShare);
}

/** What `INFO` says of it; 0 where it says nothing. */
export function memoryIn(info: ReadonlyMap<string, string>): Memory {
  const number = (name: string): number => Number(info.get(name) ?? 0);
  return {
    data: number('used_memory_dataset'),
    ...{ used: number('used_memory'), max: number('maxmemory') },
  };
}

/**
 * Why servers of the group `data` cannot be restarted as the spec has them: what they hold would have no room. Its bound counts
 * all that a server uses; one that is full is restarted with as much as it has. Undefined where keys may be evicted.
 */
export function limitTrouble(spec: MemorySpec, servers: readonly Holding[]): Trouble | undefined {
  if (mayEvict(spec)) return undefined;
  const max = memoryFor(spec, 'data');
  const full = servers.find(({ wanted, memory }) => {
    const isLess = memory.max === 0 || memory.max > max;
    return wanted && isLess && memory.used > max;
  });
  if (full === undefined) return undefined;
  const message = `${full.name} uses ${mebibytes(full.memory.used)}, and the memory limit of the spec leaves ${mebibytes(max)} for it: nobody is restarted with less than that; ask for more`;
  return { reason: 'NoRoom', message };
}

/** Whether keys go when memory is full: that they do is the user's decision. */
export function mayEvict({ config = {} }: Pick<MemorySpec, 'config'>): boolean {
  const { 'maxmemory-policy': policy = 'noeviction' } = config;
  return policy !== 'noeviction';
}

/** As in `52 MiB`, rounded up. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
