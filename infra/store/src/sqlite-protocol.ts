// What the store and the thread of its database say to one another. Answers come in the order of the requests.

import type { PackedValues } from './packed-values.ts';
import type { Fault } from './sqlite-faults.ts';

/** What the thread is started with. */
export interface SqliteOptions {
  readonly path: string;
  /** Size the file may grow to, without its write-ahead log. */
  readonly fileBytesMax: number;
  /** Room kept on the disk for deletes when it is full; 0 for none. */
  readonly reserveBytes: number;
  /** What becomes of records that are not as they were written. */
  readonly damagedRecords: 'refuse' | 'set-aside';
}

export interface AppendRequest {
  readonly kind: 'append';
  /** Revision of the first change; the others follow it. */
  readonly firstRevision: number;
  readonly keys: readonly string[];
  /** Revision each key had before; 0 where it did not exist. */
  readonly previousRevisions: readonly number[];
  /** New values; none for a delete. */
  readonly values: PackedValues;
  /** Whether it may use the room that is kept for deletes. */
  readonly useReserve: boolean;
}

export type Request =
  | AppendRequest
  | { readonly kind: 'read'; readonly prefix: string; readonly afterRevision: number }
  | { readonly kind: 'compact'; readonly revision: number }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'backup'; readonly path: string }
  | { readonly kind: 'close' };

/** Changes as columns. */
export interface PackedChanges {
  readonly throughRevision: number;
  readonly complete: boolean;
  readonly revisions: readonly number[];
  readonly keys: readonly string[];
  readonly previousRevisions: readonly number[];
  /** For each change its value, then the value before it. */
  readonly values: PackedValues;
}

/** Current items as columns. */
export interface PackedItems {
  readonly revisions: readonly number[];
  readonly keys: readonly string[];
  readonly values: PackedValues;
}

export interface Opened {
  readonly revision: number;
  readonly compactedRevision: number;
  /** Whether a compaction was cut short. */
  readonly sweepable: boolean;
  /** Records that were set aside, by their keys. */
  readonly setAside: readonly string[];
}

/** While opening: `items` as often as needed, then `opened` or `refused`. Then one answer to each request. */
export type Response =
  | ({ readonly kind: 'items' } & PackedItems)
  | ({ readonly kind: 'opened' } & Opened)
  | { readonly kind: 'refused'; readonly fault: Fault }
  | { readonly kind: 'appended'; readonly spare: ArrayBuffer }
  | ({ readonly kind: 'page' } & PackedChanges)
  | { readonly kind: 'compacted-away'; readonly compactedRevision: number }
  | { readonly kind: 'compacted' }
  | { readonly kind: 'swept'; readonly more: boolean }
  | { readonly kind: 'closed' }
  /** These come when they come, whatever else was asked meanwhile. */
  | { readonly kind: 'backup-progress'; readonly pagesDone: number; readonly pagesTotal: number }
  | { readonly kind: 'backed-up'; readonly revision: number }
  | { readonly kind: 'not-backed-up'; readonly fault: Fault }
  | {
      readonly kind: 'failed';
      readonly fault: Fault;
      /** Whether the database can go on: the failure left nothing behind. */
      readonly usable: boolean;
    };
