// The file of a store while nobody has it open: looks through it, and makes a copy the beginning of a new history.

import { SqliteDatabase } from './sqlite-database.ts';
import { errorOf } from './sqlite-errors.ts';
import { faultOf } from './sqlite-faults.ts';

/** What a store file holds. */
export interface StoreFileFacts {
  readonly revision: number;
  /** Keys that hold a value. */
  readonly recordCount: number;
}

const fileBytesMax = 1_024 ** 4; // what is there is looked at, whatever its size

/** Reads every record and its sum. Blocks its thread. Throws STORE_DAMAGED, STORE_RECORDS_DAMAGED, STORE_IN_USE, STORE_FORMAT_UNKNOWN and the like. */
export function readStoreFile(path: string): StoreFileFacts {
  return withDatabase(path, (database) => {
    const recordCount = countOf(database);
    return { revision: database.opened.revision, recordCount };
  });
}

/**
 * Makes a copy a store of its own: its history is forgotten, and its next revision is above `revision`, so that no client
 * takes what it knew of another life of the store for this one's past. Throws as {@link readStoreFile}.
 */
export function beginAnewAt(path: string, revision: number): StoreFileFacts {
  return withDatabase(path, (database) => {
    const recordCount = countOf(database);
    database.compact(database.opened.revision);
    while (database.sweep());
    database.skipTo(revision);
    return { revision, recordCount };
  });
}

function countOf(database: SqliteDatabase): number {
  let count = 0;
  for (const { keys } of database.items()) count += keys.length;
  return count;
}

function withDatabase<Value>(path: string, use: (database: SqliteDatabase) => Value): Value {
  try {
    using database = new SqliteDatabase({
      path,
      fileBytesMax,
      reserveBytes: 0,
      damagedRecords: 'refuse',
    });
    return use(database);
  } catch (error) {
    throw errorOf(faultOf(error), path);
  }
}
