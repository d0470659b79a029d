// Hands every committed change to the watchers of its prefix.

import { BoundedQueue } from '@tweendeck/std';

import type { Change } from './store.ts';

/** One watcher: a prefix and the changes that it has not read yet. */
export class Subscription {
  readonly prefix: string;
  readonly #queue: BoundedQueue<Change>;
  #ended = false;

  constructor(prefix: string, lengthMax: number) {
    this.prefix = prefix;
    this.#queue = new BoundedQueue({ lengthMax, whenFull: 'fail' });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Queues the changes; a reader too far behind gets QUEUE_OVERFLOW instead. */
  push(changes: readonly Change[]): void {
    for (const change of changes) {
      if (this.#queue.push(change)) continue;
      this.#ended = true;
      return;
    }
  }

  /** No change comes any more; what is queued can be read. */
  close(): void {
    this.#ended = true;
    this.#queue.close();
  }

  /** Ends the reader at once. */
  stop(): void {
    this.close();
    this.#queue.drain();
  }

  fail(error: unknown): void {
    this.#ended = true;
    this.#queue.fail(error);
  }

  /** Everything queued so far at each step. */
  async *batches(): AsyncGenerator<readonly Change[]> {
    for await (const first of this.#queue) yield [first, ...this.#queue.drain()];
  }
}

/** All watchers of a store. Changes are shared between them, and each prefix is matched once. */
export class WatchHub {
  readonly #byPrefix = new Map<string, Set<Subscription>>();

  add(subscription: Subscription): void {
    const { prefix } = subscription;
    const peers = this.#byPrefix.get(prefix);
    if (peers) peers.add(subscription);
    else this.#byPrefix.set(prefix, new Set([subscription]));
  }

  remove(subscription: Subscription): void {
    const peers = this.#byPrefix.get(subscription.prefix);
    if (peers?.delete(subscription) && peers.size === 0) {
      this.#byPrefix.delete(subscription.prefix);
    }
  }

  publish(changes: readonly Change[]): void {
    for (const [prefix, peers] of this.#byPrefix) {
      const wanted = changes.filter((change) => change.key.startsWith(prefix));
      if (wanted.length === 0) continue;
      for (const peer of peers) {
        peer.push(wanted);
        if (peer.ended) this.remove(peer);
      }
    }
  }

  /** Ends all watchers after what they have not read yet, or with `failure` at once. */
  end(failure?: unknown): void {
    for (const peers of this.#byPrefix.values()) {
      for (const peer of peers) {
        if (failure === undefined) peer.close();
        else peer.fail(failure);
      }
    }
    this.#byPrefix.clear();
  }
}
