// In which segment each file of each key lies, and what it means for the segments when that changes.

import type { Clock } from '@tweendeck/std';
import type { FilePlaces } from './commit-record.ts';
import { IndexSweep } from './index-sweep.ts';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { Segment } from './segment.ts';

/** Where the files of a commit lay before it; nothing for a key that was new. */
export type PlacesBefore = readonly (IndexedFile | undefined)[];

/** Where a file lies at present. */
export interface FoundFile {
  readonly segment: Segment;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc: number;
}

export class KeyPlaces {
  readonly index: KeyIndex;
  readonly sweep: IndexSweep;
  readonly #tier: MemoryTier;
  readonly #segments = new Map<number, Segment>();
  readonly #found: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };

  constructor(index: KeyIndex, tier: MemoryTier, clock: Pick<Clock, 'timer'>) {
    this.index = index;
    this.#tier = tier;
    this.sweep = new IndexSweep(index, (segment) => this.#segments.has(segment), clock);
  }

  /** Files may lie in it from now on. */
  add(segment: Segment): void {
    this.#segments.set(segment.number, segment);
  }

  /** What lies in it is gone; false when nothing could. */
  remove(segment: Segment): boolean {
    if (!this.#segments.delete(segment.number)) return false;
    if (!segment.unreferenced && this.index.records > 0) this.sweep.begin();
    return true;
  }

  segmentOf(number: number): Segment | undefined {
    return this.#segments.get(number);
  }

  /** The record of a key that has a file, -1 without. */
  recordOf(bytes: Uint8Array, at: number): number {
    const record = this.index.find(bytes, at);
    if (record >= 0) this.sweep.tidy(record);
    return record >= 0 && this.index.holdsKey(record) ? record : -1;
  }

  fileOf(record: number, file: number): FoundFile | undefined {
    if (!this.index.read(record, file, this.#found)) return undefined;
    const segment = this.#segments.get(this.#found.segment);
    if (segment === undefined) return undefined;
    const { offset, sizeBytes, crc } = this.#found;
    return { segment, offset, sizeBytes, crc };
  }

  /** Bytes of a key's files. */
  sizeOf(record: number): number {
    this.sweep.tidy(record);
    let bytes = 0;
    for (let file = 0; file < 3; file++) {
      if (this.index.read(record, file, this.#found)) bytes += this.#found.sizeBytes;
    }
    return bytes;
  }

  /** Points a file of a key to a new place, or to the trace of its end; whatever was there is dead. */
  place(record: number, file: number, place: IndexedFile): void {
    const found = this.#found;
    const alive = this.index.read(record, file, found);
    const older = this.#segments.get(found.segment);
    const segment = this.#segments.get(place.segment);
    if (older !== undefined && older !== segment) segment?.shadows.add(older);
    if (alive) {
      if (older !== undefined) older.liveBytes -= found.sizeBytes;
      this.#tier.drop(found);
    }
    if (segment !== undefined) segment.liveBytes += place.sizeBytes;
    this.index.write(record, file, place);
  }

  /** Gives a file up where it lies, if that is still there. */
  giveUp(record: number, file: number, at: Pick<IndexedFile, 'segment' | 'offset'>): void {
    const found = this.#found;
    const same =
      record < this.index.recordsEnd &&
      this.index.read(record, file, found) &&
      found.segment === at.segment &&
      found.offset === at.offset;
    if (same) this.place(record, file, traceIn(at.segment));
  }

  /** Gives all files of a key up where they lie. */
  giveUpKey(record: number): void {
    for (let file = 0; file < 3; file++) {
      const alive = this.index.read(record, file, this.#found);
      if (alive) this.place(record, file, traceIn(this.#found.segment));
    }
  }

  /** All files of a key were removed, as a record in this segment says. */
  removed(id: Uint8Array, { number }: Segment): void {
    const record = this.index.locate(id, 0);
    if (record < 0) return;
    for (let file = 0; file < 3; file++) {
      this.index.read(record, file, this.#found);
      if (this.#found.segment !== 0) this.place(record, file, traceIn(number));
    }
  }

  before(id: Uint8Array, files: FilePlaces): PlacesBefore {
    const record = this.index.locate(id, 0);
    if (record < 0) return [];
    return files.map((file, index) => {
      if (file === undefined) return undefined;
      const place = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
      this.index.read(record, index, place);
      return place;
    });
  }

  /** Points the files of a commit in this segment, which was not written, to where they were before. */
  takeBack(id: Uint8Array, files: FilePlaces, segment: Segment, before: PlacesBefore): void {
    for (const [index, file] of files.entries()) {
      const record = this.index.locate(id, 0);
      if (file === undefined || record < 0) continue;
      segment.liveBytes -= file.sizeBytes;
      this.#tier.drop({ segment: segment.number, offset: file.offset });
      const place = before[index];
      const older = place && this.#segments.get(place.segment);
      if (place === undefined || older === undefined) {
        this.index.clear(record, index); // there was none, or it is gone meanwhile
        continue;
      }
      older.liveBytes += place.sizeBytes;
      this.index.write(record, index, place);
    }
  }
}

function traceIn(segment: number): IndexedFile {
  return { segment, offset: 0, sizeBytes: 0, crc: 0 };
}
