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

interface Change {
  readonly from: Seen;
  readonly to: Seen;
}

export interface SpreadPlan {
  /** Who takes over from whom; undefined: it is as good as it gets. */
  readonly change: Change | undefined;
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
  const change = changeFrom(worst, shards, counts);
  const message = `${most} of ${shards.length} leaders are on ${worst}: without it nobody could be elected; ${
    change ? 'another one is to lead' : 'members on more hosts are needed'
  }`;
  return {
    change,
    condition: { type: 'LeadersSpread', status: 'False', reason: 'HostHasTooMany', message },
  };
}

/**
 * What takes a leader from a host, at once or over others that give one on: of the shortest way to a host with room the last
 * change, which makes room for the one before it.
 */
function changeFrom(
  worst: string,
  shards: readonly Led[],
  counts: ReadonlyMap<string, number>,
): Change | undefined {
  const count = (host: string): number => counts.get(host) ?? 0;
  const changes = shards.flatMap(({ leader, heirs }) => heirs.map((to) => ({ from: leader, to })));
  const reached = new Set([worst]);
  for (let edge = [worst]; edge.length > 0; ) {
    const next = changes
      .filter(({ from, to }) => edge.includes(hostOf(from)) && !reached.has(hostOf(to)))
      .toSorted((a, b) => count(hostOf(a.to)) - count(hostOf(b.to)));
    const [best] = next;
    if (best && count(hostOf(best.to)) + 1 < count(worst)) return best;
    edge = next.map(({ to }) => hostOf(to));
    for (const host of edge) reached.add(host);
  }
  return undefined;
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
  // Whoever came first may have taken the one place of another.
  for (let turn = 0; turn < shards.size ** 2; turn++) {
    const change = firstChange(shards, chosen, present);
    if (change === undefined) break;
    chosen.set(change.from.place.shard, change.to);
  }
  return chosen;
}

function firstChange(
  shards: ReadonlyMap<number, readonly Seen[]>,
  chosen: ReadonlyMap<number, Seen>,
  present: readonly Seen[],
): Change | undefined {
  const led = [...chosen].map(([shard, leader]) => ({
    leader,
    heirs: (shards.get(shard) ?? []).filter((one) => one !== leader),
  }));
  return planSpread([...led, ...present.map((leader) => ({ leader, heirs: [] }))]).change;
}

const hostOf = ({ pod }: Seen): string => pod.host ?? '';

function countHosts(members: readonly Seen[]): ReadonlyMap<string, number> {
  const hosts = Map.groupBy(members, hostOf);
  return new Map([...hosts].map(([host, all]) => [host, all.length]));
}
