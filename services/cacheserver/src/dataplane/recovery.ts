// Reads a cache directory at start: which transactions are whole, and which version of each file is the newest.

import { PlatformError } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import {
  type CommitRecord,
  commitRecordBytes,
  decodeCommitRecord,
  type FilePlace,
  filesEnd,
} from './commit-record.ts';
import { dropNoteName, readDropNote } from './drop-note.ts';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import { Segment } from './segment.ts';
import { secondsOf } from './store-clock.ts';

export interface Recovered {
  readonly segments: readonly Segment[];
  readonly nextNumber: number;
  readonly nextSequence: number;
  /** When the newest commit was made; 0 when there is none. */
  readonly newestMs: number;
  /** Files left by uploads that never committed, and torn ends that were cut off. */
  readonly discarded: number;
  /** Files with names that are not ours; left alone. */
  readonly foreign: number;
}

/** The lock, and notes of last uses. */
const ownExtra = /^(lock(-.*)?|uses-[01]|reliability|mirror)$/;
const removal: FilePlace = { offset: 0, sizeBytes: 0, crc: 0 };
const ownName = /^(\d{1,10})\.(values|log|single)$/;

/** Fills `index` from the directory, cuts torn tails and removes what no commit record speaks of. */
export function recoverSegments(disk: CacheDisk, index: KeyIndex, signal: AbortSignal): Recovered {
  const dropped = finishDropping(disk);
  const names = disk.list();
  const present = new Set(names);
  const own = names.flatMap((name) => {
    const match = ownName.exec(name);
    return match ? [{ name, number: Number(match[1]), ending: match[2] ?? '' }] : [];
  });
  const replay = new Replay(index);
  let discarded = 0;
  for (const { name, number, ending } of own.sort((left, right) => left.number - right.number)) {
    signal.throwIfAborted();
    if (ending === 'values') {
      if (present.has(`${number}.log`)) continue;
      disk.remove(name);
      discarded++;
    } else if (ending === 'log') {
      discarded += recoverShared(disk, number, replay);
    } else discarded += recoverSingle(disk, number, replay);
  }
  const numbers = [...own.map(({ number }) => number), ...dropped];
  return {
    segments: replay.segments,
    nextNumber: numbers.reduce((most, number) => Math.max(most, number), 0) + 1,
    nextSequence: replay.sequenceMax + 1,
    newestMs: replay.newestMs,
    discarded,
    foreign: names.filter((name) => !ownName.test(name) && !ownExtra.test(name)).length,
  };
}

/** Drops what a process that died was dropping; returns the numbers, which must not be used again at once. */
function finishDropping(disk: CacheDisk): readonly number[] {
  if (!disk.list().includes(dropNoteName)) return [];
  const numbers = readDropNote(disk);
  const going = new Set(numbers);
  for (const name of disk.list()) {
    const match = ownName.exec(name);
    if (match && going.has(Number(match[1]))) disk.remove(name);
  }
  disk.remove(dropNoteName);
  return numbers;
}

/** Returns how many things were discarded. */
function recoverShared(disk: CacheDisk, number: number, replay: Replay): number {
  const segment = new Segment(number, 'shared');
  const log = disk.open(segment.logName);
  let values: CacheFile | undefined;
  try {
    values = openIfPresent(disk, segment.valuesName);
    const valuesSize = values?.sizeNow() ?? 0;
    const records = readAll(log);
    replay.expect(records.length / commitRecordBytes);
    for (; segment.logBytes < records.length; segment.logBytes += commitRecordBytes) {
      const record = decodeCommitRecord(records, segment.logBytes);
      if (record === undefined || filesEnd(record.files) > valuesSize) break;
      replay.apply(record, segment);
      segment.valuesBytes = Math.max(segment.valuesBytes, filesEnd(record.files));
    }
    if (segment.logBytes > 0) {
      const torn = segment.logBytes < records.length || segment.valuesBytes < valuesSize;
      if (torn) log.truncateNow(segment.logBytes);
      if (torn) values?.truncateNow(segment.valuesBytes);
      replay.segments.push(segment);
      return Number(torn);
    }
  } finally {
    log.close();
    values?.close();
  }
  disk.remove(segment.logName);
  disk.remove(segment.valuesName);
  return 1;
}

