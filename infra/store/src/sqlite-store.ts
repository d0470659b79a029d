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
  /** Changes a watcher may be behind; 20,000 when omitted. */
  readonly watchLengthMax?: number;
  /**
   * Where Node keeps the thread's code compiled, which saves it 30 MB of memory and 0.1 s; omitted: where it keeps the
   * program's, if that is switched on.
   */
  readonly compileCacheDirectory?: string;
}

const fileBytesMaxDefault = 8 * 1_024 ** 3;

/** Heap of the thread in MiB. What it needs grows with a batch, not with the store. */
const resourceLimits = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/**
 * Opens the store and keeps every other process out until it is closed. All current values are held in memory; history
 * is on disk. Fails with STORE_IN_USE, STORE_DAMAGED, STORE_FORMAT_UNKNOWN, STORE_UNWRITABLE or STORE_FULL.
 */
export async function openSqliteStore(
  options: SqliteStoreOptions,
  signal: AbortSignal,
): Promise<Store> {
  const { path, log, fileBytesMax = fileBytesMaxDefault } = options;
  signal.throwIfAborted();
  const worker = startThread({ path, fileBytesMax }, options.compileCacheDirectory);
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
    if (opened.sweepable) {
      store.sweep().catch((error: unknown) => {
        log.warn('an interrupted compaction did not finish', { path, error: messageOf(error) });
      });
    }
    return store;
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
