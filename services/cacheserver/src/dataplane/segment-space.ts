// Which segments there are, how much of the disk they take, and which go when the bound is reached.

import { assert } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import { dropNoteName, writeDropNote } from './drop-note.ts';
import { collectShadowed, type OpenFiles, type Segment } from './segment.ts';

/** Removing a file of this size takes the disk a noticeable time. */
const largeBytes = 4 * 1_048_576;

export interface SegmentSpaceOptions {
  readonly disk: CacheDisk;
  readonly files: OpenFiles;
  readonly storageBytesMax: number;
  /** Bytes that are taken whatever the segments hold. */
  readonly fixedBytes: number;
  /** Told of each dropped segment before its files go. */
  readonly onDrop: (segment: Segment) => void;
  /** A file could not be removed; its space stays counted. */
  readonly onError: (error: unknown) => void;
}

/**
 * The cleaner's seam: `takeRoom` asks `#victim` for the next segment to drop, and drops it with every segment it
 * shadows, so that no older version of a key can come back at the next start.
 */
export class SegmentSpace {
  readonly #options: SegmentSpaceOptions;
  /** Committed segments, the least recently used first. */
  readonly #byUse = new Set<Segment>();
  #last: Segment | undefined;
  #usedBytes: number;
  /** Dropped, but still on disk: the disk would not remove them. */
  readonly #unremoved = new Set<Segment>();
  #evictedBytes = 0;
  #evictedSegments = 0;

  constructor(options: SegmentSpaceOptions) {
    this.#options = options;
    this.#usedBytes = options.fixedBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get segmentCount(): number {
    return this.#byUse.size;
  }

  get deadBytes(): number {
    let bytes = 0;
    for (const segment of this.#byUse) bytes += segment.deadBytes;
    return bytes;
  }

  get liveBytes(): number {
    let bytes = 0;
    for (const segment of this.#byUse) bytes += segment.liveBytes;
    return bytes;
  }

  get evicted(): { readonly bytes: number; readonly segments: number } {
    return { bytes: this.#evictedBytes, segments: this.#evictedSegments };
  }

  get segments(): Iterable<Segment> {
    return this.#byUse;
  }

  /** Takes a committed segment in, as the most recently used. Its bytes are counted apart, by `resize`. */
  add(segment: Segment): void {
    this.#byUse.add(segment);
    this.#last = segment;
  }

  touch(segment: Segment): void {
    if (segment === this.#last || !this.#byUse.delete(segment)) return;
    this.add(segment);
  }

  /** Sets the lengths of a segment's files, and counts the difference. */
  resize(segment: Segment, valuesBytes: number, logBytes: number): void {
    const before = segment.diskBytes;
    segment.valuesBytes = valuesBytes;
    segment.logBytes = logBytes;
    this.#usedBytes += segment.diskBytes - before;
  }

  /** Counts bytes that no segment holds. */
  count(bytesChange: number): void {
    this.#usedBytes += bytesChange;
  }

  pin(segment: Segment): void {
    segment.pins++;
  }

  unpin(segment: Segment): void {
    assert(segment.pins > 0, `segment ${segment.number} is unpinned too often`);
    if (--segment.pins > 0 || !segment.dropped || this.#unremoved.has(segment)) return;
    this.#reclaim(segment);
  }

  /** Whether `bytes` fit within the bound, after dropping what has to go for them. */
  takeRoom(bytes: number): boolean {
    while (this.#usedBytes + bytes > this.#options.storageBytesMax) {
      if (!this.dropOne()) return false;
    }
    return true;
  }

  /** Whether `bytes` fit within the bound as it is. */
  hasRoom(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#options.storageBytesMax;
  }

  /** Drops the segment least recently used that nobody reads, and those it shadows; false when there is none. */
  dropOne(): boolean {
    const victim = this.#victim();
    if (victim === undefined || !this.#removedAll()) return false;
    const going = new Set<Segment>();
    collectShadowed(victim, going);
    for (const { diskBytes } of going) this.#evictedBytes += diskBytes;
    this.#evictedSegments += going.size;
    this.dropTogether([...going].reverse());
    return true;
  }

  /** Drops segments of which no file lives, with all that they shadow; false when the disk takes nothing away. */
  dropDead(segments: readonly Segment[]): boolean {
    if (!this.#removedAll()) return false;
    for (const segment of segments) segment.unreferenced = true;
    this.dropTogether(segments);
    return true;
  }

  /** Drops all of these, also when the process dies half-way: then the next start drops the rest. */
  dropTogether(segments: readonly Segment[]): void {
    const { disk, onError } = this.#options;
    const numbers = segments.map(({ number }) => number);
    const noted = segments.length > 1 && writeDropNote(disk, numbers);
    for (const segment of segments) this.drop(segment);
    try {
      if (noted && this.#unremoved.size === 0) disk.remove(dropNoteName);
    } catch (error) {
      onError(error);
    }
  }

  /**
   * Drops a segment of which everything that counts was moved: whoever shadows it, shadows what it shadowed. False when
   * the disk takes nothing away.
   */
  dropMoved(segment: Segment): boolean {
    if (!this.#removedAll()) return false;
    segment.unreferenced = true;
    for (const other of this.#byUse) {
      if (!other.shadows.delete(segment)) continue;
      for (const shadowed of segment.shadows) if (shadowed !== other) other.shadows.add(shadowed);
    }
    this.drop(segment);
    return true;
  }

  /**
   * Tries once more to remove what could not be removed. Until that is done nothing else may go: it may hold older
   * versions, which the next start would find.
   */
  #removedAll(): boolean {
    for (const segment of this.#unremoved) if (!this.#remove(segment)) return false;
    return true;
  }

  /** Removes a segment's files now, and counts its space as free once nobody reads it. */
  drop(segment: Segment): void {
    if (segment.dropped) return;
    this.#byUse.delete(segment);
    this.#options.onDrop(segment);
    segment.shadows.clear();
    let log: CacheFile | undefined;
    try {
      // Its readers need an open file, and a large one that is open goes without a wait.
      const large = segment.valuesBytes > largeBytes;
      if (segment.pins > 0 || large) this.#options.files.use(segment);
      if (segment.logBytes > largeBytes) log = this.#options.disk.open(segment.logName);
    } catch (error) {
      this.#options.onError(error);
    }
    segment.dropped = true;
    this.#remove(segment);
    log?.closeSoon();
  }

  /** Removes the files of a dropped segment; false when the disk does not, and it is tried again later. */
  #remove(segment: Segment): boolean {
    try {
      // The log first: without it the values mean nothing.
      if (segment.kind === 'shared') this.#options.disk.remove(segment.logName);
      this.#options.disk.remove(segment.valuesName);
    } catch (error) {
      this.#unremoved.add(segment);
      this.#options.onError(error);
      return false;
    }
    this.#unremoved.delete(segment);
    if (segment.pins === 0) this.#reclaim(segment);
    return true;
  }

  #reclaim(segment: Segment): void {
    this.#options.files.close(segment);
    this.#usedBytes -= segment.diskBytes;
    segment.valuesBytes = 0;
    segment.logBytes = 0;
  }

  #victim(): Segment | undefined {
    for (const segment of this.#byUse) if (segment.pins === 0) return segment;
    return undefined;
  }
}
