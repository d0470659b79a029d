// The file of a store: its tables, what is written to them and how. Runs on a thread of its own, and blocks it.

import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';
import { HolderFile, readHolder } from './holder-file.ts';
import { packValues, unpackValues } from './packed-values.ts';
import { type RecordPlace, recordChecksum } from './record-checksum.ts';
import { ReserveFile } from './reserve-file.ts';
import { faultOf, StoreFault } from './sqlite-faults.ts';
import type {
  AppendRequest,
  Opened,
  PackedChanges,
  PackedItems,
  SqliteOptions,
} from './sqlite-protocol.ts';
import { checkWriteAheadLog } from './wal-scan.ts';

/** Marks a file as ours ("Twee"). */
const applicationId = 0x54776565;
/** 2 brought the sums of records. */
const formatVersion = 2;
const pageBytes = 4_096;
const pageCacheKibibytes = 2_048;
const logBytesKept = 16 * 1_024 * 1_024;
/** Items come in slabs of about this size: a slab lives as long as one value in it does. */
const slabBytes = 64 * 1_024;
/** A page of history ends after this many changes or bytes, a sweep after this many changes. */
const historyLengthMax = 1_000;
const historyBytesMax = 256 * 1_024;
const sweepLengthMax = 250;

/** Records that are not as they were written, kept for whoever wants to look into them. */
const asideTable = `CREATE TABLE aside (
    revision INTEGER PRIMARY KEY, previous INTEGER NOT NULL, key TEXT NOT NULL, value BLOB,
    checksum INTEGER
  ) STRICT;`;

/**
 * `log` is append-only but for compaction: history and values in one, in the order of revisions, so that a commit
 * writes to the end of one tree. `previous` links a change to the one it supersedes (0: none); a null value is a delete.
 * `checksum` tells that a record is as it was written; null where it was written before there were any.
 * `state` holds `compacted`, the revision up to which history is forgotten, and `swept`, up to which its rows are gone.
 */
