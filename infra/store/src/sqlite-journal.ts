// The journal on disk: hands requests to the thread of the database, and its answers to who asked.

import type { Worker } from 'node:worker_threads';

import { assert, messageOf, PlatformError } from '@tweendeck/std';

import type { AppendOptions, Done, HistoryPage, HistoryRequest, Journal } from './journal.ts';
import { compactedError } from './journaled-store.ts';
import { packValues, unpackValues } from './packed-values.ts';
import { errorOf, threadError } from './sqlite-errors.ts';
import type { PackedChanges, Request, Response } from './sqlite-protocol.ts';
import type { Change } from './store.ts';

/** A buffer larger than this is not kept for the next batch. */
const spareBytesMax = 1_024 * 1_024;

type Answer = Response | PlatformError;

/** Speaks to the thread once its database is open. The failure that it cannot go on from is told to `onFailure`, once. */
export class SqliteJournal implements Journal {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #onFailure: (failure: PlatformError) => void;
  /** Who waits for an answer, in the order of the requests. */
  #waiting: ((answer: Answer) => void)[] = [];
  #failure: PlatformError | undefined;
  #spare = new ArrayBuffer(0);
  #closing = false;
  #backup: BackupRun | undefined;

  constructor(worker: Worker, path: string, onFailure: (failure: PlatformError) => void) {
    this.#worker = worker;
    this.#path = path;
    this.#onFailure = onFailure;
    worker.on('message', (response: Response) => this.#receive(response));
    worker.on('error', (error) => this.#fail(threadError(path, messageOf(error))));
    worker.on('exit', (code) => {
      if (!this.#closing) this.#fail(threadError(path, `it ended with code ${code}`));
    });
  }

  append(changes: readonly Change[], { useReserve }: AppendOptions, done: Done<void>): void {
    const values = packValues(
      changes.map((change) => change.value),
      this.#spare,
    );
    const request: Request = {
      kind: 'append',
      firstRevision: changes[0]?.revision ?? 0,
      keys: changes.map((change) => change.key),
      previousRevisions: changes.map((change) => change.previous?.revision ?? 0),
      values,
      useReserve,
    };
    this.#ask(request, (answer) => {
      if (answer instanceof PlatformError) {
        this.#spare = new ArrayBuffer(0);
        done(answer);
      } else if (answer.kind === 'appended') {
        const { spare } = answer;
        this.#spare = spare.byteLength <= spareBytesMax ? spare : new ArrayBuffer(0);
        done();
      } else unexpected(answer);
    });
  }

  read(request: HistoryRequest, done: Done<HistoryPage>): void {
    const { afterRevision } = request;
    this.#ask({ kind: 'read', ...request }, (answer) => {
      if (answer instanceof PlatformError) done(answer);
      else if (answer.kind === 'page') done({ ...answer, changes: unpackChanges(answer) });
      else if (answer.kind === 'compacted-away') {
        done(compactedError(afterRevision, answer.compactedRevision));
      } else unexpected(answer);
    });
  }

  compact(revision: number, done: Done<void>): void {
    this.#ask({ kind: 'compact', revision }, (answer) => {
      if (answer instanceof PlatformError) done(answer);
      else if (answer.kind === 'compacted') done();
      else unexpected(answer);
    });
  }

  sweep(done: Done<boolean>): void {
    this.#ask({ kind: 'sweep' }, (answer) => {
      if (answer instanceof PlatformError) done(answer);
      else if (answer.kind === 'swept') done(answer.more);
      else unexpected(answer);
    });
  }

  /** A database that cannot close itself any more is left as it is: what was acknowledged is in its write-ahead log. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#backup?.over; // its copying cannot be stopped
    await new Promise<void>((resolve) => {
      this.#ask({ kind: 'close' }, () => resolve());
    });
    await this.#worker.terminate();
  }

  /** Copies the database to a file while it goes on; one copy at a time. Throws STORE_BACKUP_FAILED. */
  async backUp(path: string, onProgress: (done: number) => void): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#backup || this.#closing) {
      throw new PlatformError(
        'STORE_BACKUP_FAILED',
        `${this.#path}: a backup is under way already`,
        {
          hint: 'Wait until it is done.',
        },
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const over = promise.then(
      () => undefined,
      () => undefined,
    );
    this.#backup = { onProgress, resolve, reject, over };
    this.#worker.postMessage({ kind: 'backup', path } satisfies Request);
    return promise;
  }

  #ask(request: Request, answered: (answer: Answer) => void): void {
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      queueMicrotask(() => answered(failure));
      return;
    }
    this.#waiting.push(answered);
    this.#worker.postMessage(request, request.kind === 'append' ? [request.values.bytes] : []);
  }

  #receive(response: Response): void {
    if (response.kind === 'backup-progress') {
      this.#backup?.onProgress(response.pagesDone / Math.max(1, response.pagesTotal));
      return;
    }
    if (response.kind === 'backed-up' || response.kind === 'not-backed-up') {
      const run = this.#backup;
      this.#backup = undefined;
      if (response.kind === 'backed-up') run?.resolve(response.revision);
      else run?.reject(backupFailed(this.#path, response.fault.message));
      return;
    }
    const answered = this.#waiting.shift();
    assert(answered !== undefined, `the database answered ${response.kind} to no request`);
    if (response.kind !== 'failed') {
      answered(response);
      return;
    }
    const error = errorOf(response.fault, this.#path);
    answered(error);
    if (!response.usable) this.#fail(error);
  }

  #fail(failure: PlatformError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answered of waiting) answered(failure);
    this.#backup?.reject(failure);
    this.#backup = undefined;
    if (!this.#closing) this.#onFailure(failure);
  }
}

interface BackupRun {
  readonly onProgress: (done: number) => void;
  readonly resolve: (revision: number) => void;
  readonly reject: (error: PlatformError) => void;
  readonly over: Promise<void>;
}

function backupFailed(path: string, message: string): PlatformError {
  return new PlatformError('STORE_BACKUP_FAILED', `${path}: ${message}`, {
    hint: 'Free space where the copy is made, then try again.',
  });
}

function unpackChanges(page: PackedChanges): readonly Change[] {
  const values = unpackValues(page.values);
  return page.keys.map((key, index) => {
    const previous = values[2 * index + 1];
    const previousRevision = page.previousRevisions[index] ?? 0;
    return {
      key,
      revision: page.revisions[index] ?? 0,
      value: values[2 * index],
      previous: previous && { key, value: previous, revision: previousRevision },
    };
  });
}

function unexpected(answer: Response): never {
  assert(false, `the database answered ${answer.kind}`);
}
