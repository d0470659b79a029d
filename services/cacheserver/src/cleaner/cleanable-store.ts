// What the cleaner needs of a store that keeps its keys in memory and its values on a disk of its own.

import type { Pace } from './pace.ts';

/** What is kept under one key; the object is used again for the next one. */
export interface VisitedKey {
  /** Its number, right until the key goes. */
  readonly record: number;
  readonly sizeBytes: number;
  /** Since it was last stored. */
  readonly ageSeconds: number;
  /** Since it was last asked for or stored. */
  readonly idleSeconds: number;
}

export interface CleanableStore {
  /** Bytes on disk, with all overhead. */
  readonly usedBytes: number;
  /** Bytes of these in values that nobody can find any more. */
  readonly deadBytes: number;
  /** Bytes free in the file system. */
  freeBytes(): Promise<number>;
  /** Shows the keys of a slice that begins at `from`, 0 at first; returns where the next begins, undefined at the end. */
  visit(from: number, see: (key: VisitedKey) => void): number | undefined;
  /** Gives a key up: nobody finds it any more, `reclaim` gets its space back. It may be back after a restart before that, in the version it had. */
  forget(record: number): void;
  /** Notes on disk when keys were last used, for the next start; closing the store does so, too. */
  noteUses(pace: Pace): Promise<void>;
  /** Gets the space of dead values back. */
  reclaim(
    goal: { readonly deadShare?: number; readonly storageBytesTarget?: number },
    pace: Pace,
  ): Promise<{ readonly segments: number; readonly bytes: number; readonly left: number }>;
}
