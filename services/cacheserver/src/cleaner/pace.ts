// Work beside serving: a slice of it, then a rest in which the clients have their turn.

import type { Clock } from '@tweendeck/std';

export interface PaceOptions {
  /** How long a slice may take; default 2 ms. */
  readonly sliceMs?: number;
  /** How long the rest is; default 4 ms: a third of one processor at most is used. */
  readonly restMs?: number;
  /** Turns in a slice at most; default 1,024. */
  readonly turnsMax?: number;
}

export class Pace {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly #signal: AbortSignal;
  readonly #sliceMs: number;
  readonly #restMs: number;
  readonly #turnsMax: number;
  #turns = 0;
  #sinceMs: number;

  /** A rest ends with the signal's reason when it aborts. */
  constructor(
    clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
    options: PaceOptions,
    signal: AbortSignal,
  ) {
    this.#clock = clock;
    this.#signal = signal;
    this.#sliceMs = options.sliceMs ?? 2;
    this.#restMs = options.restMs ?? 4;
    this.#turnsMax = options.turnsMax ?? 1_024;
    this.#sinceMs = clock.monotonicMs();
  }

  /** To be called after each small piece of work, and waited for when there is something to wait for. */
  turn(): Promise<void> | undefined {
    const goesOn =
      ++this.#turns < this.#turnsMax && this.#clock.monotonicMs() - this.#sinceMs < this.#sliceMs;
    return goesOn ? undefined : this.#rest();
  }

  async #rest(): Promise<void> {
    this.#turns = 0;
    await this.#clock.sleep(this.#restMs, this.#signal);
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
