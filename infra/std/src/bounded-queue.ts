// A queue between one producer side and one consumer side, with a limit and a stated behaviour there.

import { PlatformError } from './error.ts';

export interface BoundedQueueOptions {
  readonly lengthMax: number;
  /** `fail` closes the queue for the reader with QUEUE_OVERFLOW; `drop-oldest` and `drop-newest` lose one item. */
  readonly whenFull: 'fail' | 'drop-oldest' | 'drop-newest';
}

/** First in, first out. Iterating ends when the queue is closed and empty, or throws what it was failed with. */
export class BoundedQueue<Item> implements AsyncIterable<Item>, Disposable {
  readonly #options: BoundedQueueOptions;
  #items: Item[] = [];
  #head = 0;
  #wake: (() => void) | undefined;
  #ended: { readonly failure: unknown } | undefined;
  #droppedCount = 0;

  constructor(options: BoundedQueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Items lost to the limit so far. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Adds an item; false when the queue has ended or the item was dropped. */
  push(item: Item): boolean {
    if (this.#ended) return false;
    if (this.length >= this.#options.lengthMax) {
      if (this.#options.whenFull === 'fail') {
        this.fail(
          new PlatformError(
            'QUEUE_OVERFLOW',
            `the reader fell ${this.#options.lengthMax} items behind`,
          ),
        );
        return false;
      }
      this.#droppedCount++;
      if (this.#options.whenFull === 'drop-newest') return false;
      this.#take();
    }
    this.#items.push(item);
    this.#notify();
    return true;
  }

  /** Ends the queue: what is in it can still be read. */
  close(): void {
    this.#ended ??= { failure: undefined };
    this.#notify();
  }

  /** Ends the queue at once: what is in it is dropped, and the reader gets `error`. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = { failure: error };
    this.#items = [];
    this.#head = 0;
    this.#notify();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (;;) {
      while (this.length > 0) yield this.#take();
      if (this.#ended) {
        if (this.#ended.failure !== undefined) throw this.#ended.failure;
        return;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** Takes the next item, if there is one now. */
  poll(): Item | undefined {
    return this.length > 0 ? this.#take() : undefined;
  }

  /** Takes everything that is in the queue now, without waiting. */
  drain(): Item[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }

  #take(): Item {
    const item = this.#items[this.#head] as Item; // the caller checked that length > 0
    this.#head++;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
