// The time by which a store ages its keys: wall time at the start, the monotonic clock from there on.

import type { Clock } from '@tweendeck/std';

/** A jump of the wall clock changes nothing while the store is open. */
export class StoreClock {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  #offsetMs: number;

  constructor(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>) {
    this.#clock = clock;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
  }

  /** A time that has been: where the wall clock is behind it, time goes on from here. */
  notBefore(pastMs: number): void {
    if (pastMs > this.nowMs()) this.#offsetMs = pastMs - this.#clock.monotonicMs();
  }

  nowMs(): number {
    return this.#offsetMs + this.#clock.monotonicMs();
  }

  /** `nowMs` in whole seconds, as the index keeps them. */
  nowSeconds(): number {
    return secondsOf(this.nowMs());
  }
}

/** Seconds since 1970 as an unsigned word; 0 for what is no time. */
export function secondsOf(wallMs: number): number {
  return Math.min(Math.max(Math.floor(wallMs / 1_000), 0) || 0, 2 ** 32 - 1);
}
