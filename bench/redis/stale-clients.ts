// Clients that know one server and nothing of Sentinels: they write to it whatever happens, and count what it takes.

import { setTimeout as sleep } from 'node:timers/promises';
import { RedisCaller } from '../../e2e/support/redis-caller.ts';

const port = 6_379;
const pauseAfterFailureMs = 5;

export class StaleClients implements AsyncDisposable {
  /** Taken of what was sent before {@link resumed} was called, and answered after. */
  firstBreath = 0;
  /** Taken of what was sent after that. */
  taken = 0;
  refused = 0;
  #resumedMs = Number.POSITIVE_INFINITY;
  #stopped = false;
  readonly #work: Promise<unknown>;

  constructor(host: string, count: number) {
    this.#work = Promise.all(Array.from({ length: count }, (_, at) => this.#run(host, at)));
  }

  /** The server goes on now. */
  resumed(): void {
    this.#resumedMs = performance.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  async #run(host: string, number: number): Promise<void> {
    let caller = new RedisCaller(host, port);
    while (!this.#stopped) {
      const sentMs = performance.now();
      try {
        await caller.call('SET', `stale-${number}`, 'written');
        if (sentMs >= this.#resumedMs) this.taken++;
        else if (performance.now() >= this.#resumedMs) this.firstBreath++;
      } catch {
        if (sentMs >= this.#resumedMs) this.refused++;
        if (caller.isGone) caller = new RedisCaller(host, port);
        await sleep(pauseAfterFailureMs);
      }
    }
    caller.close();
  }
}
