// A segment: an append-only file of values that lives and dies as a whole, and who still needs it.

import { assert } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import { commitRecordBytes } from './commit-record.ts';

/**
 * `shared` segments hold many transactions: values in `N.values`, commit records in `N.log`. A `single` segment holds
 * one large transaction: the commit record in the first bytes of `N.single`, values behind it.
 */
export type SegmentKind = 'shared' | 'single';

/** Files are counted in whole blocks, as the disk does. */
const blockBytes = 4_096;

export class Segment {
  readonly number: number;
  readonly kind: SegmentKind;
  /** The end of the values file, with what is about to be written. */
  valuesBytes = 0;
  /** At its end: not yet on disk. */
  stagedBytes = 0;
  logBytes = 0;
  /** Bytes of files that the index points to; the other values are dead. */
  liveBytes = 0;
  /** Commits that are written here and wait for the disk. */
  waitingCommits = 0;
  /** To be called when none waits any more. */
  whenSynced: (() => void) | undefined;
  /** Segments that hold older versions of files that this one holds: they must not outlive it. */
  readonly shadows: Set<Segment> = new Set();
  pins = 0;
  /** Whether no file lives in it any more, for good: nobody needs to look for keys that point here. */
  unreferenced = false;
  /** Whether its files were removed from the directory; its space returns with the last pin. */
  dropped = false;

  constructor(number: number, kind: SegmentKind) {
    this.number = number;
    this.kind = kind;
  }

  get valuesName(): string {
    return `${this.number}.${this.kind === 'shared' ? 'values' : 'single'}`;
  }

  get logName(): string {
    return `${this.number}.log`;
  }

  /** Bytes of values that nobody can find any more. */
  get deadBytes(): number {
    return Math.max(0, this.valuesBytes - this.headBytes - this.liveBytes);
  }

  /** What stands in front of the values. */
  get headBytes(): number {
    return this.kind === 'single' ? Math.min(commitRecordBytes, this.valuesBytes) : 0;
  }

  /** Bytes on disk, in whole blocks. */
  get diskBytes(): number {
    return blocksOf(this.valuesBytes) + blocksOf(this.logBytes);
  }
}

/** Adds `segment` and everything it shadows, directly or not; whoever shadows comes before what it shadows. */
export function collectShadowed(segment: Segment, into: Set<Segment>): void {
  const open = [segment];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.dropped || into.has(next)) continue;
    into.add(next);
    open.push(...next.shadows);
  }
}

/** `sizeBytes` rounded up to whole blocks. */
export function blocksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockBytes) * blockBytes;
}

/** Open value files: opened when needed, the least recently used closed beyond a limit unless pinned. */
export class OpenFiles {
  readonly #disk: CacheDisk;
  readonly #filesMax: number;
  readonly #files = new Map<Segment, CacheFile>(); // in order of use

  constructor(disk: CacheDisk, filesMax: number) {
    this.#disk = disk;
    this.#filesMax = filesMax;
  }

  get count(): number {
    return this.#files.size;
  }

  /** The file, open at least until the caller yields; pin the segment to keep it longer. */
  use(segment: Segment): CacheFile {
    let file = this.#files.get(segment);
    if (file === undefined) {
      assert(!segment.dropped, `segment ${segment.number} is opened after it was removed`);
      file = this.#disk.open(segment.valuesName);
      this.#files.set(segment, file);
      this.#trim();
    } else if (this.#files.size > this.#filesMax / 2) {
      this.#files.delete(segment);
      this.#files.set(segment, file);
    }
    return file;
  }

  create(segment: Segment): CacheFile {
    const file = this.#disk.create(segment.valuesName);
    this.#files.set(segment, file);
    this.#trim();
    return file;
  }

  close(segment: Segment): void {
    const file = this.#files.get(segment);
    this.#files.delete(segment);
    if (segment.dropped) file?.closeSoon();
    else file?.close();
  }

  closeAll(): void {
    for (const segment of [...this.#files.keys()]) this.close(segment);
  }

  #trim(): void {
    if (this.#files.size <= this.#filesMax) return;
    let last: Segment | undefined;
    for (const segment of this.#files.keys()) last = segment;
    for (const segment of this.#files.keys()) {
      if (this.#files.size <= this.#filesMax) return;
      if (segment.pins === 0 && segment !== last) this.close(segment);
    }
  }
}
