// Gives the space of dead values back: moves what lives in a segment to the active one, then drops the segment.

import { crc32 } from 'node:zlib';
import type { Pace } from '../cleaner/pace.ts';
import type { CacheDisk } from './cache-disk.ts';
import {
  type CommitRecord,
  commitRecordBytes,
  decodeCommitRecord,
  type FilePlace,
  filesEnd,
  noFiles,
} from './commit-record.ts';
import type { IndexedFile, KeyIndex } from './key-index.ts';
import type { OpenFiles, Segment } from './segment.ts';
import type { SegmentSpace } from './segment-space.ts';
import type { Commit, SegmentWriter } from './segment-writer.ts';
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

/** `no-room`: there is none to move it to. `unreadable`: not everything could be moved, or nothing can be removed. Both leave the segment. */
export type CompactionOutcome = 'dropped' | 'gone' | 'no-room' | 'unreadable';

const recordsAtOnce = 2_048;
const windowBytes = 1_024 * 1_024;
const unsyncedMax = 64;
const batchCommitsMax = 256;
const batchBytesMax = 256 * 1_024;
const nowhere: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };

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
    return host.space.dropMoved(segment) ? 'dropped' : 'unreadable';
  } finally {
    host.space.unpin(segment);
  }
}

class Compaction {
  readonly #host: CompactionHost;
  readonly #segment: Segment;
  readonly #found: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  readonly #syncing: Promise<PutRefusal | undefined>[] = [];
  /** What is about to be written. */
  #batch: Commit[] = [];
  #batchBytes = 0;
  readonly #batchBytesMax: number;
  /** A part of the values file, and where it begins. */
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(host: CompactionHost, segment: Segment) {
    this.#host = host;
    this.#segment = segment;
    this.#batchBytesMax = host.writer.segmentBytesMax / 4;
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
        const loading = this.#load(record);
        const unloaded = loading === undefined ? undefined : await loading;
        if (unloaded !== undefined) return unloaded;
        // From here to the flush everything happens at once: a key that is looked at is not stored anew meanwhile.
        const refused = this.#copy(record) ?? this.#leaveTraces(record);
        if (refused !== undefined) return refused;
        const rest = pace.turn();
        if (rest === undefined) continue;
        const flushed = this.#flush();
        await rest;
        if (flushed !== undefined) return flushed;
      }
      const flushed = this.#flush(); // before the log is read on
      if (flushed !== undefined) return flushed;
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

  /** Makes the window hold the files of a record; a promise only where it does not yet, with the batch written before. */
  #load(record: CommitRecord): Promise<'no-room' | 'unreadable' | undefined> | undefined {
    if (!this.#livesHere(this.#host.index.locate(record.id, 0), record)) return undefined;
    const first = firstOf(record.files);
    const end = filesEnd(record.files);
    const loaded = first >= this.#windowAt && end <= this.#windowAt + this.#window.length;
    return loaded ? undefined : this.#loadWindow(first, end);
  }

  async #loadWindow(first: number, end: number): Promise<'no-room' | 'unreadable' | undefined> {
    const flushed = this.#flush();
    if (flushed !== undefined) return flushed;
    if (this.#syncing.length >= unsyncedMax) {
      const refused = await this.#allSynced();
      if (refused !== undefined) return refused;
    }
    const until = Math.max(end, Math.min(first + windowBytes, this.#segment.valuesBytes));
    const window = await this.#tried(() => this.#read(first, until - first));
    if (window === undefined) return 'unreadable';
    this.#window = window;
    this.#windowAt = first;
    return undefined;
  }

  #livesHere(key: number, { files }: CommitRecord): boolean {
    return files.some((file, index) => file !== undefined && this.#isHere(key, index, file));
  }

  #isHere(key: number, index: number, { offset }: FilePlace): boolean {
    const found = this.#found;
    const alive = key >= 0 && this.#host.index.read(key, index, found);
    return alive && found.segment === this.#segment.number && found.offset === offset;
  }

  /** Takes what still lives of a record into the batch. */
  #copy(record: CommitRecord): 'no-room' | undefined {
    const key = this.#host.index.locate(record.id, 0);
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
        this.#host.damagedAt(key, index, { ...file, segment: this.#segment.number });
        continue;
      }
      parts.push(bytes);
      files[index] = { ...file, offset: usedBytes };
      usedBytes += file.sizeBytes;
    }
    if (usedBytes === 0) return undefined;
    const { id, sequence, committedMs } = record;
    return this.#add({
      id,
      parts,
      usedBytes,
      files,
      removed: 0,
      moved: { sequence, committedMs },
    });
  }

  /** Where this segment holds the last that is known of a file, and something older may lie elsewhere: says so anew. */
  #leaveTraces({ id, files, removed, committedMs }: CommitRecord): 'no-room' | undefined {
    if (this.#segment.shadows.size === 0) return undefined;
    const key = this.#host.index.locate(id, 0);
    let left = 0;
    for (let index = 0; index < 3; index++) {
      const spoken = files[index] !== undefined || (removed & (1 << index)) !== 0;
      if (spoken && this.#isLastTrace(key, index)) left |= 1 << index;
    }
    if (left === 0) return undefined;
    // What is on its way to the disk is newer, and must not be void.
    const moved = { sequence: this.#host.writer.appliedSequence, committedMs };
    return this.#add({ id, parts: [], usedBytes: 0, files: noFiles, removed: left, moved });
  }

  #add(commit: Commit): 'no-room' | undefined {
    const full =
      this.#batch.length >= batchCommitsMax ||
      this.#batchBytes + commit.usedBytes > Math.min(batchBytesMax, this.#batchBytesMax);
    const flushed = full ? this.#flush() : undefined;
    this.#batch.push(commit);
    this.#batchBytes += commit.usedBytes;
    return flushed;
  }

  /** Writes the batch and points its keys there. No time may pass between the look at a key and this. */
  #flush(): 'no-room' | undefined {
    const { writer, index, place } = this.#host;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0 || this.#segment.dropped) return undefined;
    const written = writer.appendAll(batch);
    if (typeof written === 'string') return 'no-room';
    for (const [at, { id, removed }] of batch.entries()) {
      const commit = written[at];
      if (commit === undefined) continue;
      const key = index.insert(id, 0);
      const segment = commit.segment.number;
      for (let file = 0; file < 3; file++) {
        const to = commit.files[file];
        if (to !== undefined) place(key, file, { ...to, segment });
        else if ((removed & (1 << file)) !== 0) place(key, file, { ...nowhere, segment });
      }
    }
    const [first] = written;
    if (first?.synced !== undefined) this.#syncing.push(this.#settled(first.segment, first.synced));
    return undefined;
  }

  #isLastTrace(key: number, index: number): boolean {
    const found = this.#found;
    if (key < 0) return true;
    const alive = this.#host.index.read(key, index, found);
    if (this.#host.segmentOf(found.segment) === undefined) return true;
    return !alive && found.segment === this.#segment.number;
  }

  async #settled(
    segment: Segment,
    synced: Promise<PutRefusal | undefined>,
  ): Promise<PutRefusal | undefined> {
    const refusal = await synced;
    this.#host.writer.release(segment);
    return refusal;
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
