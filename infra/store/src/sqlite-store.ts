// The store in one SQLite file: starts the thread of the database and takes its contents into memory.

import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

import { abortable, type Logger, messageOf } from '@tweendeck/std';

import { JournaledStore } from './journaled-store.ts';
import { watchLengthMax } from './limits.ts';
import { unpackValues } from './packed-values.ts';
import { errorOf, threadError } from './sqlite-errors.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import type { Opened, PackedItems, Response, SqliteOptions } from './sqlite-protocol.ts';
import type { Item, Store } from './store.ts';
import { Table } from './table.ts';

export interface SqliteStoreOptions {
  /** The file; it and its directory are made when they are missing. `-wal` and `.pid` files stand beside it while it is open. */
  readonly path: string;
  readonly log: Logger;
  /** Size the file may grow to before writes fail with STORE_FULL; 8 GiB when omitted. */
  readonly fileBytesMax?: number;
  /** Room kept in a file beside it, so that deletes work when the disk is full; 4 MiB when omitted, 0 for none. */
  readonly reserveBytes?: number;
  /** What becomes of records that are not as they were written: they are told of, and the store stays shut; or they are kept aside, and their keys deleted. `refuse` when omitted. */
  readonly damagedRecords?: 'refuse' | 'set-aside';
  /** Changes a watcher may be behind; 20,000 when omitted. */
  readonly watchLengthMax?: number;
  /**
   * Where Node keeps the thread's code compiled, which saves it 30 MB of memory and 0.1 s; omitted: where it keeps the
   * program's, if that is switched on.
   */
  readonly compileCacheDirectory?: string;
}

const fileBytesMaxDefault = 8 * 1_024 ** 3;
const reserveBytesDefault = 4 * 1_024 ** 2;

/** Heap of the thread in MiB. What it needs grows with a batch, not with the store. */
const resourceLimits = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/** A store whose file can be copied while it is open. */
export interface SqliteStore extends Store {
  /** Makes `target`, a file that is not there yet, a store as this one is at the end of the copying; commits go on meanwhile. `onProgress` is told from 0 to 1. Gives the last revision in it. Throws STORE_BACKUP_FAILED. */
  backUp(target: string, onProgress?: (done: number) => void): Promise<number>;
}

/**
 * Opens the store and keeps every other process out until it is closed. All current values are held in memory; history
 * is on disk. Fails with STORE_IN_USE, STORE_DAMAGED, STORE_RECORDS_DAMAGED, STORE_FORMAT_UNKNOWN, STORE_UNWRITABLE or STORE_FULL.
 */
export async function openSqliteStore(
  options: SqliteStoreOptions,
  signal: AbortSignal,
): Promise<SqliteStore> {
  const { path, log, fileBytesMax = fileBytesMaxDefault } = options;
  const { reserveBytes = reserveBytesDefault, damagedRecords = 'refuse' } = options;
  signal.throwIfAborted();
  const worker = startThread(
    { path, fileBytesMax, reserveBytes, damagedRecords },
    options.compileCacheDirectory,
  );
  try {
    const table = new Table();
    const opened = await abortable(load(worker, path, table), signal);
    const journal = new SqliteJournal(worker, path, (failure) => {
      log.error('the store stopped', { path, error: failure });
      store.fail(failure);
    });
    const store = new JournaledStore({
      ...opened,
      journal,
      table,
      defer: setImmediate,
      watchLengthMax: options.watchLengthMax ?? watchLengthMax,
    });
    for (const key of opened.setAside) log.error('a damaged record was set aside', { path, key });
    if (opened.sweepable) {
      store.sweep().catch((error: unknown) => {
        log.warn('an interrupted compaction did not finish', { path, error: messageOf(error) });
      });
    }
    return Object.assign(store, {
      backUp: (target: string, onProgress: (done: number) => void = () => undefined) =>
        journal.backUp(target, onProgress),
    });
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

/** Starts the thread of a database; it answers as `sqlite-protocol.ts` says. */
export function startThread(options: SqliteOptions, compileCacheDirectory?: string): Worker {
  const shared = getCompileCacheDir(); // a directory for this version of Node in the one that was chosen
  const directory = compileCacheDirectory ?? (shared && dirname(shared));
  return new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    name: 'store',
    workerData: options,
    resourceLimits,
    execArgv: [],
    env: directory === undefined ? {} : { NODE_COMPILE_CACHE: directory },
  });
}

/** Fills the table with what the thread sends until its database is open. */
export async function load(worker: Worker, path: string, table: Table): Promise<Opened> {
  const items: Item[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Opened>();
  const onMessage = (response: Response): void => {
    if (response.kind === 'items') addItems(items, response);
    else if (response.kind === 'opened') resolve(response);
    else if (response.kind === 'refused') reject(errorOf(response.fault, path));
  };
  const onError = (error: unknown): void => reject(threadError(path, messageOf(error)));
  const onExit = (code: number): void => reject(threadError(path, `it ended with code ${code}`));
  worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  try {
    const opened = await promise;
    table.load(items);
    return opened;
  } finally {
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
  }
}

function addItems(items: Item[], packed: PackedItems): void {
  for (const [index, value] of unpackValues(packed.values).entries()) {
    const key = packed.keys[index];
    const revision = packed.revisions[index];
    if (value !== undefined && key !== undefined && revision !== undefined) {
      items.push({ key, value, revision });
    }
  }
}
