// A clock that stands still until it is told to go on: time passes from timer to timer, in no real time.

import { type Clock, type Random, sleepOn, type Timer } from '@tweendeck/std';

interface Pending {
  readonly atMs: number;
  /** Decides between timers of the same moment; from the seed, so that no code relies on their order. */
  readonly rank: number;
  readonly run: () => void;
  state: 'waiting' | 'fired' | 'disposed';
}

export interface SimClockOptions {
  /** Orders timers that are due at the same moment. */
  readonly random: Pick<Random, 'next'>;
  /** Wall time at the start, in milliseconds since 1970. Default: 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
}

/** Simulated time. Nothing real (sockets, files, threads) may be awaited by the code that runs on it. */
export class SimClock implements Clock {
  readonly #random: Pick<Random, 'next'>;
  readonly #startMs: number;
  readonly #heap: Pending[] = [];
  #elapsedMs = 0;
  #wallOffsetMs = 0;
  #waiting = 0;

  constructor(options: SimClockOptions) {
    this.#random = options.random;
    this.#startMs = options.startMs ?? Date.UTC(2026, 0, 1);
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that have neither fired nor been disposed. A test that ends with some has left something open. */
  get waitingCount(): number {
    return this.#waiting;
  }

  /** Sets the wall clock forward or back, as an operator or a time server does; durations are not touched. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  timer(delayMs: number, run: () => void): Timer {
    const atMs = this.#elapsedMs + Math.max(0, delayMs);
    const pending: Pending = { atMs, rank: this.#random.next(), run, state: 'waiting' };
    push(this.#heap, pending);
    this.#waiting++;
    return {
      get fired() {
        return pending.state === 'fired';
      },
      [Symbol.dispose]: () => {
        if (pending.state !== 'waiting') return;
        pending.state = 'disposed';
        this.#waiting--;
      },
    };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /**
   * Fires the next timer due at or before `untilMs` (on the monotonic scale) and lets what it woke run to rest; false
   * when there is none, and then it is `untilMs`.
   */
  async step(untilMs: number): Promise<boolean> {
    const next = this.#next();
    if (!next || next.atMs > untilMs) {
      this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
      return false;
    }
    pop(this.#heap);
    this.#elapsedMs = next.atMs;
    next.state = 'fired';
    this.#waiting--;
    next.run();
    await settle();
    return true;
  }

  /** Lets time pass, firing every timer that becomes due, also those set on the way. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + byMs;
    await settle();
    while (await this.step(untilMs));
  }

  /** Lets time pass until `promise` settles, and gives what it settles with; fails when `limitMs` is not enough. */
  async until<Value>(promise: Promise<Value>, limitMs = 3_600_000): Promise<Value> {
    const untilMs = this.#elapsedMs + limitMs;
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await settle();
    while (!settled && (await this.step(untilMs)));
    if (!settled) throw new Error(`nothing settled within ${limitMs} simulated milliseconds`);
    return promise;
  }

  #next(): Pending | undefined {
    while (this.#heap[0]?.state === 'disposed') pop(this.#heap);
    return this.#heap[0];
  }
}

/** Lets every promise that can go on do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function before(left: Pending, right: Pending): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.rank < right.rank);
}

function push(heap: Pending[], item: Pending): void {
  let index = heap.push(item) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (!above || !before(item, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = item;
}

function pop(heap: Pending[]): void {
  const item = heap.pop();
  if (!item || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = index * 2 + 1;
    const [left, right] = [heap[child], heap[child + 1]];
    if (!left) break;
    const least = right && before(right, left) ? right : left;
    if (least === right) child++;
    if (!before(least, item)) break;
    heap[index] = least;
    index = child;
  }
  heap[index] = item;
}
