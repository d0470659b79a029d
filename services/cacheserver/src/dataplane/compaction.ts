// Gives the space of dead values back: moves what lives in a segment to the active one, then drops the segment.

import { crc32 } from 'node:zlib';
import type { Pace } from '../cleaner/pace.ts';
import type { CacheDisk } from './cache-disk.ts';
import {
  type CommitRecord,
  commitRecordBytes,
  decodeCommitRecord,
  type FilePlace,
  noFiles,
} from './commit-record.ts';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import type { OpenFiles, Segment } from './segment.ts';
import type { SegmentSpace } from './segment-space.ts';
import type { SegmentWriter, WrittenCommit } from './segment-writer.ts';
import type { PutRefusal } from './value-store.ts';

export interface CompactionHost {
  readonly disk: CacheDisk;
  readonly files: OpenFiles;
  readonly index: KeyIndex;
  readonly space: SegmentSpace;
  readonly writer: SegmentWriter;
  /** Points a file of a key to a new place; the segment there must not outlive the one that was pointed to. */
  place(record: number, file: number, place: IndexedFile): void;
  /** A file is not what was stored: it is given up. */
  damagedAt(record: number, file: number, place: IndexedFile): void;
  /** Counts a failing disk. */
  trouble(error: unknown): void;
  /** The segment of a number, while it is there. */
  segmentOf(number: number): Segment | undefined;
  track<Value>(promise: Promise<Value>): Promise<Value>;
}

/** `no-room`: there is none to move it to. `unreadable`: not everything could be moved. Both leave the segment. */
export type CompactionOutcome = 'dropped' | 'gone' | 'no-room' | 'unreadable';

const recordsAtOnce = 2_048;
const windowBytes = 1_024 * 1_024;
const unsyncedMax = 64;

/**
 * Moves and drops one segment that nothing is appended to. A version keeps its sequence when it moves, so that a death at
 * any point leaves it there once or twice, and both are the same. A file of which the segment holds the last trace leaves
 * a removal record instead, as long as an older version may lie elsewhere.
 */
export async function compactSegment(
  host: CompactionHost,
  segment: Segment,
  pace: Pace,
): Promise<CompactionOutcome> {
  host.space.pin(segment);
  try {
    const refusal = await new Compaction(host, segment).run(pace);
    if (segment.dropped) return 'gone';
    if (refusal !== undefined) return refusal;
    if (segment.liveBytes > 0) return 'unreadable';
    segment.unreferenced = true;
    host.space.dropMoved(segment);
    return 'dropped';
  } finally {
    host.space.unpin(segment);
  }
}

class Compaction {
  readonly #host: CompactionHost;
  readonly #segment: Segment;
  readonly #found: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  readonly #syncing: Promise<PutRefusal | undefined>[] = [];
  /** A part of the values file, and where it begins. */
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(host: CompactionHost, segment: Segment) {
    this.#host = host;
    this.#segment = segment;
  }

