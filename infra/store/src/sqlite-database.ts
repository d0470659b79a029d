// The file of a store: its tables, what is written to them and how. Runs on a thread of its own, and blocks it.

import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { packValues, unpackValues } from './packed-values.ts';
import { StoreFault } from './sqlite-faults.ts';
import type {
  AppendRequest,
  Opened,
  PackedChanges,
  PackedItems,
  SqliteOptions,
} from './sqlite-protocol.ts';

/** Marks a file as ours ("Twee"). */
const applicationId = 0x54776565;
const formatVersion = 1;
const pageBytes = 4_096;
const pageCacheKibibytes = 2_048;
const logBytesKept = 16 * 1_024 * 1_024;
/** Items come in slabs of about this size: a slab lives as long as one value in it does. */
const slabBytes = 64 * 1_024;
/** A page of history ends after this many changes or bytes, a sweep after this many changes. */
const historyLengthMax = 1_000;
const historyBytesMax = 256 * 1_024;
const sweepLengthMax = 250;

/**
 * `log` is append-only but for compaction: history and values in one, in the order of revisions, so that a commit
 * writes to the end of one tree. `previous` links a change to the one it supersedes (0: none); a null value is a delete.
 * `state` holds `compacted`, the revision up to which history is forgotten, and `swept`, up to which its rows are gone.
 */
