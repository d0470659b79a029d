// Commits, finds and evicts: the index, the segments and the memory tier put together.

import { messageOf, systemErrorCode } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';
import type { CacheStore, CacheStoreOptions } from './cache-store.ts';
import { commitRecordBytes, encodeCommitRecord, type FilePlaces } from './commit-record.ts';
import { CommitSync } from './commit-sync.ts';
import { type IndexedFile, KeyIndex } from './key-index.ts';
import { describeKey, pageOf } from './key-pages.ts';
import { MemoryTier } from './memory-tier.ts';
import { recoverSegments } from './recovery.ts';
import { blocksOf, OpenFiles, Segment } from './segment.ts';
import { type EntryHost, type PinnedFile, SegmentEntry } from './segment-entry.ts';
import { SegmentSpace } from './segment-space.ts';
import { StoreClock } from './store-clock.ts';
import { type BufferedUpload, Upload, type UploadHost } from './upload.ts';
import type {
  KeyPage,
  KeyQuery,
  PutOutcome,
  PutRefusal,
  PutTransaction,
  Soon,
  StoredKey,
  ValueStoreStats,
} from './value-store.ts';

const segmentBytesMax = 64 * 1_048_576;
const uploadBuffersBytesMax = 64 * 1_048_576;
const openFilesMax = 512;
/** The lock file and the directory itself. */
const fixedBytes = 16_384;

export class SegmentStore implements CacheStore, EntryHost, UploadHost {
  readonly tier: MemoryTier;
  readonly files: OpenFiles;
  readonly bufferedBytesMax: number;
  readonly uploadBytesMax: number;
  recovery: CacheStore['recovery'] = { keys: 0, segments: 0, tookMs: 0 };
  readonly #disk: CacheDisk;
  readonly #options: CacheStoreOptions;
  readonly #index: KeyIndex;
  readonly #time: StoreClock;
  readonly #space: SegmentSpace;
  readonly #byNumber = new Map<number, Segment>();
  readonly #sync = new CommitSync();
  readonly #segmentBytesMax: number;
  readonly #record = Buffer.alloc(commitRecordBytes);
  readonly #place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  readonly #inFlight = new Set<Promise<unknown>>();
  #owned: Disposable | undefined;
  /** The shared segment that takes small transactions, pinned, with its open log. */
  #active: { readonly segment: Segment; readonly log: CacheFile } | undefined;
  #nextNumber = 1;
  #nextSequence = 1;
  #bufferBytes = 0;
  #singleBytes = 0;
  #damagedValues = 0;
  #diskErrors = 0;
  #inTrouble = false;

  private constructor(disk: CacheDisk, options: CacheStoreOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#index = new KeyIndex(options.random.integer(2 ** 31));
    this.#time = new StoreClock(options.clock);
    this.tier = new MemoryTier(options.memoryBytes);
    this.files = new OpenFiles(disk, openFilesMax);
    this.#segmentBytesMax = Math.min(segmentBytesMax, Math.floor(options.storageBytes / 16));
    this.bufferedBytesMax = Math.min(256 * 1_024, Math.floor(this.#segmentBytesMax / 4));
    this.uploadBytesMax = Math.min(2 ** 32 - 1, Math.floor(options.storageBytes / 2));
    this.#space = new SegmentSpace({
      disk,
      files: this.files,
      storageBytesMax: options.storageBytes,
      fixedBytes,
      onDrop: (segment) => this.#forget(segment),
      onError: (error) => this.#trouble(error),
    });
  }

