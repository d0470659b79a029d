// The narrow interface between the protocol and whatever keeps the values.

import type { UnityCacheFileType } from '@tweendeck/wire';

/** A result that is often there at once: the hot path never makes a promise it does not need. */
export type Soon<Value> = Value | Promise<Value>;

/** What became of a transaction. `refused` counts a reason and keeps the connection in step. */
export type PutOutcome =
  | { readonly outcome: 'stored' }
  | { readonly outcome: 'dropped'; readonly reason: PutDrop }
  | { readonly outcome: 'refused'; readonly reason: PutRefusal };

/**
 * Why there was nothing to keep. With high reliability: too few uploads were alike yet (`unconfirmed`), the key is there
 * (`settled`), two uploads of it differed (`unstable`).
 */
export type PutDrop = 'empty' | 'zero-hash' | 'unconfirmed' | 'settled' | 'unstable';

/** Why a store would not take a transaction. */
export type PutRefusal =
  | 'storage-full'
  | 'disk-full'
  | 'disk-error'
  | 'too-large'
  | 'read-only'
  | 'not-permitted'
  /** The server that keeps the values is away. */
  | 'store-away';

/**
 * The files of one key as they stood at one moment: later commits, evictions and drops do not change what it reads.
 * Counted: whoever retains it, releases it.
 */
export interface StoredEntry {
  /** Bytes of this file; 0 when the entry has none of the type. */
  sizeOf(type: UnityCacheFileType): number;
  /** Copies the whole file to `at` of `target`, for files up to 64 KiB. False when it is damaged or unreadable, which the store has counted. */
  copy(type: UnityCacheFileType, target: Buffer, at: number): boolean;
  /** Reads the file in parts. For files of any size. */
  open(type: UnityCacheFileType): BodyReader;
  retain(): void;
  release(): void;
}

/** A file in parts. */
export interface BodyReader {
  /**
   * The next part, undefined after the last one. Throws CACHE_VALUE_DAMAGED in place of the last part when the file
   * is not what was stored, so that no reader ever holds a whole wrong file.
   */
  next(): Soon<Buffer | undefined>;
  /** Nobody looks at this part any more, the operating system included: another one may take its memory. Never owed. */
  recycle?(part: Buffer): void;
  close(): void;
}

/** Who puts: the same object for everything that one connection does. */
export interface PutClient {
  readonly address: { readonly text: string } | undefined;
}

/** One upload. Nothing of it can be seen before `commit`, and nothing stays when it is abandoned. */
export interface PutTransaction {
  /** Starts a file of exactly `sizeBytes`; the same type again replaces the earlier one; 0 bytes store nothing. */
  startFile(type: UnityCacheFileType, sizeBytes: number): void;
  /** Takes a part of the started file. A promise asks the caller to wait with the next part; it never rejects. The part must not change afterwards. */
  write(part: Buffer): Promise<void> | undefined;
  endFile(): void;
  /**
   * Makes all files visible at once, or none. Who gives `refused` owes the store a `flush` before anything leaves that
   * was answered since: until then what is `stored` may be taken back, which is told there.
   */
  commit(refused?: (reason: PutRefusal) => void): Soon<PutOutcome>;
  /** Gives everything up; harmless after `commit`. */
  abandon(): void;
}

/** Figures of a store, for status and metrics. */
export interface ValueStoreStats {
  readonly keys: number;
  /** Bytes taken from the storage bound, with all overhead. */
  readonly storageBytes: number;
  readonly storageBytesMax: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly indexBytes: number;
  /** Part of `storageBytes`: values that nobody can find any more, whose space is still to be had back. */
  readonly deadBytes: number;
  /** Bytes of uploads that are not committed. */
  readonly uploadBytes: number;
  readonly segments: number;
  readonly evictedBytes: number;
  readonly evictedSegments: number;
  readonly damagedValues: number;
  readonly diskErrors: number;
}

/** What is kept under one key, without its bytes. */
export interface StoredKey {
  /** 32 bytes, the holder's own. */
  readonly id: Buffer;
  /** Bytes of the files that there are. */
  readonly sizes: Readonly<Partial<Record<UnityCacheFileType, number>>>;
  /** Seconds since a file of it was last stored. */
  readonly ageSeconds: number;
  /** Seconds since it was last asked for or stored; approximate after a restart. */
  readonly idleSeconds: number;
}

/** What became of a removal. After `refused` everything is as it was. */
export type RemoveOutcome =
  | { readonly outcome: 'removed' | 'absent' }
  | { readonly outcome: 'refused'; readonly reason: PutRefusal };

export interface KeyQuery {
  /** The `next` of the page before; omitted for the first. */
  readonly cursor?: string;
  /** Only keys that begin with these 16 bytes. */
  readonly guid?: Uint8Array;
  /** Keys a page holds at most. */
  readonly keysMax: number;
}

/** A slice of the keys: what can be had in a few milliseconds, which may be nothing. */
export interface KeyPage {
  readonly keys: readonly StoredKey[];
  /** Undefined behind the last page. */
  readonly next: string | undefined;
}

/** Where values are kept. Ids are 32 bytes at `at` of `bytes`, valid during the call only. */
export interface ValueStore extends AsyncDisposable {
  /** The retained entry of a key, which the caller releases. */
  find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined>;
  /** As `find`, but no use that would keep the key longer: for mirrors, scrubs and people. */
  peek(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined>;
  begin(bytes: Uint8Array, at: number, client?: PutClient): PutTransaction;
  /** Writes what was committed and waits to be written, or takes it back. Absent where nothing ever waits. */
  flush?(): void;
  /** What is kept under a key; no use either. */
  describe(bytes: Uint8Array, at: number): Soon<StoredKey | undefined>;
  /**
   * All keys, slice by slice, in no order: each that is there from the first page to the last is met at least once.
   * A cursor of another store or from before a restart starts anew.
   */
  keys(query: KeyQuery): Soon<KeyPage>;
  /** Takes a key away for good: no version of it comes back. Who reads it goes on reading. */
  remove(bytes: Uint8Array, at: number): Soon<RemoveOutcome>;
  /** Takes everything away that was committed so far; resolves with the number of keys. */
  clear(): Soon<number>;
  stats(): ValueStoreStats;
}
