// A change that several waits want to hear of, without queues: a counter that can be waited on.

import { abortable, type Clock, linkedAbort } from '@tweendeck/std';

export class Nudge {
  #version = 0;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  get version(): number {
    return this.#version;
  }

  /** Ends every wait for the present version. */
  notify(): void {
    this.#version++;
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    resolve();
  }

  /** Resolves as soon as the version is no longer `seen`. */
  async changed(seen: number, signal: AbortSignal): Promise<void> {
    while (this.#version === seen) await abortable(this.#wake.promise, signal);
  }
}

/** Waits for `delayMs`, or less if `nudge` moves on from `seen`. */
export async function sleepOrNudge(
  waiting: { readonly clock: Clock; readonly nudge: Nudge; readonly seen: number },
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  using both = linkedAbort(signal);
  const { clock, nudge, seen } = waiting;
  await Promise.race([clock.sleep(delayMs, both.signal), nudge.changed(seen, both.signal)]);
}

/** Whether `promise` settled within `delayMs`; its failure counts as settled and is not thrown. */
export async function settlesWithin(
  promise: Promise<unknown>,
  { clock, delayMs }: { readonly clock: Clock; readonly delayMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  using timer = linkedAbort(signal);
  const settled = promise.then(
    () => true,
    () => true,
  );
  const late = clock.sleep(Math.max(0, delayMs), timer.signal).then(() => false);
  return await Promise.race([settled, late]);
}
