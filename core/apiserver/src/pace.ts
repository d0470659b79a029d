// Long work in short turns: who goes through a whole collection lets requests that wait have theirs.

import type { Clock } from '@tweendeck/std';

/** Longer than this nobody keeps the event loop to himself. */
const turnMs = 8;
/** Looking at the clock costs as much as an easy step does. */
const stepsUnseen = 32;

export class Pace {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #sinceMs: number;
  #steps = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** To be called before each step. Gives something to wait for when the turn is over. */
  step(): Promise<void> | undefined {
    if (++this.#steps % stepsUnseen !== 0) return undefined;
    if (this.#clock.monotonicMs() - this.#sinceMs < turnMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#sinceMs = this.#clock.monotonicMs();
        resolve();
      });
    });
  }
}
