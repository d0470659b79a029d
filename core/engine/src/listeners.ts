// Keeps listening to the members of clusters between passes.

import { isAbort, type Logger, linkedAbort } from '@tweendeck/std';

export interface Listening {
  /** What it hangs on: with another text it is begun anew. */
  readonly key: string;
  /** Lasts until the signal aborts or there is nothing more to hear. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** What is listened to, by cluster. */
export class Listeners {
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #running = new Map<string, Map<string, AbortController>>();

  constructor(signal: AbortSignal, log: Logger) {
    this.#signal = signal;
    this.#log = log;
  }

  /** Listens to these and nobody else of the cluster. Who went on by itself meanwhile is begun anew. */
  set(cluster: string, wanted: readonly Listening[]): void {
    const running = this.#running.get(cluster) ?? new Map<string, AbortController>();
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, ending] of running) if (!keys.has(key)) ending.abort();
    for (const one of wanted) if (!running.has(one.key)) this.#begin(running, one);
    if (running.size > 0) this.#running.set(cluster, running);
    else this.#running.delete(cluster);
  }

  #begin(running: Map<string, AbortController>, { key, run }: Listening): void {
    if (this.#signal.aborted) return;
    const ending = linkedAbort(this.#signal);
    running.set(key, ending);
    void run(ending.signal)
      .catch((error: unknown) => {
        if (!isAbort(error, ending.signal))
          this.#log.debug('a member is not heard', { error, key });
      })
      .finally(() => {
        ending[Symbol.dispose]();
        if (running.get(key) === ending) running.delete(key);
      });
  }
}
