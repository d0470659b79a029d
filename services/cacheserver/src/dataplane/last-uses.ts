// When keys were last used, on disk, so that a restart does not make them as old as their last commit.

import { crc32 } from 'node:zlib';
import type { Pace } from '../cleaner/pace.ts';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import type { KeyIndex } from './key-index.ts';

/** Two notes in turn: while one is written, the other is whole. */
export const usesNames: readonly [string, string] = ['uses-0', 'uses-1'];

const entryBytes = 36; // key 32, seconds
/** In front: checksum of the entries, their number, when the note was made. */
const headBytes = 16;
const recordsAtOnce = 2_048;
/** A key that was hardly used after its commit is as well off with that time. */
const secondsWorthNoting = 60;

interface Note {
  readonly turn: 0 | 1;
  readonly madeMs: number;
  readonly entries: Buffer;
}

export interface NotedUses {
  /** When the note was made; 0 for never. */
  readonly madeMs: number;
  /** Which of the two is to be written next. */
  readonly nextTurn: 0 | 1;
  /** What the two take. */
  readonly bytes: readonly [number, number];
}

/** Applies the newest whole note to an index that holds all keys. */
export function readLastUses(disk: CacheDisk, index: KeyIndex): NotedUses {
  const first = readNote(disk, 0);
  const second = readNote(disk, 1);
  const bytes = [first.bytes, second.bytes] as const;
  const notes = [first.note, second.note].filter((note) => note !== undefined);
  const [newest] = notes.sort((one, other) => other.madeMs - one.madeMs);
  if (newest === undefined) return { madeMs: 0, nextTurn: 0, bytes };
  for (let at = 0; at < newest.entries.length; at += entryBytes) {
    const key = index.find(newest.entries, at);
    if (key >= 0) index.used(key, newest.entries.readUInt32LE(at + 32));
  }
  return { madeMs: newest.madeMs, nextTurn: newest.turn === 0 ? 1 : 0, bytes };
}

/** A note is a help: one that is torn or cannot be read is none. */
function readNote(
  disk: CacheDisk,
  turn: 0 | 1,
): { readonly note: Note | undefined; readonly bytes: number } {
  const name = usesNames[turn];
  if (!disk.list().includes(name)) return { note: undefined, bytes: 0 };
  try {
    const file = disk.open(name);
    try {
      const bytes = Buffer.allocUnsafe(file.sizeNow());
      const whole = file.readNow(bytes, 0, bytes.length, 0) === bytes.length;
      return { note: whole ? noteIn(bytes, turn) : undefined, bytes: bytes.length };
    } finally {
      file.close();
    }
  } catch {
    return { note: undefined, bytes: 0 };
  }
}

function noteIn(bytes: Buffer, turn: 0 | 1): Note | undefined {
  if (bytes.length < headBytes) return undefined;
  const entries = bytes.subarray(headBytes);
  if (entries.length !== bytes.readUInt32LE(4) * entryBytes) return undefined;
  if (crc32(entries) !== bytes.readUInt32LE(0)) return undefined;
  return { turn, madeMs: bytes.readDoubleLE(8), entries };
}

/** Writes a note of all keys, slice by slice; its head last, which makes it whole. Returns its bytes. */
export async function writeLastUses(
  { disk, index }: { readonly disk: CacheDisk; readonly index: KeyIndex },
  { name, nowMs }: { readonly name: string; readonly nowMs: number },
  pace: Pace,
): Promise<number> {
  disk.remove(name);
  const file = disk.create(name);
  try {
    const { crc, bytes } = await writeEntries(file, index, pace);
    const head = Buffer.alloc(headBytes);
    head.writeUInt32LE(crc, 0);
    head.writeUInt32LE(bytes / entryBytes, 4);
    head.writeDoubleLE(nowMs, 8);
    file.writeNow(head, headBytes, 0);
    return headBytes + bytes;
  } finally {
    file.close();
  }
}

async function writeEntries(
  file: CacheFile,
  index: KeyIndex,
  pace: Pace,
): Promise<{ readonly crc: number; readonly bytes: number }> {
  const slice = Buffer.allocUnsafe(recordsAtOnce * entryBytes);
  let crc = 0;
  let bytes = 0;
  for (let from = 0; from < index.recordsEnd; from += recordsAtOnce) {
    const used = fill(slice, index, from);
    crc = crc32(slice.subarray(0, used), crc);
    if (used > 0) file.writeNow(slice, used, headBytes + bytes);
    bytes += used;
    const rest = pace.turn();
    if (rest !== undefined) await rest;
  }
  return { crc, bytes };
}

function fill(slice: Buffer, index: KeyIndex, from: number): number {
  let at = 0;
  const end = Math.min(from + recordsAtOnce, index.recordsEnd);
  for (let record = from; record < end; record++) {
    const used = index.usedSeconds(record);
    const noted = used - index.committedSeconds(record) >= secondsWorthNoting;
    if (!noted || !index.holdsKey(record)) continue;
    index.keyOf(record, slice, at);
    slice.writeUInt32LE(used, at + 32);
    at += entryBytes;
  }
  return at;
}
