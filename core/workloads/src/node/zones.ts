// How fast nodes may be given up: slower where many are in trouble at once, not at all when all are. Rules: upstream's node
// lifecycle controller.

import type { Node } from '@tweendeck/kube';

export type ZoneState = 'initial' | 'normal' | 'partial' | 'full';

export interface EvictionRates {
  /** Nodes a second, in a zone that is well apart from them. */
  readonly usual: number;
  /** In a large zone most of which is in trouble; a small one stops. */
  readonly reduced: number;
  /** A zone is large when it has more nodes than this. */
  readonly largeZoneNodes: number;
  /** The part of a zone from which on most of it is in trouble. */
  readonly unhealthyShare: number;
}

export const usualRates: EvictionRates = {
  usual: 0.1,
  reduced: 0.01,
  largeZoneNodes: 50,
  unhealthyShare: 0.55,
};

/** Region and zone; empty for nodes that say neither. */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const zone =
    labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'];
  const region =
    labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'];
  return zone === undefined && region === undefined ? '' : `${region ?? ''}:\0:${zone ?? ''}`;
}

export interface ZoneCount {
  readonly ready: number;
  readonly notReady: number;
}

function stateOf({ ready, notReady }: ZoneCount, { unhealthyShare }: EvictionRates): ZoneState {
  if (ready === 0 && notReady > 0) return 'full';
  return notReady > 2 && notReady / (notReady + ready) >= unhealthyShare ? 'partial' : 'normal';
}

export interface ZonesPlan {
  readonly states: ReadonlyMap<string, ZoneState>;
  /** Nodes a second that may be given up. */
  readonly rates: ReadonlyMap<string, number>;
  /** All nodes of all zones are in trouble: it is more likely ours than theirs, and nobody has to leave. */
  readonly isStopped: boolean;
  /** That is just over: what was not heard meanwhile does not count. */
  readonly resumes: boolean;
}

export function planZones(
  counts: ReadonlyMap<string, ZoneCount>,
  before: ReadonlyMap<string, ZoneState>,
  rates: EvictionRates,
): ZonesPlan {
  const states = new Map(
    [...counts].map(([zone, count]) => [zone, stateOf(count, rates)] as const),
  );
  const isStopped = states.size > 0 && [...states.values()].every((state) => state === 'full');
  const wasStopped = before.size > 0 && [...before.values()].every((state) => state === 'full');
  const allowed = [...counts].map(([zone, { ready, notReady }]) => {
    const small = ready + notReady <= rates.largeZoneNodes;
    const rate = states.get(zone) !== 'partial' ? rates.usual : small ? 0 : rates.reduced;
    return [zone, isStopped ? 0 : rate] as const;
  });
  return {
    states,
    rates: new Map(allowed),
    isStopped,
    resumes: wasStopped && !isStopped,
  };
}

/** One node at once, then at the rate; a change of the rate begins with a full measure, as upstream's does. */
export class Allowance {
  #rate = 0;
  #level = 0;
  #atMs = 0;

  setRate(rate: number, monotonicMs: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#level = rate > 0 ? 1 : 0;
    this.#atMs = monotonicMs;
  }

  /** 0 when one was taken; otherwise how long until there is one, infinitely long when there is no rate. */
  take(monotonicMs: number): number {
    if (this.#rate <= 0) return Number.POSITIVE_INFINITY;
    const gained = ((monotonicMs - this.#atMs) / 1_000) * this.#rate;
    this.#level = Math.min(1, this.#level + gained);
    this.#atMs = monotonicMs;
    if (this.#level >= 1 - 1e-9) {
      this.#level = 0;
      return 0;
    }
    return Math.ceil(((1 - this.#level) / this.#rate) * 1_000);
  }
}