const schema = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY, previous INTEGER NOT NULL, key TEXT NOT NULL, value BLOB,
    checksum INTEGER
  ) STRICT;
  CREATE TABLE state (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES ('compacted', 0), ('swept', 0);
  ${asideTable}
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

/** A step takes about a millisecond. */
const backupPagesPerStep = 256;

export interface PageProgress {
  readonly pagesDone: number;
  readonly pagesTotal: number;
}

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
  readonly #pageCountMax: number;
  readonly #holder: HolderFile;
  readonly #reserve: ReserveFile | undefined;
  readonly #reservePages: number;
  readonly #damagedRecords: SqliteOptions['damagedRecords'];
  readonly #setAside: string[] = [];

  /** Opens or creates the file and keeps all others out until it is disposed, or the process ends. */
  constructor({ path, fileBytesMax, reserveBytes, damagedRecords }: SqliteOptions) {
    this.#path = path;
    this.#damagedRecords = damagedRecords;
    createFile(path);
    checkWriteAheadLog(`${path}-wal`); // what SQLite cannot read of it, it leaves out
    const before = readHolder(path);
    this.#database = openExclusively(path);
    try {
      this.#prepareFormat();
      this.#pageCountMax = Math.floor(fileBytesMax / pageBytes);
      this.#reservePages = Math.ceil(reserveBytes / pageBytes);
      this.#limitPages(0);
      this.#compacted = this.#number(`SELECT revision FROM state WHERE name = 'compacted'`);
      this.#swept = this.#number(`SELECT revision FROM state WHERE name = 'swept'`);
      const last = this.#number('SELECT coalesce(max(revision), 0) FROM log');
      this.#revision = Math.max(last, this.#compacted);
      this.#insert = this.#database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)');
      this.#selectChanges = this.#database.prepare(`
        SELECT revision, previous, key, value, checksum FROM log
        WHERE revision > ?1 AND revision <= ?2 AND substr(key, 1, length(?3)) = ?3
      `);
      this.#selectValue = this.#database.prepare(
        'SELECT revision, previous, key, value, checksum FROM log WHERE revision = ?',
      );
    } catch (error) {
      this.#database.close();
      throw error;
    }
    this.#checkNotBehind(before?.revision ?? 0);
    this.#holder = new HolderFile(path);
    this.#holder.note(this.#revision);
    this.#reserve = reserveBytes > 0 ? openReserve(path, reserveBytes) : undefined;
  }

  get opened(): Opened {
    return {
      revision: this.#revision,
      compactedRevision: this.#compacted,
      sweepable: this.#swept < this.#compacted,
      setAside: this.#setAside,
    };
  }

  /** Whether the last failure left the file as it was before. */
  get usable(): boolean {
    return !this.#database.isTransaction;
  }

  /** All current items, in slabs. Those that are not as they were written are set aside, or end it with a fault that names them. */
  *items(): Generator<PackedItems> {
    const damaged: Row[] = [];
    const superseded = this.#superseded();
    let next = 0;
    let slab = new Slab();
    const rows = this.#database.prepare(
      'SELECT revision, previous, key, value, checksum FROM log WHERE value IS NOT NULL ORDER BY revision',
    );
    for (const row of rows.iterate()) {
      const revision = Number(row['revision']);
      while (next < superseded.length && (superseded[next] ?? 0) < revision) next++;
      if (superseded[next] === revision) continue;
      if (!isAsWritten(row)) {
        damaged.push(row);
        continue;
      }
      slab.add(revision, row);
      if (slab.bytes < slabBytes) continue;
      yield slab.pack();
      slab = new Slab();
    }
    if (slab.bytes > 0) yield slab.pack();
    if (damaged.length > 0) this.#takeAside(damaged);
  }

  /** Writes all changes in one durable transaction. */
  append({ firstRevision, keys, previousRevisions, values, useReserve }: AppendRequest): void {
    if (firstRevision !== this.#revision + 1) {
      throw new StoreFault('failed', `revision ${firstRevision} does not follow ${this.#revision}`);
    }
    if (useReserve) this.#openReserve();
    else this.#keepReserve();
    const unpacked = unpackValues(values);
    this.#transaction(() => {
      for (const [index, key] of keys.entries()) {
        const place = {
          revision: firstRevision + index,
          previous: previousRevisions[index] ?? 0,
          key,
        };
        this.#write(place, unpacked[index]);
      }
    });
    this.#revision += keys.length;
    this.#holder.note(this.#revision);
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
      if (!isAsWritten(row)) throw damagedRecords([row]);
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
    this.#freeing(() => this.#transaction(() => this.#setState('compacted', revision)));
    this.#compacted = revision;
  }

  /** Deletes a slice of the rows that were forgotten; says whether there are more. */
  sweep(): boolean {
    const end = Math.min(this.#swept + sweepLengthMax, this.#compacted);
    if (end === this.#swept) return false;
    const slice = `revision > ${this.#swept} AND revision <= ${end}`;
    this.#freeing(() =>
      this.#transaction(() => {
        this.#database.exec(`
          DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE ${slice});
          DELETE FROM log WHERE ${slice} AND value IS NULL;
        `);
        this.#setState('swept', end);
      }),
    );
    this.#swept = end;
    return end < this.#compacted;
  }

  /** Copies the file as it is at the end of the copying, in steps between which others write; gives its last revision. */
  async backup(path: string, onProgress: (pages: PageProgress) => void): Promise<number> {
    while (!(await this.#copyTo(path, onProgress)));
    using copy = new DatabaseSync(path);
    copy.exec('PRAGMA journal_mode = DELETE'); // so that it is one file, and nothing beside it
    const last = copy.prepare(
      'SELECT max((SELECT coalesce(max(revision), 0) FROM log), (SELECT max(revision) FROM state)) AS last',
    );
    return Number(last.get()?.['last']);
  }

  /**
   * False when it did not begin: its steps run beside this thread, and the first one fell into a transaction. Later
   * ones wait for it by themselves.
   */
  async #copyTo(path: string, onProgress: (pages: PageProgress) => void): Promise<boolean> {
    let begun = false;
    try {
      await backup(this.#database, path, {
        rate: backupPagesPerStep,
        progress: ({ totalPages, remainingPages }) => {
          begun = true;
          onProgress({ pagesDone: totalPages - remainingPages, pagesTotal: totalPages });
        },
      });
      return true;
    } catch (error) {
      if (begun || !isWithoutFault(error)) throw error;
      return false;
    }
  }

  /** Begins a new history after a revision that is not reached yet; what came before must have been swept. */
  skipTo(revision: number): void {
    if (revision < this.#revision || this.#swept < this.#revision) {
      throw new StoreFault('failed', `no skip from ${this.#revision} to ${revision}`);
    }
    this.#transaction(() => {
      this.#setState('compacted', revision);
      this.#setState('swept', revision);
    });
    this.#revision = revision;
    this.#compacted = revision;
    this.#swept = revision;
  }

  /** Moves the write-ahead log into the file and lets others have it. */
  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    this.#holder[Symbol.dispose]();
    this.#database.close();
  }

  #prepareFormat(): void {
    if (this.#number('SELECT count(*) FROM sqlite_schema') === 0) {
      this.#transaction(() => this.#database.exec(schema));
      return;
    }
    this.#checkFormat();
    if (this.#number('PRAGMA user_version') === formatVersion) return;
    this.#transaction(() =>
      this.#database.exec(`
        ALTER TABLE log ADD COLUMN checksum INTEGER;
        ${asideTable}
        PRAGMA user_version = ${formatVersion};
      `),
    );
  }

  /** A log that was cut off or taken away leaves a file that is in order, but older. */
  #checkNotBehind(notedRevision: number): void {
    if (this.#revision >= notedRevision) return;
    this.#database.close();
    throw new StoreFault(
      'damaged',
      `it ends at revision ${this.#revision}, and ${notedRevision} was on disk: its write-ahead log ${this.#path}-wal is missing or was cut off`,
    );
  }

  #checkFormat(): void {
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
    if (row && !isAsWritten(row)) throw damagedRecords([row]);
    const value = row && bytesOf(row);
    if (value === undefined) throw new StoreFault('damaged', `revision ${revision} has no value`);
    return value;
  }

  #write(place: RecordPlace, value: Uint8Array | undefined): void {
    const { revision, previous, key } = place;
    this.#insert.run(revision, previous, key, value ?? null, recordChecksum(place, value));
  }

  /** Puts damaged records where nobody reads them, and deletes their keys. */
  #takeAside(damaged: readonly Row[]): void {
    if (this.#damagedRecords === 'refuse') throw damagedRecords(damaged);
    let revision = this.#revision;
    this.#transaction(() => {
      for (const row of damaged) {
        const previous = Number(row['revision']);
        this.#database.exec(
          `INSERT OR REPLACE INTO aside SELECT * FROM log WHERE revision = ${previous}`,
        );
        this.#write({ revision: ++revision, previous, key: String(row['key']) }, undefined);
        this.#setAside.push(String(row['key']));
      }
      // Nobody can be told what the records were, so that their history ends here.
      this.#setState('compacted', revision);
    });
    this.#revision = revision;
    this.#compacted = revision;
  }

  /** Ordinary writes are refused until there is room again for what deletes may need. */
  #keepReserve(): void {
    const reserve = this.#reserve;
    if (!reserve || reserve.held) return;
    const isRoomInside = this.#number('PRAGMA freelist_count') >= this.#reservePages;
    if (!isRoomInside) reserve.keep();
    this.#limitPages(0);
  }

  #openReserve(): void {
    this.#reserve?.release();
    this.#limitPages(this.#reservePages);
  }

  /** Does what frees room; with the room that is kept for it, if there is no other. */
  #freeing(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (faultOf(error).kind !== 'full' || !this.#reserve) throw error;
      this.#openReserve();
      run();
    }
  }

  #limitPages(more: number): void {
    this.#database.exec(`PRAGMA max_page_count = ${this.#pageCountMax + more}`);
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

