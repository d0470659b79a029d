// Puts commit records into the index, in any order of segments: for each file the highest sequence wins.

import type { CacheFile } from './cache-disk.ts';
import { CommitLog } from './commit-log.ts';
import { commitRecordBytes } from './commit-record.ts';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import type { Segment } from './segment.ts';
import { secondsOf } from './store-clock.ts';

/** Records that are read at once: 768 KiB. */
const recordsAtOnce = 8_192;

export class Replay {
  readonly segments: Segment[] = [];
  sequenceMax = 0;
  newestMs = 0;
  readonly #index: KeyIndex;
  readonly #log = new CommitLog(recordsAtOnce);
  /** By file of each key. */
  #sequences = new Float64Array(3 * 4_096);
  readonly #place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  readonly #byNumber = new Map<number, Segment>();

  constructor(index: KeyIndex) {
    this.#index = index;
  }

  /** Applies the log of a shared segment up to its end, or to the first record that is torn or speaks of values that are not there. */
  applyLog(file: CacheFile, segment: Segment, valuesSize: number): void {
    const size = file.sizeNow();
    this.#byNumber.set(segment.number, segment);
    while (segment.logBytes < size) {
      const records = this.#read(file, segment.logBytes);
      for (let record = 0; record < records; record++) {
        const end = this.#log.valuesEnd(record);
        if (!this.#log.isWhole(record) || end > valuesSize) return;
        this.#apply(record, segment);
        segment.valuesBytes = Math.max(segment.valuesBytes, end);
        segment.logBytes += commitRecordBytes;
      }
      if (records === 0) return;
    }
  }

  /** Applies the record in front of a single segment; false when there is none, or its values are not there. */
  applyHead(file: CacheFile, segment: Segment): boolean {
    const size = file.sizeNow();
    if (this.#read(file, 0, 1) === 0) return false;
    if (!this.#log.isWhole(0) || this.#log.valuesEnd(0) > size) return false;
    this.#byNumber.set(segment.number, segment);
    segment.valuesBytes = size;
    this.#apply(0, segment);
    this.segments.push(segment);
    return true;
  }

  /** Fills the log from a position; returns how many records are there. */
  #read(file: CacheFile, position: number, records: number = recordsAtOnce): number {
    const { bytes } = this.#log;
    const length = records * commitRecordBytes;
    let done = 0;
    while (done < length) {
      const count = file.readNow(bytes, done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return Math.floor(done / commitRecordBytes);
  }

  #apply(record: number, segment: Segment): void {
    const log = this.#log;
    const sequence = log.sequence(record);
    const committedMs = log.committedMs(record);
    if (sequence > this.sequenceMax) this.sequenceMax = sequence;
    if (committedMs > this.newestMs) this.newestMs = committedMs;
    const key = this.#index.insertWords(log.words, log.idAt(record));
    const removed = log.removed(record);
    let stored = false;
    for (let file = 0; file < 3; file++) {
      const at = log.fileAt(record, file);
      const sizeBytes = log.words[at + 1] ?? 0;
      if (sizeBytes > 0) stored = true;
      else if ((removed & (1 << file)) === 0) continue;
      const slot = key * 3 + file;
      if (!this.#wins(slot, sequence, segment)) continue;
      segment.liveBytes += sizeBytes;
      this.#sequences[slot] = sequence;
      const place = this.#place;
      place.segment = segment.number;
      place.offset = sizeBytes > 0 ? (log.words[at] ?? 0) : 0;
      place.sizeBytes = sizeBytes;
      place.crc = sizeBytes > 0 ? (log.words[at + 2] ?? 0) : 0;
      this.#index.write(key, file, place);
    }
    if (stored) this.#index.committed(key, secondsOf(committedMs));
  }

  /** Whether this version, or removal, of a file is what counts; a removal wins over a version of the same sequence. */
  #wins(slot: number, sequence: number, segment: Segment): boolean {
    if (slot >= this.#sequences.length) this.#grow(slot);
    const known = this.#sequences[slot] ?? 0;
    if (known === 0) return true;
    const alive = this.#index.read(Math.floor(slot / 3), slot % 3, this.#place);
    const other = this.#byNumber.get(this.#place.segment);
    const elsewhere = other === segment ? undefined : other;
    if (sequence < known || (sequence === known && !alive)) {
      elsewhere?.shadows.add(segment);
      return false;
    }
    if (elsewhere !== undefined) segment.shadows.add(elsewhere);
    if (other !== undefined && alive) other.liveBytes -= this.#place.sizeBytes;
    return true;
  }

  #grow(slot: number): void {
    const grown = new Float64Array(Math.max(slot + 1, this.#sequences.length * 2));
    grown.set(this.#sequences);
    this.#sequences = grown;
  }
}
