// The interface of the revisioned key-value store; every implementation passes the suite in conformance.ts.

/** One write. All mutations of a commit take effect or none does. */
export type Mutation =
  | {
      readonly operation: 'put';
      readonly key: string;
      readonly value: Uint8Array;
      /** Revision the key must have now; 0: the key must not exist; omitted: whatever is there. */
      readonly expectedRevision?: number;
      /** Whether the write leads to a delete, so that it may use the room kept for those when the disk is full. */
      readonly reclaims?: boolean;
    }
  | { readonly operation: 'delete'; readonly key: string; readonly expectedRevision?: number };

export interface Item {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the write that made this value. */
  readonly revision: number;
}

export interface ListOptions {
  /** Read the past as of this revision; omitted: now. Fails with STORE_COMPACTED or STORE_FUTURE_REVISION. */
  readonly revision?: number;
  /** Only keys after this one, in byte order. */
  readonly after?: string;
  readonly lengthMax?: number;
}

export interface ListResult {
  readonly items: readonly Item[];
  /** The revision the list is true of. */
  readonly revision: number;
  /** Keys under the prefix after the last one returned. */
  readonly remaining: number;
}

/** A committed write as a watcher sees it. */
export interface Change {
  readonly key: string;
  /** Unique, growing; the order of all changes. */
  readonly revision: number;
  /** Undefined when the key was deleted. */
  readonly value: Uint8Array | undefined;
  /** What the key held before; undefined when it did not exist. */
  readonly previous: Item | undefined;
}

/**
 * Keys are non-empty strings in UTF-8 byte order; values are bytes, copied neither in nor out (do not change them).
 * Every mutation takes one revision, from 1, without gaps within a commit; a revision is never used twice, not even
 * after a crash. What `commit` acknowledged is on disk, where there is one.
 */
export interface Store extends AsyncDisposable {
  /** The last acknowledged revision; 0 in an empty store. */
  readonly revision: number;
  /** History up to and including this revision is gone; 0 when none is. */
  readonly compactedRevision: number;
  get(key: string): Promise<Item | undefined>;
  /** Items whose keys start with `prefix` (empty: all), ordered by key. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /** Revisions of the mutations, in their order. Fails with STORE_CONFLICT (a StoreConflict naming the key) and changes nothing. A delete of a missing key without expectation takes no revision and gives 0. */
  commit(mutations: readonly Mutation[]): Promise<readonly number[]>;
  /**
   * All changes under `prefix` with a revision above `afterRevision`, in order, each once, in batches: first what
   * history has, then what comes. Fails with STORE_COMPACTED when history does not reach back, with QUEUE_OVERFLOW when
   * the reader falls too far behind, with STORE_FUTURE_REVISION when `afterRevision` does not exist yet. Ends when the
   * signal aborts or the store closes.
   */
  watch(
    prefix: string,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly Change[]>;
  /**
   * Forgets history up to and including `revision`; current values stay. What was true at `revision` can still be
   * listed, and a watch can start after it; nothing earlier can. Resolves when the space is free for later writes.
   */
  compact(revision: number): Promise<void>;
}