/** The room that was kept; none where the disk is full already: then writes are refused, and reading goes on. */
function openReserve(path: string, bytes: number): ReserveFile {
  const reserve = new ReserveFile(`${path}.reserve`, bytes);
  try {
    reserve.keep();
  } catch {
    // the first write says so
  }
  return reserve;
}

function isAsWritten(row: Row): boolean {
  const checksum = row['checksum'];
  if (checksum === null) return true; // written before there were any
  const place = {
    revision: Number(row['revision']),
    previous: Number(row['previous']),
    key: String(row['key']),
  };
  return recordChecksum(place, bytesOf(row)) === checksum;
}

const namedRecordsMax = 5;

function damagedRecords(rows: readonly Row[]): StoreFault {
  const named = rows
    .slice(0, namedRecordsMax)
    .map((row) => `${row['key']} (revision ${row['revision']})`);
  const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : '';
  return new StoreFault('damaged-records', `not as they were written: ${named.join(', ')}${more}`);
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
    if (!busy) throw error;
    const holder = readHolder(path);
    throw new StoreFault(
      'in-use',
      `another process has it open${holder ? `: pid ${holder.pid}` : ''}`,
    );
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

/** A busy step is told with the state of the copy, which has no fault. */
function isWithoutFault(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 0;
}
