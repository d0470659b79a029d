// Commits, finds and evicts: the index, the segments and the memory tier put together.

import { systemErrorCode } from '@tweendeck/std';
import type { VisitedKey } from '../cleaner/cleanable-store.ts';
import { Pace } from '../cleaner/pace.ts';
import type { CacheDisk } from './cache-disk.ts';
import type { CacheStore, CacheStoreOptions } from './cache-store.ts';
import { commitRecordBytes, type FilePlaces, noFiles } from './commit-record.ts';
import type { CompactionHost } from './compaction.ts';
import { DiskTrouble } from './disk-trouble.ts';
import { type IndexedFile, KeyIndex } from './key-index.ts';
import { describeKey, pageOf } from './key-pages.ts';
import { KeyPlaces } from './key-places.ts';
import { MemoryTier } from './memory-tier.ts';
import { PartBuffers } from './part-buffers.ts';
import { type Reclaimed, type ReclaimGoal, reclaimSpace } from './reclaim.ts';
import { recoverSegments } from './recovery.ts';
import { blocksOf, OpenFiles, Segment } from './segment.ts';
import { type EntryHost, type PinnedFile, SegmentEntry } from './segment-entry.ts';
import { SegmentSpace } from './segment-space.ts';
import { SegmentWriter, type WrittenCommit } from './segment-writer.ts';
import { StoreClock } from './store-clock.ts';
import { type BufferedUpload, type Refused, Upload, type UploadHost } from './upload.ts';
import { UsesNotes } from './uses-notes.ts';
import { ValueBlocks } from './value-blocks.ts';
import type {
  KeyPage,
  KeyQuery,
  PutOutcome,
  PutRefusal,
  PutTransaction,
  RemoveOutcome,
  Soon,
  StoredKey,
  ValueStoreStats,
} from './value-store.ts';
import { type Verified, verifyKey } from './verify.ts';

const segmentBytesMax = 64 * 1_048_576;
/** An upload of so much is written at once: that takes the disk's cache well under a millisecond. */
const bufferedBytesMax = 1_048_576;
const uploadBuffersBytesMax = 64 * 1_048_576;
const openFilesMax = 512;
const never = new AbortController().signal;
/** Records that one visit looks at: a fraction of a millisecond. */
const visitedRecords = 1_024;
const storedOutcome: PutOutcome = { outcome: 'stored' };
/** The lock file and the directory itself. */
const fixedBytes = 16_384;

export class SegmentStore implements CacheStore, EntryHost, UploadHost {
  readonly tier: MemoryTier;
  readonly parts: PartBuffers = new PartBuffers();
  readonly files: OpenFiles;
  readonly blocks: ValueBlocks;
  readonly bufferedBytesMax: number;
  readonly uploadBytesMax: number;
  recovery: CacheStore['recovery'] = { keys: 0, segments: 0, tookMs: 0 };
  readonly #options: CacheStoreOptions;
  readonly #index: KeyIndex;
  readonly #places: KeyPlaces;
  readonly #uses: UsesNotes;
  readonly #trouble: DiskTrouble;
  readonly #time: StoreClock;
  readonly #space: SegmentSpace;
  readonly #writer: SegmentWriter;
  readonly #host: CompactionHost;
  readonly #inFlight = new Set<Promise<unknown>>();
  #owned: Disposable | undefined;
  #bufferBytes = 0;
  #singleBytes = 0;
  #damagedValues = 0;

