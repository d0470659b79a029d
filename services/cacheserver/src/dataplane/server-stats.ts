// What a running data plane says about itself.

import type { CounterValues } from './counters.ts';
import type { ValueStoreStats } from './value-store.ts';

/** Counters of the protocol and figures of the store, at one moment. */
export interface CacheServerStats {
  /** `leaving`: clients are served, and load balancers are told to send no more. `draining`: no new clients. */
  readonly state: 'serving' | 'leaving' | 'draining';
  readonly server: CounterValues;
  readonly store: ValueStoreStats;
}
