// What happens at moments of a clock and is run when somebody looks: a thousand small things cost no timer of the clock.

import type { Clock } from '@tweendeck/std';

interface Due {
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void;
}

/** Runs what is due in the order of its moments, and at the same moment in the order it was said. Nothing in it waits. */
export class Happenings {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #heap: Due[] = [];
  #count = 0;
  #nowMs: number;
  #running = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#nowMs = clock.monotonicMs();
  }

  /** The moment of what is being run; else that of the last look. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What is to happen at a moment that has passed happens at the next look. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    const due: Due = { atMs, number: this.#count++, run };
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || !before(due, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + delayMs, run);
  }

  /** Runs all that is due by now, also what that brings about. What runs must not look. */
  look(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      const untilMs = this.#clock.monotonicMs();
      for (let due = this.#heap[0]; due && due.atMs <= untilMs; due = this.#heap[0]) {
        this.#pop();
        this.#nowMs = Math.max(this.#nowMs, due.atMs);
        due.run();
      }
      this.#nowMs = untilMs;
    } finally {
      this.#running = false;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (!left) break;
      const least = right && before(right, left) ? right : left;
      if (least === right) child++;
      if (!before(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}

function before(left: Due, right: Due): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.number < right.number);
}