function recoverSingle(disk: CacheDisk, number: number, replay: Replay): number {
  const segment = new Segment(number, 'single');
  const file = disk.open(segment.valuesName);
  try {
    const head = Buffer.alloc(commitRecordBytes);
    const count = file.readNow(head, 0, head.length, 0);
    const record = count === head.length ? decodeCommitRecord(head, 0) : undefined;
    const size = file.sizeNow();
    if (record !== undefined && filesEnd(record.files) <= size) {
      segment.valuesBytes = size;
      replay.apply(record, segment);
      replay.segments.push(segment);
      return 0;
    }
  } finally {
    file.close();
  }
  disk.remove(segment.valuesName);
  return 1;
}

/** Puts records into the index in any order of segments: for each file the highest sequence wins. */
class Replay {
  readonly segments: Segment[] = [];
  sequenceMax = 0;
  newestMs = 0;
  readonly #index: KeyIndex;
  #sequences = new Float64Array(3 * 4_096);
  readonly #place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  readonly #byNumber = new Map<number, Segment>();
  #last: Segment | undefined;

  constructor(index: KeyIndex) {
    this.#index = index;
  }

  /** So many records follow: makes room at once. */
  expect(records: number): void {
    this.#index.reserve(this.#index.count + records);
  }

  apply(record: CommitRecord, segment: Segment): void {
    if (this.#last !== segment) this.#byNumber.set(segment.number, segment);
    this.#last = segment;
    this.sequenceMax = Math.max(this.sequenceMax, record.sequence);
    if (record.committedMs > this.newestMs) this.newestMs = record.committedMs;
    const key = this.#index.insert(record.id, 0);
    if (record.files.some((file) => file !== undefined)) {
      this.#index.committed(key, secondsOf(record.committedMs));
    }
    for (let file = 0; file < 3; file++) this.#applyFile(key * 3 + file, record, segment);
  }

  /** A version of a file, or its removal, which wins over a version of the same sequence. */
  #applyFile(at: number, { sequence, files, removed }: CommitRecord, segment: Segment): void {
    const [key, file] = [Math.floor(at / 3), at % 3];
    const place = files[file] ?? (removed & (1 << file) ? removal : undefined);
    if (place === undefined) return;
    if (at >= this.#sequences.length) this.#grow(at);
    const known = this.#sequences[at] ?? 0;
    const alive = this.#index.read(key, file, this.#place);
    const other = known > 0 ? this.#byNumber.get(this.#place.segment) : undefined;
    if (sequence < known || (sequence === known && !alive)) {
      if (other !== undefined && other !== segment) other.shadows.add(segment);
      return;
    }
    if (other !== undefined && other !== segment) segment.shadows.add(other);
    if (other !== undefined && alive) other.liveBytes -= this.#place.sizeBytes;
    segment.liveBytes += place.sizeBytes;
    this.#sequences[at] = sequence;
    this.#place.segment = segment.number;
    this.#place.offset = place.offset;
    this.#place.sizeBytes = place.sizeBytes;
    this.#place.crc = place.crc;
    this.#index.write(key, file, this.#place);
  }

  #grow(at: number): void {
    const grown = new Float64Array(Math.max(at + 1, this.#sequences.length * 2));
    grown.set(this.#sequences);
    this.#sequences = grown;
  }
}

function readAll(file: CacheFile): Buffer {
  const size = file.sizeNow();
  const bytes = Buffer.allocUnsafeSlow(size);
  let done = 0;
  while (done < size) {
    const count = file.readNow(bytes, done, size - done, done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

function openIfPresent(disk: CacheDisk, name: string): CacheFile | undefined {
  return disk.list().includes(name) ? disk.open(name) : undefined;
}

/** What a directory that cannot be read is called. */
export function unusable(directory: string, cause: unknown): PlatformError {
  return new PlatformError('CACHE_DIRECTORY_UNUSABLE', `the cache directory ${directory}`, {
    hint: 'Check that it exists or can be made, and that this user may read and write it.',
    cause,
  });
}