  /** Reads the directory, which the caller has locked. */
  static recover(disk: CacheDisk, options: CacheStoreOptions, signal: AbortSignal): SegmentStore {
    const startedMs = options.clock.monotonicMs();
    const store = new SegmentStore(disk, options);
    const found = recoverSegments(disk, store.#index, signal);
    store.#nextNumber = found.nextNumber;
    store.#nextSequence = found.nextSequence;
    store.#time.notBefore(found.newestMs);
    for (const segment of found.segments) {
      const { valuesBytes, logBytes } = segment;
      segment.valuesBytes = 0;
      segment.logBytes = 0;
      store.#space.resize(segment, valuesBytes, logBytes);
      store.#space.add(segment);
      store.#byNumber.set(segment.number, segment);
    }
    store.#space.takeRoom(0);
    store.recovery = {
      keys: store.#index.count,
      segments: store.#space.count,
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
    entry.eachSegment((segment) => this.#space.touch(segment));
    return entry;
  }

  peek(bytes: Uint8Array, at: number): SegmentEntry | undefined {
    const record = this.#index.find(bytes, at);
    return record < 0 ? undefined : this.#entryOf(record);
  }

  describe(bytes: Uint8Array, at: number): StoredKey | undefined {
    const record = this.#index.find(bytes, at);
    return record < 0 ? undefined : describeKey(this.#index, record, this.#time.nowSeconds());
  }

  keys(query: KeyQuery): KeyPage {
    return pageOf(this.#index, query, this.#time.nowSeconds());
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
      uploadBytes: this.#bufferBytes + this.#singleBytes,
      segments: this.#space.count,
      evictedBytes: this.#space.evicted.bytes,
      evictedSegments: this.#space.evicted.segments,
      damagedValues: this.#damagedValues,
      diskErrors: this.#diskErrors,
    };
  }

  /** Waits for what is on its way to or from the disk, then closes everything and gives up the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    this.#seal();
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
      this.#trouble(cause); // it may be readable again later
      return;
    }
    this.#damagedValues++;
    const { segment, offset } = file;
    this.#options.log.warn('cache value damaged', { segment: segment.number, offset });
    const place = this.#place;
    const same =
      this.#index.read(record, index, place) &&
      place.segment === segment.number &&
      place.offset === offset;
    if (same) this.#index.clear(record, index);
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
    const segment = new Segment(this.#nextNumber++, 'single');
    try {
      this.files.create(segment);
    } catch (error) {
      return this.#trouble(error);
    }
    this.#space.pin(segment);
    this.#space.resize(segment, commitRecordBytes, 0);
    this.#singleBytes += commitRecordBytes;
    return segment;
  }

  async appendSingle(segment: Segment, part: Buffer): Promise<PutRefusal | undefined> {
    const position = segment.valuesBytes;
    if (!this.#space.takeRoom(blocksOf(part.length))) return 'storage-full';
    this.#space.resize(segment, position + part.length, 0);
    this.#singleBytes += part.length;
    try {
      await this.track(this.files.use(segment).write(part, position));
      return undefined;
    } catch (error) {
      return this.#trouble(error);
    }
  }

  discardSingle(segment: Segment): void {
    this.#singleBytes -= segment.valuesBytes;
    this.#space.drop(segment);
    this.#space.unpin(segment);
  }

  commitSingle(segment: Segment, id: Uint8Array, files: FilePlaces): Soon<PutOutcome> {
    const file = this.files.use(segment);
    try {
      this.#encode(id, files);
      file.writeNow(this.#record, commitRecordBytes, 0);
    } catch (error) {
      this.discardSingle(segment);
      return { outcome: 'refused', reason: this.#trouble(error) };
    }
    this.#singleBytes -= segment.valuesBytes;
    this.#byNumber.set(segment.number, segment);
    this.#space.add(segment);
    const outcome = this.#publish([file], () => this.#apply(segment, id, files));
    if (!(outcome instanceof Promise)) {
      this.#space.unpin(segment);
      return outcome;
    }
    return outcome.finally(() => this.#space.unpin(segment));
  }

  commitBuffered(upload: BufferedUpload): Soon<PutOutcome> {
    const bytes = upload.usedBytes;
    const active = this.#activeFor(bytes);
    if (typeof active === 'string') return { outcome: 'refused', reason: active };
    const { segment, log } = active;
    const { valuesBytes, logBytes } = segment;
    const files = shifted(upload.files, valuesBytes);
    const values = this.files.use(segment);
    try {
      values.writeNow(upload.buffer, bytes, valuesBytes);
      this.#encode(upload.id, files);
      log.writeNow(this.#record, commitRecordBytes, logBytes);
    } catch (error) {
      this.#cutBack(values, log, segment);
      return { outcome: 'refused', reason: this.#trouble(error) };
    }
    this.#space.resize(segment, valuesBytes + bytes, logBytes + commitRecordBytes);
    return this.#publish([values, log], () => {
      this.#apply(segment, upload.id, files);
      this.#keepInMemory(segment, upload, valuesBytes);
    });
  }

  /** Makes a written commit visible: at once, or when the disk has it. */
  #publish(files: readonly CacheFile[], apply: () => void): Soon<PutOutcome> {
    this.#inTrouble = false;
    const stored: PutOutcome = { outcome: 'stored' };
    if (this.#options.durability !== 'commit') {
      apply();
      return stored;
    }
    return this.track(
      this.#sync.sync(files).then((failure): PutOutcome => {
        if (failure !== undefined) return { outcome: 'refused', reason: this.#trouble(failure) };
        apply();
        return stored;
      }),
    );
  }

  #apply(segment: Segment, id: Uint8Array, files: FilePlaces): void {
    if (segment.dropped) return; // evicted while it waited for the disk
    const keysMax = this.#options.keysMax ?? 4_000_000;
    if (this.#index.find(id, 0) < 0) while (this.#index.count >= keysMax && this.#space.dropOne());
    const record = this.#index.insert(id, 0);
    this.#index.committed(record, this.#time.nowSeconds());
    for (let index = 0; index < 3; index++) {
      const file = files[index];
      if (file === undefined) continue;
      if (this.#index.read(record, index, this.#place)) {
        const older = this.#byNumber.get(this.#place.segment);
        if (older !== undefined && older !== segment) segment.shadows.add(older);
        this.tier.drop(this.#place.segment, this.#place.offset);
      }
      this.#index.write(record, index, { ...file, segment: segment.number });
    }
    this.#space.touch(segment);
  }

  /** What was just written is likely to be asked for; the buffer is kept when it is mostly one file. */
  #keepInMemory(segment: Segment, upload: BufferedUpload, base: number): void {
    for (const file of upload.files) {
      if (file === undefined || file.sizeBytes < upload.buffer.length * 0.8) continue;
      const bytes = upload.buffer.subarray(file.offset, file.offset + file.sizeBytes);
      this.tier.put(segment.number, base + file.offset, bytes);
    }
  }

  #activeFor(bytes: number): { segment: Segment; log: CacheFile } | PutRefusal {
    const needed = blocksOf(bytes) + 2 * blocksOf(commitRecordBytes);
    if (!this.#space.takeRoom(needed)) {
      this.#seal(); // with everything else gone, what the active segment holds has to go as well
      if (!this.#space.takeRoom(needed)) return 'storage-full';
    }
    const full = this.#active && this.#active.segment.valuesBytes + bytes > this.#segmentBytesMax;
    if (full) this.#seal();
    if (this.#active) return this.#active;
    const segment = new Segment(this.#nextNumber++, 'shared');
    try {
      this.files.create(segment);
      const log = this.#disk.create(segment.logName);
      this.#space.pin(segment);
      this.#space.add(segment);
      this.#byNumber.set(segment.number, segment);
      this.#active = { segment, log };
      return this.#active;
    } catch (error) {
      this.files.close(segment);
      this.#disk.remove(segment.valuesName);
      return this.#trouble(error);
    }
  }

  #seal(): void {
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    active.log.close();
    this.#space.unpin(active.segment);
  }

  /** Takes a failed write back; where even that fails, nothing is appended there any more. */
  #cutBack(values: CacheFile, log: CacheFile, segment: Segment): void {
    try {
      values.truncateNow(segment.valuesBytes);
      log.truncateNow(segment.logBytes);
    } catch {
      this.#seal(); // the next start cuts the torn end
    }
  }

  #encode(id: Uint8Array, files: FilePlaces): void {
    const sequence = this.#nextSequence++;
    const committedMs = this.#time.nowMs();
    encodeCommitRecord({ sequence, committedMs, id, files }, this.#record, 0);
  }

  #entryOf(record: number): SegmentEntry {
    return new SegmentEntry(this, record, [
      this.#fileOf(record, 0),
      this.#fileOf(record, 1),
      this.#fileOf(record, 2),
    ]);
  }

  #fileOf(record: number, index: number): PinnedFile | undefined {
    const place = this.#place;
    if (!this.#index.read(record, index, place)) return undefined;
    const segment = this.#byNumber.get(place.segment);
    if (segment === undefined) return undefined;
    return { segment, offset: place.offset, sizeBytes: place.sizeBytes, crc: place.crc };
  }

  #forget(segment: Segment): void {
    if (segment === this.#active?.segment) this.#seal();
    if (!this.#byNumber.delete(segment.number)) return; // an upload: nothing points to it
    this.#index.clearSegment(segment.number);
    for (const other of this.#space.segments) other.shadows.delete(segment);
  }

  /** Counts a failing disk, and says it once until a commit succeeds again. */
  #trouble(error: unknown): PutRefusal {
    this.#diskErrors++;
    const code = systemErrorCode(error);
    if (!this.#inTrouble) this.#options.log.error('cache disk fails', { error: messageOf(error) });
    this.#inTrouble = true;
    return code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'disk-error';
  }
}

function shifted(files: FilePlaces, by: number): FilePlaces {
  const [asset, info, resource] = files;
  return [
    asset && { ...asset, offset: asset.offset + by },
    info && { ...info, offset: info.offset + by },
    resource && { ...resource, offset: resource.offset + by },
  ];
}