  private constructor(disk: CacheDisk, options: CacheStoreOptions) {
    this.#options = options;
    this.#index = new KeyIndex(options.random.integer(2 ** 31));
    this.#time = new StoreClock(options.clock);
    this.#trouble = new DiskTrouble(options.log);
    this.tier = new MemoryTier(options.memoryBytes);
    this.#places = new KeyPlaces(this.#index, this.tier, options.clock);
    this.files = new OpenFiles(disk, openFilesMax);
    this.blocks = new ValueBlocks(this.tier, this.files);
    const segmentBytes = Math.min(segmentBytesMax, Math.floor(options.storageBytes / 16));
    this.bufferedBytesMax = Math.min(bufferedBytesMax, Math.floor(segmentBytes / 4));
    this.uploadBytesMax = Math.min(2 ** 32 - 1, Math.floor(options.storageBytes / 2));
    this.#space = new SegmentSpace({
      disk,
      files: this.files,
      storageBytesMax: options.storageBytes,
      fixedBytes,
      onDrop: (segment) => this.#forget(segment),
      onError: (error) => this.#trouble.met(error),
    });
    this.#uses = new UsesNotes({ disk, index: this.#index, space: this.#space });
    this.#writer = new SegmentWriter({
      disk,
      files: this.files,
      space: this.#space,
      time: this.#time,
      segmentBytesMax: segmentBytes,
      durability: options.durability ?? 'none',
      onSegment: (segment) => this.#places.add(segment),
      onTrouble: (error) => this.#trouble.met(error),
      onWritten: () => this.#trouble.over(),
      track: (promise) => this.track(promise),
    });
    this.#host = {
      disk,
      files: this.files,
      index: this.#index,
      space: this.#space,
      writer: this.#writer,
      place: (record, file, place) => this.#places.place(record, file, place),
      damagedAt: (record, file, place) => this.#damagedAt(record, file, place),
      trouble: (error) => void this.#trouble.met(error),
      segmentOf: (number) => this.#places.segmentOf(number),
      track: (promise) => this.track(promise),
    };
  }

  /** Reads the directory, which the caller has locked. */
  static recover(disk: CacheDisk, options: CacheStoreOptions, signal: AbortSignal): SegmentStore {
    const startedMs = options.clock.monotonicMs();
    const store = new SegmentStore(disk, options);
    const found = recoverSegments(disk, store.#index, signal);
    store.#writer.nextNumber = found.nextNumber;
    store.#writer.nextSequence = found.nextSequence;
    store.#writer.appliedSequence = found.nextSequence - 1;
    store.#time.notBefore(Math.max(found.newestMs, store.#uses.read()));
    for (const segment of found.segments) {
      const { valuesBytes, logBytes } = segment;
      segment.valuesBytes = 0;
      segment.logBytes = 0;
      store.#space.resize(segment, valuesBytes, logBytes);
      store.#space.add(segment);
      store.#places.add(segment);
    }
    store.#space.takeRoom(0);
    store.recovery = {
      keys: store.#index.count,
      segments: store.#space.segmentCount,
      tookMs: Math.round(options.clock.monotonicMs() - startedMs),
    };
    if (found.discarded + found.foreign > 0) {
      const { discarded, foreign } = found;
      options.log.info('cache directory tidied', { discarded, foreignFilesLeftAlone: foreign });
    }
    return store;
  }

  /** Takes over what is to be disposed with the store: the lock. */
  own(owned: Disposable): void {
    this.#owned = owned;
  }

  find(bytes: Uint8Array, at: number): SegmentEntry | undefined {
    const record = this.#index.find(bytes, at);
    if (record < 0) return undefined;
    this.#index.used(record, this.#time.nowSeconds());
    const entry = this.#entryOf(record);
    entry?.touch(this.#space);
    return entry;
  }

  peek(bytes: Uint8Array, at: number): SegmentEntry | undefined {
    const record = this.#index.find(bytes, at);
    return record < 0 ? undefined : this.#entryOf(record);
  }

  describe(bytes: Uint8Array, at: number): StoredKey | undefined {
    const record = this.#places.recordOf(bytes, at);
    return record < 0 ? undefined : describeKey(this.#index, record, this.#time.nowSeconds());
  }

  keys(query: KeyQuery): KeyPage {
    const nowSeconds = this.#time.nowSeconds();
    const { sweep } = this.#places;
    return pageOf(this.#index, query, { nowSeconds, tidy: (record) => sweep.tidy(record) });
  }

  begin(bytes: Uint8Array, at: number): PutTransaction {
    return new Upload(this, Buffer.from(bytes.subarray(at, at + 32)));
  }

  stats(): ValueStoreStats {
    return {
      keys: this.#index.count,
      storageBytes: this.#space.usedBytes,
      storageBytesMax: this.#options.storageBytes,
      memoryBytes: this.tier.bytes,
      memoryBytesMax: this.tier.bytesMax,
      indexBytes: this.#index.bytes,
      deadBytes: this.#space.deadBytes,
      uploadBytes: this.#bufferBytes + this.#singleBytes,
      segments: this.#space.segmentCount,
      evictedBytes: this.#space.evicted.bytes,
      evictedSegments: this.#space.evicted.segments,
      damagedValues: this.#damagedValues,
      diskErrors: this.#trouble.errors,
    };
  }

  /** Waits for what is on its way to or from the disk, then closes everything and gives up the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    const atOnce = new Pace(
      this.#options.clock,
      { sliceMs: Number.POSITIVE_INFINITY, turnsMax: Number.POSITIVE_INFINITY },
      never,
    );
    this.#places.sweep[Symbol.dispose]();
    await this.noteUses(atOnce);
    this.#writer.seal();
    this.files.closeAll();
    this.#owned?.[Symbol.dispose]();
    this.#owned = undefined;
  }

  // What entries need.

  pin(segment: Segment): void {
    this.#space.pin(segment);
  }

  unpin(segment: Segment): void {
    this.#space.unpin(segment);
  }

  track<Value>(promise: Promise<Value>): Promise<Value> {
    this.#inFlight.add(promise);
    const done = (): unknown => this.#inFlight.delete(promise);
    promise.then(done, done);
    return promise;
  }

  damaged(record: number, index: number, file: PinnedFile, cause: unknown): void {
    if (cause !== undefined) {
      this.#trouble.met(cause); // it may be readable again later
      return;
    }
    const { segment, offset } = file;
    this.#damagedAt(record, index, { segment: segment.number, offset });
  }

  // What uploads need.

  get buffersFull(): boolean {
    return this.#bufferBytes >= uploadBuffersBytesMax;
  }

  countBuffer(bytesChange: number): void {
    this.#bufferBytes += bytesChange;
  }

  openSingle(): Segment | PutRefusal {
    if (!this.#space.takeRoom(blocksOf(commitRecordBytes))) return 'storage-full';
    const segment = new Segment(this.#writer.nextNumber++, 'single');
    try {
      this.files.create(segment);
    } catch (error) {
      return this.#trouble.met(error);
    }
    this.#space.pin(segment);
    this.#space.resize(segment, commitRecordBytes, 0);
    this.#singleBytes += commitRecordBytes;
    return segment;
  }

  async appendSingle(segment: Segment, parts: readonly Buffer[]): Promise<PutRefusal | undefined> {
    const position = segment.valuesBytes;
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (!this.#space.takeRoom(blocksOf(bytes))) return 'storage-full';
    this.#space.resize(segment, position + bytes, 0);
    this.#singleBytes += bytes;
    try {
      await this.track(this.files.use(segment).writeParts(parts, position));
      return undefined;
    } catch (error) {
      return this.#trouble.met(error);
    }
  }

  discardSingle(segment: Segment): void {
    this.#singleBytes -= segment.valuesBytes;
    this.#space.drop(segment);
    this.#space.unpin(segment);
  }

  commitSingle(segment: Segment, id: Uint8Array, files: FilePlaces): Soon<PutOutcome> {
    const written = this.#writer.appendHead(segment, id, files);
    if (typeof written === 'string') {
      this.discardSingle(segment);
      return { outcome: 'refused', reason: written };
    }
    this.#singleBytes -= segment.valuesBytes;
    this.#places.add(segment);
    this.#space.add(segment);
    this.#space.unpin(segment);
    return this.#publish(written, () => this.#apply(written, id));
  }

  commitBuffered(upload: BufferedUpload, refused?: Refused): Soon<PutOutcome> {
    if (refused !== undefined && this.#writer.stages) return this.#stage(upload, refused);
    const written = this.#writer.append({ ...upload, removed: 0 });
    if (typeof written === 'string') return { outcome: 'refused', reason: written };
    return this.#publish(written, () => this.#apply(written, upload.id));
  }

  /** Makes a commit visible that is written with others: whoever sees it has all of them written before. */
  #stage(upload: BufferedUpload, refused: Refused): PutOutcome {
    const staged = this.#writer.stage({ ...upload, removed: 0 });
    if (typeof staged === 'string') return { outcome: 'refused', reason: staged };
    const { written, group } = staged;
    const { segment, files } = written;
    const { id } = upload;
    const before = this.#places.before(id, files);
    const takeBack = (): void => this.#places.takeBack(id, files, segment, before);
    group.commits.push({ refused, takeBack });
    this.#apply(written, id);
    if (segment.dropped) return { outcome: 'refused', reason: 'storage-full' };
    this.#writer.appliedSequence = Math.max(this.#writer.appliedSequence, written.sequence);
    return storedOutcome;
  }

  flush(): void {
    this.#writer.flush();
  }

  remove(bytes: Uint8Array, at: number): Soon<RemoveOutcome> {
    if (this.#places.recordOf(bytes, at) < 0) return { outcome: 'absent' };
    const id = Buffer.from(bytes.subarray(at, at + 32));
    const nothing = { parts: [], usedBytes: 0, files: noFiles };
    const written = this.#writer.append({ id, ...nothing, removed: 7 });
    if (typeof written === 'string') return { outcome: 'refused', reason: written };
    const outcome = this.#publish(written, () => this.#places.removed(id, written.segment));
    const removed = (put: PutOutcome): RemoveOutcome =>
      put.outcome === 'refused' ? put : { outcome: 'removed' };
    return outcome instanceof Promise ? outcome.then(removed) : removed(outcome);
  }

  clear(): number {
    const keys = this.#index.count;
    this.#writer.seal();
    this.#index.reset();
    this.#space.dropTogether([...this.#space.segments]);
    return keys;
  }

  // What the cleaner needs.

  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  get deadBytes(): number {
    return this.#space.deadBytes;
  }

  freeBytes(): Promise<number> {
    return this.#host.disk.freeBytes();
  }

  visit(from: number, see: (key: VisitedKey) => void): number | undefined {
    const nowSeconds = this.#time.nowSeconds();
    const end = Math.min(from + visitedRecords, this.#index.recordsEnd);
    const key = { record: 0, sizeBytes: 0, ageSeconds: 0, idleSeconds: 0 };
    for (let record = from; record < end; record++) {
      key.sizeBytes = this.#places.sizeOf(record);
      if (key.sizeBytes === 0) continue;
      key.record = record;
      key.ageSeconds = Math.max(0, nowSeconds - this.#index.committedSeconds(record));
      key.idleSeconds = Math.max(0, nowSeconds - this.#index.usedSeconds(record));
      see(key);
    }
    return end < this.#index.recordsEnd ? end : undefined;
  }

  forget(record: number): void {
    this.#writer.flush();
    this.#places.giveUpKey(record);
  }

  get liveBytes(): number {
    return this.#space.liveBytes;
  }

  verify(record: number): Promise<Verified> {
    return this.track(verifyKey(this.#host, record));
  }

  reclaim(goal: ReclaimGoal, pace: Pace): Promise<Reclaimed> {
    return this.track(reclaimSpace(this.#host, goal, pace));
  }

  async noteUses(pace: Pace): Promise<void> {
    try {
      await this.track(this.#uses.write(this.#time.nowMs(), pace));
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error; // told to stop
      this.#trouble.met(error);
    }
  }

  /** Makes a written commit visible: at once, or when the disk has it. */
  #publish({ segment, sequence, synced }: WrittenCommit, apply: () => void): Soon<PutOutcome> {
    const finish = (refusal: PutRefusal | undefined): PutOutcome => {
      if (refusal === undefined && !segment.dropped) apply();
      this.#writer.appliedSequence = Math.max(this.#writer.appliedSequence, sequence);
      if (synced !== undefined) this.#writer.release(segment);
      // It may have been evicted while it waited for the disk, or had to make room for itself.
      const reason = refusal ?? (segment.dropped ? 'storage-full' : undefined);
      return reason === undefined ? { outcome: 'stored' } : { outcome: 'refused', reason };
    };
    return synced === undefined ? finish(undefined) : this.track(synced.then(finish));
  }

  #apply({ segment, files }: WrittenCommit, id: Uint8Array): void {
    const keysMax = this.#options.keysMax ?? 4_000_000;
    if (this.#index.locate(id, 0) < 0) {
      while (
        this.#index.records >= keysMax &&
        (this.#places.sweep.step() || this.#space.dropOne())
      );
      if (segment.dropped) return;
    }
    const record = this.#index.insert(id, 0);
    this.#index.committed(record, this.#time.nowSeconds());
    for (let index = 0; index < 3; index++) {
      const file = files[index];
      if (file === undefined) continue;
      this.#places.place(record, index, { ...file, segment: segment.number });
    }
    this.#space.touch(segment);
  }

  #damagedAt(record: number, file: number, at: Pick<IndexedFile, 'segment' | 'offset'>): void {
    this.#damagedValues++;
    const { segment, offset } = at;
    this.#options.log.warn('cache value damaged', { segment, offset });
    this.#places.giveUp(record, file, at);
  }

  #entryOf(record: number): SegmentEntry | undefined {
    const asset = this.#fileOf(record, 0);
    const info = this.#fileOf(record, 1);
    const resource = this.#fileOf(record, 2);
    if (asset === undefined && info === undefined && resource === undefined) return undefined;
    return new SegmentEntry(this, record, [asset, info, resource]);
  }

  #fileOf(record: number, file: number): PinnedFile | undefined {
    const found = this.#places.fileOf(record, file);
    if (found === undefined) return undefined;
    const staged = this.#writer.stagedAt(found.segment, found.offset);
    return staged === undefined ? found : { ...found, staged };
  }

  #forget(segment: Segment): void {
    if (segment === this.#writer.active) this.#writer.seal();
    if (!this.#places.remove(segment)) return; // an upload: nothing points to it
    for (const other of this.#space.segments) other.shadows.delete(segment);
  }
}
