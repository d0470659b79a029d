// The store itself: state in memory, decisions about commits, watchers; a journal makes it durable.

import { abortable, assert, isAbort, onAbort, PlatformError } from '@tweendeck/std';

import { StoreConflict } from './conflict.ts';
import type { Done, HistoryPage, HistoryRequest, Journal } from './journal.ts';
import { checkMutations, isRevision, pendingBytesMax, pendingCommitsMax } from './limits.ts';
import type { Change, Item, ListOptions, ListResult, Mutation, Store } from './store.ts';
import { Batch, type PageOptions, type Table } from './table.ts';
import { Subscription, WatchHub } from './watch-hub.ts';

export interface JournaledStoreOptions {
  readonly journal: Journal;
  /** The state at `revision`; owned by the store from now on. */
  readonly table: Table;
  readonly revision: number;
  readonly compactedRevision: number;
  /** Runs a function soon: the commits that are made until then share a transaction. */
  readonly defer: (run: () => void) => void;
  readonly watchLengthMax: number;
}

/** A batch takes no further commit from this many changes or bytes on. */
const batchLengthMax = 1_000;
const batchBytesMax = 4 * 1_024 * 1_024;

interface PendingCommit {
  readonly mutations: readonly Mutation[];
  readonly bytes: number;
  readonly resolve: (revisions: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Decision {
  readonly commit: PendingCommit;
  readonly outcome: readonly number[] | StoreConflict;
}

/** One transaction is on its way at most; what is committed meanwhile forms the next. */
export class JournaledStore implements Store {
  readonly #journal: Journal;
  readonly #table: Table;
  readonly #options: JournaledStoreOptions;
  readonly #hub = new WatchHub();
  #pending: PendingCommit[] = [];
  /** Commits that found the disk full and may use the room that is kept for them. */
  #reclaiming: readonly PendingCommit[] = [];
  #pendingBytes = 0;
  #writing: 'idle' | 'deferred' | 'appending' = 'idle';
  #whenIdle: (() => void) | undefined;
  #revision: number;
  #compactedRevision: number;
  #compacting: Promise<void> = Promise.resolve();
  #closed: PlatformError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: JournaledStoreOptions) {
    this.#options = options;
    this.#journal = options.journal;
    this.#table = options.table;
    this.#revision = options.revision;
    this.#compactedRevision = options.compactedRevision;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  async get(key: string): Promise<Item | undefined> {
    this.#checkOpen();
    return this.#table.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen();
    const { revision = this.#revision, ...page } = options;
    this.#checkRevision(revision);
    if (revision < this.#revision) return this.#listPast(prefix, page, revision);
    return { ...this.#table.list(prefix, page), revision };
  }

  async commit(mutations: readonly Mutation[]): Promise<readonly number[]> {
    this.#checkOpen();
    const bytes = checkMutations(mutations);
    if (mutations.length === 0) return [];
    this.#checkRoom(bytes);
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
    this.#pending.push({ mutations, bytes, resolve, reject });
    this.#pendingBytes += bytes;
    this.#deferWrite();
    return promise;
  }

  async *watch(
    prefix: string,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Change[]> {
    this.#checkOpen();
    const subscription = new Subscription(prefix, this.#options.watchLengthMax);
    using _stop = onAbort(signal, () => subscription.stop());
    try {
      for (let after = afterRevision; !subscription.ended; ) {
        const page = await abortable(this.#catchUp(subscription, after), signal);
        if (page.changes.length > 0) yield page.changes;
        after = page.throughRevision;
        if (page.complete) break;
      }
      yield* subscription.batches();
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
    } finally {
      subscription.stop();
      this.#hub.remove(subscription);
    }
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    assert(isRevision(revision), `compact at revision ${revision}`);
    this.#checkNotFuture(revision);
    await this.#inTurn(() => this.#compact(revision));
  }

  /** Returns the space of a compaction that was cut short; ends early when the store closes. */
  async sweep(): Promise<void> {
    await this.#inTurn(() => this.#sweep());
  }

  /** Takes the store out of service because of a failure: everything that waits is told. */
  fail(failure: PlatformError): void {
    if (this.#closed === undefined) this.#closed = closedBy(failure);
    const closed = this.#closed;
    this.#hub.end(closed);
    for (const commit of this.#takePending()) commit.reject(closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed ??= new PlatformError('STORE_CLOSED', 'the store is closed');
    if (this.#writing !== 'idle') {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#compacting;
    this.#hub.end();
    await this.#journal.close();
  }

  #deferWrite(): void {
    if (this.#writing !== 'idle') return;
    this.#writing = 'deferred';
    this.#options.defer(() => this.#write());
  }

  #write(): void {
    const batch = new Batch(this.#table, this.#revision);
    const reclaiming = this.#reclaiming;
    this.#reclaiming = [];
    const useReserve = reclaiming.length > 0;
    const decisions = useReserve
      ? reclaiming.map((commit) => ({ commit, outcome: decide(batch, commit) }))
      : this.#decide(batch);
    if (batch.changes.length === 0) {
      this.#settle(decisions);
      return;
    }
    this.#writing = 'appending';
    this.#journal.append(batch.changes, { useReserve }, (outcome) => {
      if (outcome instanceof PlatformError) {
        const isFull = outcome.code === 'STORE_FULL' && !useReserve;
        const again = isFull ? decisions.filter(({ commit }) => reclaims(commit)) : [];
        this.#reclaiming = again.map(({ commit }) => commit);
        this.#settle(
          decisions.filter((decision) => !again.includes(decision)),
          outcome,
        );
        return;
      }
      this.#table.apply(batch.changes);
      this.#revision += batch.changes.length;
      this.#hub.publish(batch.changes);
      this.#settle(decisions);
    });
  }

  /** What becomes of the commits that wait, as far as one transaction goes. */
  #decide(batch: Batch): readonly Decision[] {
    const decisions: Decision[] = [];
    let bytes = 0;
    while (
      decisions.length < this.#pending.length &&
      batch.changes.length < batchLengthMax &&
      bytes < batchBytesMax
    ) {
      const commit = this.#pending[decisions.length] as PendingCommit; // below its length
      bytes += commit.bytes;
      decisions.push({ commit, outcome: decide(batch, commit) });
    }
    this.#pending = this.#pending.slice(decisions.length);
    this.#pendingBytes -= bytes;
    return decisions;
  }

  /** A conflict is told only now, too: it may be with a commit of the same batch, which has just become true. */
  #settle(decisions: readonly Decision[], failure?: PlatformError): void {
    for (const { commit, outcome } of decisions) {
      if (failure !== undefined) commit.reject(failure);
      else if (outcome instanceof StoreConflict) commit.reject(outcome);
      else commit.resolve(outcome);
    }
    this.#writing = 'idle';
    if (this.#reclaiming.length > 0 || this.#pending.length > 0) this.#deferWrite();
    else this.#whenIdle?.();
  }

  #takePending(): readonly PendingCommit[] {
    const pending = [...this.#reclaiming, ...this.#pending];
    this.#reclaiming = [];
    this.#pending = [];
    this.#pendingBytes = 0;
    return pending;
  }

  /** The next page of history; with the last one the subscription goes live. */
  #catchUp(subscription: Subscription, afterRevision: number): Promise<HistoryPage> {
    return this.#read({ prefix: subscription.prefix, afterRevision }, (page) => {
      if (page.complete && !subscription.ended) this.#hub.add(subscription);
      return page;
    });
  }

  async #listPast(prefix: string, options: PageOptions, revision: number): Promise<ListResult> {
    const past = new Map<string, Item | undefined>();
    for (let afterRevision = revision; ; ) {
      const step = await this.#read({ prefix, afterRevision }, (page) => {
        for (const { key, previous } of page.changes) if (!past.has(key)) past.set(key, previous);
        if (!page.complete) return page.throughRevision;
        return { ...this.#table.listPast(prefix, options, past), revision };
      });
      if (typeof step !== 'number') return step;
      afterRevision = step;
    }
  }

  /** Reads a page of history and uses it at the very moment when the state is the one the page leads to. */
  async #read<Result>(
    request: HistoryRequest,
    use: (page: HistoryPage) => Result,
  ): Promise<Result> {
    this.#checkOpen();
    this.#checkRevision(request.afterRevision);
    if (request.afterRevision === this.#revision) {
      return use({ changes: [], throughRevision: this.#revision, complete: true });
    }
    return new Promise<Result>((resolve, reject) => {
      this.#journal.read(request, (outcome) => {
        if (outcome instanceof PlatformError) {
          reject(outcome);
          return;
        }
        assert(
          !outcome.complete || outcome.throughRevision === this.#revision,
          `history ends at ${outcome.throughRevision}, the state is at ${this.#revision}`,
        );
        resolve(use(outcome));
      });
    });
  }

