// How long to wait before the next try, and the loop that does so.

import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Tries the caller makes at most; omitted: without end. */
  readonly attemptsMax?: number;
}

/** Exponential back-off with half jitter: within [d/2, d] for d = min(maxMs, baseMs * 2^attempt), attempt from 0. */
export function backoffMs(
  options: BackoffOptions,
  attempt: number,
  random: Pick<Random, 'next'>,
): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 40));
  return ceiling / 2 + random.next() * (ceiling / 2);
}

/** Runs `attempt` until it returns; what it throws is rethrown when `retryable` says no, tries run out, or the signal aborts. */
export async function retry<Value>(
  attempt: (attemptNumber: number) => Promise<Value>,
  options: BackoffOptions & {
    readonly clock: Clock;
    readonly random: Random;
    readonly retryable: (error: unknown) => boolean;
  },
  signal: AbortSignal,
): Promise<Value> {
  for (let number = 0; ; number++) {
    signal.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      const last = options.attemptsMax !== undefined && number + 1 >= options.attemptsMax;
      if (last || !options.retryable(error)) throw error;
      await options.clock.sleep(backoffMs(options, number, options.random), signal);
    }
  }
}
