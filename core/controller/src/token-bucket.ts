// A rate with a burst, on a monotonic clock.

/** Holds up to `burst` tokens and gains `perSecond`. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #atMs: number;

  constructor(options: {
    readonly burst: number;
    readonly perSecond: number;
    readonly nowMs: number;
  }) {
    this.#burst = options.burst;
    this.#perMs = options.perSecond / 1_000;
    this.#tokens = options.burst;
    this.#atMs = options.nowMs;
  }

  /** Takes a token if there is one. */
  take(nowMs: number): boolean {
    this.#gain(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes a token, from the future if need be; gives how many milliseconds to wait for it. */
  reserve(nowMs: number): number {
    this.#gain(nowMs);
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }

  #gain(nowMs: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
