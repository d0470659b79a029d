// What tells that a record lies on disk as it was written. Runs on the database's thread.

import { crc32 } from 'node:zlib';

/** Where a record stands: part of its sum, so that a record in another's place is noticed too. */
export interface RecordPlace {
  readonly revision: number;
  readonly previous: number;
  readonly key: string;
}

/** CRC-32 over a record and its place; SQLite itself sums no pages. */
export function recordChecksum(place: RecordPlace, value: Uint8Array | undefined): number {
  const { revision, previous, key } = place;
  const head = crc32(`${revision} ${previous} ${value ? 'put' : 'delete'} ${key}`);
  return value ? crc32(value, head) : head;
}
