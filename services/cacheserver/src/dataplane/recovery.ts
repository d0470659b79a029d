// Reads a cache directory at start: which transactions are whole, and which version of each file is the newest.

import { PlatformError } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import { commitRecordBytes } from './commit-record.ts';
import { dropNoteName, readDropNote } from './drop-note.ts';
import type { KeyIndex } from './key-index.ts';
import { Replay } from './replay.ts';
import { Segment } from './segment.ts';

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
/** Room is made at once for so many keys at most, which may be fewer than there are records. */
const keysExpectedMax = 4_000_000;
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
  index.reserve(Math.min(recordsIn(disk, names), keysExpectedMax));
  let discarded = 0;
  for (const { name, number, ending } of own.sort((left, right) => left.number - right.number)) {
    signal.throwIfAborted();
    if (ending === 'values') {
      if (present.has(`${number}.log`)) continue;
      disk.remove(name);
      discarded++;
    } else if (ending === 'log') {
      const valuesThere = present.has(`${number}.values`);
      discarded += recoverShared(disk, new Segment(number, 'shared'), { replay, valuesThere });
    } else discarded += recoverSingle(disk, number, replay);
  }
  index.trim();
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
function recoverShared(
  disk: CacheDisk,
  segment: Segment,
  { replay, valuesThere }: { readonly replay: Replay; readonly valuesThere: boolean },
): number {
  const log = disk.open(segment.logName);
  let values: CacheFile | undefined;
  try {
    if (valuesThere) values = disk.open(segment.valuesName);
    const valuesSize = values?.sizeNow() ?? 0;
    replay.applyLog(log, segment, valuesSize);
    if (segment.logBytes > 0) {
      const torn = segment.logBytes < log.sizeNow() || segment.valuesBytes < valuesSize;
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
    if (replay.applyHead(file, segment)) return 0;
  } finally {
    file.close();
  }
  disk.remove(segment.valuesName);
  return 1;
}

/** How many records the logs may hold. */
function recordsIn(disk: CacheDisk, names: readonly string[]): number {
  let records = 0;
  for (const name of names) {
    if (!name.endsWith('.log') || !ownName.test(name)) continue;
    const log = disk.open(name);
    try {
      records += Math.floor(log.sizeNow() / commitRecordBytes);
    } finally {
      log.close();
    }
  }
  return records;
}

/** What a directory that cannot be read is called. */
export function unusable(directory: string, cause: unknown): PlatformError {
  return new PlatformError('CACHE_DIRECTORY_UNUSABLE', `the cache directory ${directory}`, {
    hint: 'Check that it exists or can be made, and that this user may read and write it.',
    cause,
  });
}
