// The keys of an index as people and mirrors see them: one by one, or slice by slice.

import type { UnityCacheFileType } from '@tweendeck/wire';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import type { KeyPage, KeyQuery, StoredKey } from './value-store.ts';

/** Records looked at for one page: well under a millisecond. */
const visitsMax = 8_192;
const types: readonly UnityCacheFileType[] = ['a', 'i', 'r'];

export function describeKey(index: KeyIndex, record: number, nowSeconds: number): StoredKey {
  const id = Buffer.alloc(32);
  index.keyOf(record, id, 0);
  const place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  const sizes: Partial<Record<UnityCacheFileType, number>> = {};
  for (const [file, type] of types.entries()) {
    if (index.read(record, file, place)) sizes[type] = place.sizeBytes;
  }
  return {
    id,
    sizes,
    ageSeconds: Math.max(0, nowSeconds - index.committedSeconds(record)),
    idleSeconds: Math.max(0, nowSeconds - index.usedSeconds(record)),
  };
}

/** `tidy` takes off a key what is gone. The cursor is the number of the next record: it stays right while keys come and go. */
export function pageOf(
  index: KeyIndex,
  { cursor, guid, keysMax }: KeyQuery,
  { nowSeconds, tidy }: { readonly nowSeconds: number; readonly tidy: (record: number) => void },
): KeyPage {
  const keys: StoredKey[] = [];
  const from = /^\d{1,10}$/.test(cursor ?? '') ? Number(cursor) : 0;
  const end = Math.min(from + visitsMax, index.recordsEnd);
  let record = from;
  for (; record < end && keys.length < Math.max(1, keysMax); record++) {
    if (!index.holdsKey(record) || (guid && !index.startsWith(record, guid))) continue;
    tidy(record);
    if (!index.holdsKey(record)) continue;
    keys.push(describeKey(index, record, nowSeconds));
  }
  return { keys, next: record < index.recordsEnd ? String(record) : undefined };
}
