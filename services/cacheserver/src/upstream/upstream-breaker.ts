// Whether an upstream is asked at all: after a failure not for a while, then by one request first.

import { backoffMs, type Random } from '@tweendeck/std';

export interface BreakerTiming {
  /** Pause after a first failure; it doubles up to `pauseMaxMs`, with jitter. */
  readonly pauseBaseMs: number;
  readonly pauseMaxMs: number;
}

export class UpstreamBreaker {
  readonly #timing: BreakerTiming;
  readonly #random: Pick<Random, 'next'>;
  #failures = 0;
  #untilMs = 0;

  constructor(timing: BreakerTiming, random: Pick<Random, 'next'>) {
    this.#timing = timing;
    this.#random = random;
  }

  get isClosed(): boolean {
    return this.#failures === 0;
  }

  /** Whether a request may be made while `underWay` others are. */
  allows(nowMs: number, underWay: number): boolean {
    if (this.#failures === 0) return true;
    return nowMs >= this.#untilMs && underWay === 0;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Failures of requests that were under way together count once. */
  failed(nowMs: number): void {
    if (this.#failures > 0 && nowMs < this.#untilMs) return;
    const { pauseBaseMs: baseMs, pauseMaxMs: maxMs } = this.#timing;
    this.#untilMs = nowMs + backoffMs({ baseMs, maxMs }, this.#failures, this.#random);
    this.#failures++;
  }
}