  async run(pace: Pace): Promise<'no-room' | 'unreadable' | undefined> {
    const segment = this.#segment;
    const end = segment.kind === 'shared' ? segment.logBytes : commitRecordBytes;
    for (let at = 0; at < end; at += recordsAtOnce * commitRecordBytes) {
      const records = await this.#tried(() =>
        this.#records(at, Math.min(recordsAtOnce * commitRecordBytes, end - at)),
      );
      if (records === undefined) return 'unreadable';
      for (let offset = 0; offset < records.length; offset += commitRecordBytes) {
        if (segment.dropped) return undefined;
        const record = decodeCommitRecord(records, offset);
        if (record === undefined) return 'unreadable';
        const moved = this.#move(record);
        const outcome = moved instanceof Promise ? await moved : moved;
        if (outcome !== undefined) return outcome;
        const rest = pace.turn();
        if (rest !== undefined) await rest;
      }
    }
    return this.#allSynced();
  }

  async #records(at: number, length: number): Promise<Buffer> {
    const segment = this.#segment;
    if (segment.kind === 'single') return this.#read(at, length);
    const log = this.#host.disk.open(segment.logName);
    try {
      const bytes = Buffer.allocUnsafe(length);
      const count = await this.#host.track(log.read(bytes, 0, length, at));
      return bytes.subarray(0, count);
    } finally {
      log.close();
    }
  }

  /** A promise only where the disk has to be read or waited for. */
  #move(
    record: CommitRecord,
  ): Promise<'no-room' | 'unreadable' | undefined> | 'no-room' | undefined {
    const key = this.#host.index.locate(record.id, 0);
    const last = lastOf(record.files);
    if (last !== undefined && this.#livesHere(key, record)) return this.#moveFiles(record, last);
    return this.#leaveTraces(record);
  }

  #livesHere(key: number, { files }: CommitRecord): boolean {
    return files.some((file, index) => file !== undefined && this.#isHere(key, index, file));
  }

  #isHere(key: number, index: number, { offset }: FilePlace): boolean {
    const found = this.#found;
    const alive = key >= 0 && this.#host.index.read(key, index, found);
    return alive && found.segment === this.#segment.number && found.offset === offset;
  }

  async #moveFiles(
    record: CommitRecord,
    last: FilePlace,
  ): Promise<'no-room' | 'unreadable' | undefined> {
    const first = firstOf(record.files);
    const loaded = await this.#tried(() => this.#load(first, last.offset + last.sizeBytes));
    if (loaded === undefined) return 'unreadable';
    if (this.#segment.dropped) return undefined;
    const outcome = this.#append(record) ?? this.#leaveTraces(record);
    if (outcome !== undefined) return outcome;
    return this.#syncing.length >= unsyncedMax ? this.#allSynced() : undefined;
  }

  /** Copies what still lives of a record; no time passes between the look and the copy. */
  #append(record: CommitRecord): 'no-room' | undefined {
    const { host, key } = { host: this.#host, key: this.#host.index.locate(record.id, 0) };
    const parts: Buffer[] = [];
    const files: [FilePlace | undefined, FilePlace | undefined, FilePlace | undefined] = [
      undefined,
      undefined,
      undefined,
    ];
    let usedBytes = 0;
    for (const [index, file] of record.files.entries()) {
      if (file === undefined || !this.#isHere(key, index, file)) continue;
      const from = file.offset - this.#windowAt;
      const bytes = this.#window.subarray(from, from + file.sizeBytes);
      if (bytes.length !== file.sizeBytes || crc32(bytes) !== file.crc) {
        host.damagedAt(key, index, { ...file, segment: this.#segment.number });
        continue;
      }
      parts.push(bytes);
      files[index] = { ...file, offset: usedBytes };
      usedBytes += file.sizeBytes;
    }
    if (parts.length === 0) return undefined;
    const { id, sequence, committedMs } = record;
    const buffer = Buffer.concat(parts);
    const moved = { sequence, committedMs };
    const commit = { id, buffer, usedBytes, files, removed: 0, moved };
    const written = host.writer.append(commit, 'spare');
    if (typeof written === 'string') return 'no-room';
    this.#written(written);
    const { segment } = written;
    for (const [index, file] of written.files.entries()) {
      if (file !== undefined) host.place(key, index, { ...file, segment: segment.number });
    }
    return undefined;
  }

  /** Where this segment holds the last that is known of a file, and something older may lie elsewhere: says so anew. */
  #leaveTraces(record: CommitRecord): 'no-room' | undefined {
    const host = this.#host;
    if (this.#segment.shadows.size === 0) return undefined;
    const key = host.index.locate(record.id, 0);
    let removed = 0;
    for (let index = 0; index < 3; index++) {
      const spoken = record.files[index] !== undefined || (record.removed & (1 << index)) !== 0;
      if (spoken && this.#isLastTrace(key, index)) removed |= 1 << index;
    }
    if (removed === 0) return undefined;
    const id = Buffer.from(record.id);
    // What is on its way to the disk is newer, and must not be void.
    const moved = { sequence: host.writer.appliedSequence, committedMs: record.committedMs };
    const nothing = { buffer: Buffer.alloc(0), usedBytes: 0, files: noFiles };
    const written = host.writer.append({ id, ...nothing, removed, moved }, 'spare');
    if (typeof written === 'string') return 'no-room';
    this.#written(written);
    const holder = host.index.insert(id, 0);
    for (let index = 0; index < 3; index++) {
      const trace = { segment: written.segment.number, offset: 0, sizeBytes: 0, crc: 0 };
      if ((removed & (1 << index)) !== 0) host.place(holder, index, trace);
    }
    return undefined;
  }

  #isLastTrace(key: number, index: number): boolean {
    const found = this.#found;
    if (key < 0) return true;
    if (this.#host.index.read(key, index, found)) return false;
    return (
      found.segment === this.#segment.number || this.#host.segmentOf(found.segment) === undefined
    );
  }

  #written({ segment, synced }: WrittenCommit): void {
    segment.shadows.add(this.#segment); // until it is dropped, this one still holds what was moved
    if (synced !== undefined) this.#syncing.push(synced);
  }

  async #allSynced(): Promise<'unreadable' | undefined> {
    const refusals = await Promise.all(this.#syncing.splice(0));
    return refusals.some((refusal) => refusal !== undefined) ? 'unreadable' : undefined;
  }

  /** Undefined when the disk fails: it may be readable again later. */
  async #tried<Value>(read: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#host.trouble(error);
      return undefined;
    }
  }

  /** Makes the window hold the bytes from `from` to `to` of the values. */
  async #load(from: number, to: number): Promise<true> {
    if (from >= this.#windowAt && to <= this.#windowAt + this.#window.length) return true;
    const end = Math.max(to, Math.min(from + windowBytes, this.#segment.valuesBytes));
    this.#window = await this.#read(from, end - from);
    this.#windowAt = from;
    return true;
  }

  async #read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const file = this.#host.files.use(this.#segment);
      const count = await this.#host.track(file.read(bytes, done, length - done, at + done));
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }
}

function firstOf(files: CommitRecord['files']): number {
  return Math.min(...files.map((file) => file?.offset ?? Number.POSITIVE_INFINITY));
}

function lastOf(files: CommitRecord['files']): FilePlace | undefined {
  return files.reduce(
    (last, file) => (file && (!last || file.offset > last.offset) ? file : last),
    undefined,
  );
}