const schema = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY, previous INTEGER NOT NULL, key TEXT NOT NULL, value BLOB
  ) STRICT;
  CREATE TABLE state (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES ('compacted', 0), ('swept', 0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

type Row = Readonly<Record<string, unknown>>;

/** An open store file. After a throw, {@link SqliteDatabase.usable} says whether it can go on. */
export class SqliteDatabase implements Disposable {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #insert: StatementSync;
  readonly #selectChanges: StatementSync;
  readonly #selectValue: StatementSync;
  #revision: number;
  #compacted: number;
  #swept: number;

  /** Opens or creates the file and keeps all others out until it is disposed, or the process ends. */
  constructor({ path, fileBytesMax }: SqliteOptions) {
    this.#path = path;
    createFile(path);
    this.#database = openExclusively(path);
    try {
      this.#prepareFormat();
      this.#database.exec(`PRAGMA max_page_count = ${Math.floor(fileBytesMax / pageBytes)}`);
      this.#compacted = this.#number(`SELECT revision FROM state WHERE name = 'compacted'`);
      this.#swept = this.#number(`SELECT revision FROM state WHERE name = 'swept'`);
      const last = this.#number('SELECT coalesce(max(revision), 0) FROM log');
      this.#revision = Math.max(last, this.#compacted);
      this.#insert = this.#database.prepare('INSERT INTO log VALUES (?, ?, ?, ?)');
      this.#selectChanges = this.#database.prepare(`
        SELECT revision, previous, key, value FROM log
        WHERE revision > ?1 AND revision <= ?2 AND substr(key, 1, length(?3)) = ?3
      `);
      this.#selectValue = this.#database.prepare('SELECT value FROM log WHERE revision = ?');
    } catch (error) {
      this.#database.close();
      throw error;
    }
    tellHolder(path);
  }

  get opened(): Opened {
    return {
      revision: this.#revision,
      compactedRevision: this.#compacted,
      sweepable: this.#swept < this.#compacted,
    };
  }

  /** Whether the last failure left the file as it was before. */
  get usable(): boolean {
    return !this.#database.isTransaction;
  }

  /** All current items, in slabs. */
  *items(): Generator<PackedItems> {
    const superseded = this.#superseded();
    let next = 0;
    let slab = new Slab();
    const rows = this.#database.prepare(
      'SELECT revision, key, value FROM log WHERE value IS NOT NULL ORDER BY revision',
    );
    for (const row of rows.iterate()) {
      const revision = Number(row['revision']);
      while (next < superseded.length && (superseded[next] ?? 0) < revision) next++;
      if (superseded[next] === revision) continue;
      slab.add(revision, row);
      if (slab.bytes < slabBytes) continue;
      yield slab.pack();
      slab = new Slab();
    }
    if (slab.bytes > 0) yield slab.pack();
  }

  /** Writes all changes in one durable transaction. */
  append({ firstRevision, keys, previousRevisions, values }: AppendRequest): void {
    if (firstRevision !== this.#revision + 1) {
      throw new StoreFault('failed', `revision ${firstRevision} does not follow ${this.#revision}`);
    }
    const unpacked = unpackValues(values);
    this.#transaction(() => {
      for (const [index, key] of keys.entries()) {
        const previous = previousRevisions[index] ?? 0;
        this.#insert.run(firstRevision + index, previous, key, unpacked[index] ?? null);
      }
    });
    this.#revision += keys.length;
  }

  /** A page of the history above `afterRevision`; undefined when it is compacted away. */
  read(prefix: string, afterRevision: number): PackedChanges | undefined {
    if (afterRevision < this.#compacted) return undefined;
    const end = Math.min(afterRevision + historyLengthMax, this.#revision);
    const revisions: number[] = [];
    const keys: string[] = [];
    const previousRevisions: number[] = [];
    const values: (Uint8Array | undefined)[] = [];
    let throughRevision = end;
    let bytes = 0;
    for (const row of this.#selectChanges.iterate(afterRevision, end, prefix)) {
      const revision = Number(row['revision']);
      const previous = Number(row['previous']);
      const pair = [bytesOf(row), previous > 0 ? this.#valueAt(previous) : undefined];
      revisions.push(revision);
      keys.push(String(row['key']));
      previousRevisions.push(previous);
      for (const value of pair) bytes += value?.byteLength ?? 0;
      values.push(...pair);
      if (bytes < historyBytesMax) continue;
      throughRevision = revision;
      break;
    }
    const complete = throughRevision === this.#revision;
    const packed = packValues(values);
    return { throughRevision, complete, revisions, keys, previousRevisions, values: packed };
  }

  /** Forgets the history up to and including `revision`. */
  compact(revision: number): void {
    this.#transaction(() => this.#setState('compacted', revision));
    this.#compacted = revision;
  }

  /** Deletes a slice of the rows that were forgotten; says whether there are more. */
  sweep(): boolean {
    const end = Math.min(this.#swept + sweepLengthMax, this.#compacted);
    if (end === this.#swept) return false;
    const slice = `revision > ${this.#swept} AND revision <= ${end}`;
    this.#transaction(() => {
      this.#database.exec(`
        DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE ${slice});
        DELETE FROM log WHERE ${slice} AND value IS NULL;
      `);
      this.#setState('swept', end);
    });
    this.#swept = end;
    return end < this.#compacted;
  }

  /** Moves the write-ahead log into the file and lets others have it. */
  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    rmSync(holderFile(this.#path), { force: true });
    this.#database.close();
  }

  #prepareFormat(): void {
    if (this.#number('SELECT count(*) FROM sqlite_schema') === 0) {
      this.#transaction(() => this.#database.exec(schema));
      return;
    }
    if (this.#number('PRAGMA application_id') !== applicationId) {
      throw new StoreFault('damaged', 'it is an SQLite file, but not of a store');
    }
    const version = this.#number('PRAGMA user_version');
    if (version > formatVersion) {
      throw new StoreFault('newer-format', `format ${version}, known up to ${formatVersion}`);
    }
  }

  /** Revisions that a later change superseded but whose rows are still there, ascending. */
  #superseded(): Float64Array {
    const count = this.#number(`SELECT count(*) FROM log WHERE revision > ${this.#swept}`);
    const superseded = new Float64Array(count);
    const rows = this.#database.prepare('SELECT revision, previous FROM log WHERE revision > ?');
    let index = 0;
    let recent = 0;
    for (const row of rows.iterate(this.#swept)) {
      superseded[index++] = Number(row['previous']);
      if (Number(row['revision']) > this.#compacted) recent++;
    }
    if (recent !== this.#revision - this.#compacted) {
      throw new StoreFault(
        'damaged',
        `${recent} of ${this.#revision - this.#compacted} changes of its history are there`,
      );
    }
    return superseded.sort();
  }

  #valueAt(revision: number): Uint8Array {
    const row = this.#selectValue.get(revision);
    const value = row && bytesOf(row);
    if (value === undefined) throw new StoreFault('damaged', `revision ${revision} has no value`);
    return value;
  }

  #setState(name: 'compacted' | 'swept', revision: number): void {
    this.#database.exec(`UPDATE state SET revision = ${revision} WHERE name = '${name}'`);
  }

  #number(sql: string): number {
    const row = this.#database.prepare(sql).get() ?? {};
    return Number(Object.values(row)[0]);
  }

  /** Commits all that `write` does; where that is refused, takes it back. What a failed commit leaves is decided by {@link usable}. */
  #transaction(write: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      write();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#rollback(error);
      throw error;
    }
  }

  #rollback(cause: unknown): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      throw cause; // the transaction stays open, which says that the database is not usable
    }
  }
}

/** The file beside the store that names the process which has it open; only SQLite's lock on the store counts. */
function holderFile(path: string): string {
  return `${path}.pid`;
}

/** Makes the file, for its owner alone: SQLite would let everybody read it. An existing one is left untouched. */
function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, 'ax', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // SQLite would only say that input or output failed, on a read-only file system say.
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return;
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * The lock is SQLite's own on the file: the kernel drops it when its holder dies, however it dies. It is asked for before
 * anything is read, so that SQLite keeps the index of its write-ahead log in memory and not in a file.
 */
function openExclusively(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA page_size = ${pageBytes};
      PRAGMA cache_size = -${pageCacheKibibytes};
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${logBytesKept};
      BEGIN EXCLUSIVE; COMMIT;
    `);
    return database;
  } catch (error) {
    database.close();
    const busy = error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === 5;
    throw busy ? new StoreFault('in-use', `another process has it open${holderOf(path)}`) : error;
  }
}

/** Only for the message that others get: not worth failing for, on a full disk say. */
function tellHolder(path: string): void {
  try {
    writeFileSync(holderFile(path), `${process.pid}\n`);
  } catch {
    rmSync(holderFile(path), { force: true });
  }
}

function holderOf(path: string): string {
  try {
    const text = readFileSync(holderFile(path), 'utf8').trim();
    return /^\d+$/.test(text) ? `: pid ${text}` : '';
  } catch {
    return '';
  }
}

function bytesOf(row: Row): Uint8Array | undefined {
  const value = row['value'];
  return value instanceof Uint8Array ? value : undefined;
}

class Slab {
  readonly #revisions: number[] = [];
  readonly #keys: string[] = [];
  readonly #values: (Uint8Array | undefined)[] = [];
  /** Size of the values, with a little for each item. */
  bytes = 0;

  add(revision: number, row: Row): void {
    const value = bytesOf(row);
    this.#revisions.push(revision);
    this.#keys.push(String(row['key']));
    this.#values.push(value);
    this.bytes += 64 + (value?.byteLength ?? 0);
  }

  pack(): PackedItems {
    const values = packValues(this.#values);
    return { revisions: this.#revisions, keys: this.#keys, values };
  }
}
