// A few connections to an upstream, made when they are needed and closed when they are not.

import { type Clock, linkedAbort } from '@tweendeck/std';
import { CacheClient } from '../client/cache-client.ts';
import type { FarCache } from '../client/far-cache.ts';

export interface UpstreamPoolOptions {
  readonly address: FarCache;
  readonly connectionsMax: number;
  /** Longest silence while an answer is due. */
  readonly timeoutMs: number;
  /** Connections that nobody uses are closed after so long. */
  readonly idleMs: number;
  readonly clock: Clock;
  /** Looks at a new connection before it is used; what it throws ends it. */
  readonly check: (client: CacheClient, signal: AbortSignal) => Promise<void>;
}

interface Slot {
  readonly control: AbortController & Disposable;
  readonly client: Promise<CacheClient>;
  /** Connected and looked at. */
  readonly ready: Promise<CacheClient>;
  users: number;
}

export class UpstreamPool implements AsyncDisposable {
  readonly #options: UpstreamPoolOptions;
  readonly #control = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #slots: Slot[] = [];
  #idle: Disposable | undefined;

  constructor(options: UpstreamPoolOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#slots.length;
  }

  /**
   * Gives `use` a connection, which others may use at the same time. What it throws ends the connection for all.
   */
  async with<Result>(
    use: (client: CacheClient, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const slot = this.#slot();
    slot.users++;
    this.#idle?.[Symbol.dispose]();
    const result = this.#use(slot, use);
    this.#running.add(result);
    try {
      return await result;
    } finally {
      this.#running.delete(result);
      slot.users--;
      if (this.#running.size === 0) this.#restWhenIdle();
    }
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.abort();
    this.#idle?.[Symbol.dispose]();
    for (const slot of this.#slots) this.#end(slot);
    await Promise.allSettled(this.#running);
  }

  async #use<Result>(
    slot: Slot,
    use: (client: CacheClient, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await use(await slot.ready, slot.control.signal);
    } catch (error) {
      this.#end(slot);
      throw error;
    }
  }

  /** The connection with the fewest users; a new one while all are used and there may be more. */
  #slot(): Slot {
    const [least] = this.#slots.toSorted((left, right) => left.users - right.users);
    const { connectionsMax } = this.#options;
    if (least !== undefined && (least.users === 0 || this.#slots.length >= connectionsMax)) {
      return least;
    }
    const slot = this.#open();
    this.#slots.push(slot);
    return slot;
  }

  #open(): Slot {
    const { address, timeoutMs, clock, check } = this.#options;
    const control = linkedAbort(this.#control.signal);
    const client = CacheClient.connect({ ...address, timeoutMs, clock }, control.signal);
    const ready = client.then(async (connected) => {
      await check(connected, control.signal);
      return connected;
    });
    ready.catch(() => undefined); // told to whoever uses it
    return { control, client, ready, users: 0 };
  }

  #end(slot: Slot): void {
    this.#slots = this.#slots.filter((other) => other !== slot);
    slot.control[Symbol.dispose]();
    slot.client.then(
      (client) => client[Symbol.dispose](),
      () => undefined,
    );
  }

  #restWhenIdle(): void {
    const { clock, idleMs } = this.#options;
    this.#idle?.[Symbol.dispose]();
    const close = (): void => {
      for (const slot of this.#slots) this.#end(slot);
    };
    if (!this.#control.signal.aborted)
      this.#idle = clock.timer(idleMs, close, { keepAlive: false });
  }
}
