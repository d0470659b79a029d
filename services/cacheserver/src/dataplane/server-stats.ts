// What a running data plane says about itself.

import type { CounterValues } from './counters.ts';
import type { ValueStoreStats } from './value-store.ts';

/** Counters of the protocol and figures of the store, at one moment. */
export interface CacheServerStats {
  readonly state: 'serving' | 'draining';
  readonly server: CounterValues;
  readonly store: ValueStoreStats;
}
