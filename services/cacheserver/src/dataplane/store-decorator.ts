// A store that does what its inner store does: whoever adds something to a store begins here.

import type {
  KeyPage,
  KeyQuery,
  PutClient,
  PutTransaction,
  RemoveOutcome,
  Soon,
  StoredEntry,
  StoredKey,
  ValueStore,
  ValueStoreStats,
} from './value-store.ts';

/** Takes the inner store over, and disposes it. */
export class StoreDecorator implements ValueStore {
  protected readonly inner: ValueStore;

  constructor(inner: ValueStore) {
    this.inner = inner;
  }

  find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    return this.inner.find(bytes, at);
  }

  peek(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    return this.inner.peek(bytes, at);
  }

  begin(bytes: Uint8Array, at: number, client?: PutClient): PutTransaction {
    return this.inner.begin(bytes, at, client);
  }

  flush(): void {
    this.inner.flush?.();
  }

  describe(bytes: Uint8Array, at: number): Soon<StoredKey | undefined> {
    return this.inner.describe(bytes, at);
  }

  keys(query: KeyQuery): Soon<KeyPage> {
    return this.inner.keys(query);
  }

  remove(bytes: Uint8Array, at: number): Soon<RemoveOutcome> {
    return this.inner.remove(bytes, at);
  }

  clear(): Soon<number> {
    return this.inner.clear();
  }

  stats(): ValueStoreStats {
    return this.inner.stats();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.inner[Symbol.asyncDispose]());
  }
}
