// Which members lead, so that no host has so many leaders that the others could elect nobody without it. Pure.
//
// An election needs the votes of most leaders: a host may have fewer than half of them (measured: of 4 leaders the loss of
// 2, and of 6 the loss of 3, is never got over).

import type { ConditionInput } from '@tweendeck/controller';
import type { Seen } from './seen.ts';

/** A shard with members that could lead it. */
export interface Led {
  readonly leader: Seen;
  /** Followers that have all that the leader wrote. */
  readonly heirs: readonly Seen[];
}

export interface SpreadPlan {
  /** Who takes over from whom; undefined: it is as good as it gets. */
  readonly change: { readonly from: Seen; readonly to: Seen } | undefined;
  readonly condition: ConditionInput;
}

/** Leaders that a host may have. */
export function leadersMax(leaders: number): number {
  return Math.max(1, Math.ceil(leaders / 2) - 1);
}

/** One change at a time, and each makes it more even: it ends. */
export function planSpread(shards: readonly Led[]): SpreadPlan {
  const counts = countHosts(shards.map(({ leader }) => leader));
  const [worst = '', most = 0] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? [];
  const max = leadersMax(shards.length);
  if (most <= max) {
    const message = `no host has more than ${max} of ${shards.length} leaders`;
    return {
      change: undefined,
      condition: { type: 'LeadersSpread', status: 'True', reason: 'Spread', message },
    };
  }
  const [change] = shards
    .filter(({ leader }) => leader.pod.host === worst)
    .flatMap(({ leader, heirs }) => heirs.map((to) => ({ from: leader, to })))
    .map((one) => ({ ...one, after: (counts.get(hostOf(one.to)) ?? 0) + 1 }))
    .filter(({ to, after }) => hostOf(to) !== worst && after < most)
    .toSorted((a, b) => a.after - b.after);
  const message = `${most} of ${shards.length} leaders are on ${worst}: without it nobody could be elected; ${
    change ? 'another one is to lead' : 'members on more hosts are needed'
  }`;
  return {
    change: change && { from: change.from, to: change.to },
    condition: { type: 'LeadersSpread', status: 'False', reason: 'HostHasTooMany', message },
  };
}

/** Who leads first in each shard: on the host that leads least. By shard, in the order given. */
export function firstLeaders(
  shards: ReadonlyMap<number, readonly Seen[]>,
  present: readonly Seen[],
): ReadonlyMap<number, Seen> {
  const counts = new Map(countHosts(present));
  const chosen = new Map<number, Seen>();
  for (const [shard, members] of shards) {
    const [leader] = members.toSorted(
      (a, b) => (counts.get(hostOf(a)) ?? 0) - (counts.get(hostOf(b)) ?? 0),
    );
    if (leader === undefined) continue;
    counts.set(hostOf(leader), (counts.get(hostOf(leader)) ?? 0) + 1);
    chosen.set(shard, leader);
  }
  return chosen;
}

const hostOf = ({ pod }: Seen): string => pod.host ?? '';

function countHosts(members: readonly Seen[]): ReadonlyMap<string, number> {
  const hosts = Map.groupBy(members, hostOf);
  return new Map([...hosts].map(([host, all]) => [host, all.length]));
}
