// What a running data plane says about itself.

import type { CleanerStats } from '../cleaner/cleaner.ts';
import type { MirroringStats } from '../mirror/mirroring-store.ts';
import type { RedisStoreStats } from '../redis/redis-store.ts';
import type { ReliabilityStats } from '../reliability/reliable-store.ts';
import type { ScrubStats } from '../scrub/scrubber.ts';
import type { UpstreamStats } from '../upstream/upstream-store.ts';
import type { CounterValues } from './counters.ts';
import type { LatencyStats } from './latencies.ts';
import type { TopClientStats } from './top-clients.ts';
import type { ValueStoreStats } from './value-store.ts';

/** Figures of what is configured for a namespace beside its store. */
export interface NamespaceParts {
  readonly cleaner?: CleanerStats;
  readonly scrub?: ScrubStats;
  readonly reliability?: ReliabilityStats;
  readonly mirror?: MirroringStats;
  readonly upstream?: UpstreamStats;
  readonly redis?: RedisStoreStats;
}

/** Figures of one namespace, at one moment. */
export interface NamespaceStats extends NamespaceParts {
  readonly server: CounterValues;
  readonly store: ValueStoreStats;
  readonly latencies: LatencyStats;
  readonly topClients: TopClientStats;
}

/** Counters of the protocol and figures of the stores, at one moment. */
export interface CacheServerStats {
  /** `leaving`: clients are served, and load balancers are told to send no more. `draining`: no new clients. */
  readonly state: 'serving' | 'leaving' | 'draining';
  /** Of the document that counts, where it has one. */
  readonly revision?: string;
  /** Of all namespaces together. */
  readonly server: CounterValues;
  readonly store: ValueStoreStats;
  readonly namespaces: Readonly<Record<string, NamespaceStats>>;
}

/**
 * Adds up figures of the same shape: numbers are added, records field by field; of anything else the first stands.
 */
export function sumOf<Figures>(all: readonly [Figures, ...Figures[]]): Figures {
  return all.slice(1).reduce<Figures>((sum, next) => added(sum, next) as Figures, all[0]); // of one shape
}

function added(left: unknown, right: unknown): unknown {
  if (typeof left === 'number' && typeof right === 'number') return left + right;
  if (left === undefined) return right;
  if (!isRecord(left) || !isRecord(right)) return left;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...keys].map((key) => [key, added(left[key], right[key])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
