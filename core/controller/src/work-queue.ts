// Which object's turn it is: keys that wait are kept once, a key in work is never given out twice.

import type { Clock, Timer } from '@tweendeck/std';
import type { Metrics } from './metrics.ts';
import { TokenBucket } from './token-bucket.ts';

export interface WorkQueueOptions {
  /** Metric label. */
  readonly name: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const retryBaseMs = 5;
const retryMaxMs = 300_000;
/** All keys together, so that a fault that hits every object at once does not become a storm. */
const retriesPerSecond = 50;
const retriesBurst = 200;

/** First come, first served. A key added while it is in work comes again when that is done. Closing ends it for all takers. */
export class WorkQueue implements Disposable {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #labels: Readonly<Record<string, string>>;
  /** Keys that wait and since when, in the order of their turn. */
  readonly #waiting = new Map<string, number>();
  /** Keys in work and since when. */
  readonly #working = new Map<string, number>();
  readonly #again = new Set<string>();
  readonly #later = new Map<string, { readonly timer: Timer; readonly dueMs: number }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #retries: TokenBucket;
  readonly #collector: Disposable;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#labels = { name: options.name };
    this.#retries = new TokenBucket({
      burst: retriesBurst,
      perSecond: retriesPerSecond,
      nowMs: options.clock.monotonicMs(),
    });
    this.#collector = options.metrics.collect(() => this.#measureWork());
  }

  /** Keys that wait, without those that wait for a time. */
  get length(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#metrics.count('workqueue_adds_total', this.#labels);
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#waiting.set(key, this.#clock.monotonicMs());
    this.#handOut();
    this.#metrics.set('workqueue_depth', this.#labels, this.#waiting.size);
  }

  /** Adds the key after a while. One moment per key: the earliest asked for. Taking the key drops it. */
  schedule(key: string, delayMs: number): void {
    if (this.#closed) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#later.get(key);
    if (known && known.dueMs <= dueMs) return;
    known?.timer[Symbol.dispose]();
    const timer = this.#clock.timer(Math.min(delayMs, 2 ** 31 - 1), () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { timer, dueMs });
  }

  /** Schedules another try: 5 ms after the first failure, twice as long after each, 5 minutes at most. Gives the delay. */
  retry(key: string): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    const ownMs = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(failures, 40));
    const delayMs = Math.max(ownMs, this.#retries.reserve(this.#clock.monotonicMs()));
    this.#metrics.count('workqueue_retries_total', this.#labels);
    this.schedule(key, delayMs);
    return delayMs;
  }

  /** Failures in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key did well: its next failure is a first one. */
  succeed(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, which is the taker's until `done`; undefined when the queue is closed. */
  take(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    if (this.#closed) resolve(undefined);
    else {
      this.#takers.push(resolve);
      this.#handOut();
    }
    return promise;
  }

  done(key: string): void {
    const sinceMs = this.#working.get(key);
    if (sinceMs !== undefined) {
      const seconds = (this.#clock.monotonicMs() - sinceMs) / 1_000;
      this.#metrics.observe('workqueue_work_duration_seconds', this.#labels, seconds);
      this.#working.delete(key);
    }
    if (this.#again.delete(key) && !this.#closed) {
      this.#waiting.set(key, this.#clock.monotonicMs());
      this.#handOut();
    }
    this.#metrics.set('workqueue_depth', this.#labels, this.#waiting.size);
  }

  /** Nothing is given out any more; keys in work are finished by their takers. */
  close(): void {
    this.#closed = true;
    this.#collector[Symbol.dispose]();
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#later.values()) timer[Symbol.dispose]();
    this.#later.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #handOut(): void {
    for (const [key, sinceMs] of this.#waiting) {
      const taker = this.#takers.shift();
      if (!taker) return;
      this.#waiting.delete(key);
      this.#working.set(key, this.#clock.monotonicMs());
      this.#later.get(key)?.timer[Symbol.dispose]();
      this.#later.delete(key);
      const waitedSeconds = (this.#clock.monotonicMs() - sinceMs) / 1_000;
      this.#metrics.observe('workqueue_queue_duration_seconds', this.#labels, waitedSeconds);
      taker(key);
    }
  }

  #measureWork(): void {
    const nowMs = this.#clock.monotonicMs();
    const seconds = [...this.#working.values()].map((sinceMs) => (nowMs - sinceMs) / 1_000);
    const sum = seconds.reduce((total, one) => total + one, 0);
    const longest = Math.max(0, ...seconds);
    this.#metrics.set('workqueue_unfinished_work_seconds', this.#labels, sum);
    this.#metrics.set('workqueue_longest_running_processor_seconds', this.#labels, longest);
  }
}
