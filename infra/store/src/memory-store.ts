// The store without a disk: for tests, and the reference that the disk store is compared with.

import type { AppendOptions, Done, HistoryPage, HistoryRequest, Journal } from './journal.ts';
import { compactedError, JournaledStore } from './journaled-store.ts';
import { watchLengthMax } from './limits.ts';
import type { Change, Store } from './store.ts';
import { Table } from './table.ts';

/** Opens an empty store that forgets everything when it is closed. History grows until it is compacted. Needs microtasks only, no turn of the event loop. */
export function openMemoryStore(options: { readonly watchLengthMax?: number } = {}): Store {
  return new JournaledStore({
    journal: new MemoryJournal(),
    table: new Table(),
    revision: 0,
    compactedRevision: 0,
    defer: queueMicrotask,
    watchLengthMax: options.watchLengthMax ?? watchLengthMax,
  });
}

class MemoryJournal implements Journal {
  #changes: Change[] = [];
  #compactedRevision = 0;

  append(changes: readonly Change[], _options: AppendOptions, done: Done<void>): void {
    for (const change of changes) this.#changes.push(change);
    done();
  }

  read({ prefix, afterRevision }: HistoryRequest, done: Done<HistoryPage>): void {
    if (afterRevision < this.#compactedRevision) {
      done(compactedError(afterRevision, this.#compactedRevision));
      return;
    }
    const changes = this.#changes
      .slice(afterRevision - this.#compactedRevision)
      .filter((change) => change.key.startsWith(prefix));
    const throughRevision = this.#compactedRevision + this.#changes.length;
    done({ changes, throughRevision, complete: true });
  }

  compact(revision: number, done: Done<void>): void {
    this.#changes = this.#changes.slice(revision - this.#compactedRevision);
    this.#compactedRevision = revision;
    done();
  }

  sweep(done: Done<boolean>): void {
    done(false);
  }

  async close(): Promise<void> {
    this.#changes = [];
  }
}