  async #compact(revision: number): Promise<void> {
    if (revision <= this.#compactedRevision) return;
    await new Promise<void>((resolve, reject) => {
      const done: Done<void> = (outcome) => {
        if (outcome === undefined) this.#compactedRevision = revision;
        settle(outcome, resolve, reject);
      };
      this.#journal.compact(revision, done);
    });
    await this.#sweep();
  }

  async #sweep(): Promise<void> {
    while (this.#closed === undefined) {
      const more = await new Promise<boolean>((resolve, reject) => {
        this.#journal.sweep((outcome) => settle(outcome, resolve, reject));
      });
      if (!more) return;
    }
  }

  /** One compaction after the other. */
  async #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#compacting.then(run);
    this.#compacting = turn.catch(() => undefined); // its caller gets the error
    await turn;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  #checkRevision(revision: number): void {
    assert(isRevision(revision), `revision ${revision}`);
    this.#checkNotFuture(revision);
    if (revision < this.#compactedRevision) throw compactedError(revision, this.#compactedRevision);
  }

  #checkNotFuture(revision: number): void {
    if (revision <= this.#revision) return;
    throw new PlatformError(
      'STORE_FUTURE_REVISION',
      `revision ${revision} is asked for, the last one is ${this.#revision}`,
      { hint: 'Start again from a fresh list.' },
    );
  }

  #checkRoom(bytes: number): void {
    const waiting = this.#pending.length;
    const fits = waiting < pendingCommitsMax && this.#pendingBytes + bytes <= pendingBytesMax;
    if (fits || waiting === 0) return;
    throw new PlatformError(
      'STORE_OVERLOADED',
      `${waiting} commits with ${this.#pendingBytes} bytes wait for the disk`,
      { hint: 'Try again in a moment.' },
    );
  }
}

/** The refusal to read history that is gone. */
export function compactedError(revision: number, compactedRevision: number): PlatformError {
  return new PlatformError(
    'STORE_COMPACTED',
    `revision ${revision} is asked for, history begins after ${compactedRevision}`,
    { hint: 'Start again from a fresh list.' },
  );
}

/** Whether all of a commit leads to less being stored. */
function reclaims({ mutations }: PendingCommit): boolean {
  return mutations.every((mutation) => mutation.operation === 'delete' || mutation.reclaims);
}

function decide(batch: Batch, commit: PendingCommit): Decision['outcome'] {
  try {
    return batch.add(commit.mutations);
  } catch (error) {
    if (error instanceof StoreConflict) return error;
    throw error;
  }
}

function settle<Outcome>(
  outcome: Outcome | PlatformError,
  resolve: (outcome: Outcome) => void,
  reject: (error: PlatformError) => void,
): void {
  if (outcome instanceof PlatformError) reject(outcome);
  else resolve(outcome);
}

function closedBy(failure: PlatformError): PlatformError {
  return new PlatformError('STORE_CLOSED', 'the store stopped', {
    cause: failure,
    ...(failure.hint !== undefined && { hint: failure.hint }),
  });
}
