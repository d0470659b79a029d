// What a store writes its changes to: the one difference between the store in memory and the store on disk.

import type { PlatformError } from '@tweendeck/std';

import type { Change } from './store.ts';

export interface HistoryRequest {
  readonly prefix: string;
  /** Only changes with a greater revision. */
  readonly afterRevision: number;
}

export interface HistoryPage {
  readonly changes: readonly Change[];
  /** Everything up to this revision has been looked at. */
  readonly throughRevision: number;
  /** Whether `throughRevision` is the last revision appended when the page was read. */
  readonly complete: boolean;
}

/** Called once, with what came of a request. */
export type Done<Outcome> = (outcome: Outcome | PlatformError) => void;

export interface AppendOptions {
  /** Whether the room may be used that is kept for what frees room. */
  readonly useReserve: boolean;
}

/**
 * An append-only record of changes. Requests are answered in the order they were made, by a callback and not by a
 * promise: when a complete page arrives, the store has applied exactly the changes that the page goes up to, and can
 * join it to what comes next without gap or overlap.
 */
export interface Journal {
  /** Makes all changes durable or none. */
  append(changes: readonly Change[], options: AppendOptions, done: Done<void>): void;
  /** Reads part of the history; STORE_COMPACTED when it does not reach back to `afterRevision`. */
  read(request: HistoryRequest, done: Done<HistoryPage>): void;
  /** Forgets, durably, the changes up to and including `revision`; returns their space only when swept. */
  compact(revision: number, done: Done<void>): void;
  /** Returns the space of some forgotten changes; says whether there is more to return. */
  sweep(done: Done<boolean>): void;
  /** Answers what was asked before, then lets go of everything. */
  close(): Promise<void>;
}
