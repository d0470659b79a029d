// One version of a key, pinned: its segments stay until the last holder lets go.

import { crc32 } from 'node:zlib';
import { assert } from '@tweendeck/std';
import { type UnityCacheFileType, unityCacheFileTypeIndex } from '@tweendeck/wire';
import { openBody } from './body-reader.ts';
import type { Staged } from './commit-group.ts';
import { type MemoryTier, type Place, valueBytesMin } from './memory-tier.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { OpenFiles, Segment } from './segment.ts';
import type { ValueBlocks } from './value-blocks.ts';
import type { BodyReader, StoredEntry } from './value-store.ts';

/** A file of a pinned entry. */
export interface PinnedFile {
  /** It waits to be written, with others: nobody may see it before. */
  readonly staged?: Staged | undefined;
  readonly segment: Segment;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc: number;
}

/** What an entry needs of its store. */
export interface EntryHost {
  readonly tier: MemoryTier;
  readonly blocks: ValueBlocks;
  readonly parts: PartBuffers;
  readonly files: OpenFiles;
  pin(segment: Segment): void;
  unpin(segment: Segment): void;
  /** Keeps the store open until the promise settles. */
  track<Value>(promise: Promise<Value>): Promise<Value>;
  /** The file turned out damaged or unreadable. */
  damaged(record: number, index: number, file: PinnedFile, cause: unknown): void;
}

type PinnedFiles = [PinnedFile | undefined, PinnedFile | undefined, PinnedFile | undefined];

export class SegmentEntry implements StoredEntry {
  readonly #host: EntryHost;
  readonly #record: number;
  readonly #files: PinnedFiles;
  #holders = 1;

  /** `record` is the key's number in the index, right at least as long as the places agree. */
  constructor(host: EntryHost, record: number, files: PinnedFiles) {
    this.#host = host;
    this.#record = record;
    this.#files = files;
    for (const file of files) if (file) host.pin(file.segment);
  }

  /** Marks its segments as used. */
  touch(space: { touch(segment: Segment): void }): void {
    for (const file of this.#files) if (file) space.touch(file.segment);
  }

  sizeOf(type: UnityCacheFileType): number {
    const file = this.#files[unityCacheFileTypeIndex(type)];
    return file === undefined || file.staged?.settle() === false ? 0 : file.sizeBytes;
  }

  copy(type: UnityCacheFileType, target: Buffer, at: number): boolean {
    const file = this.#fileOf(type);
    if (file.staged?.settle() === false) return false;
    if (file.sizeBytes >= valueBytesMin && this.#copyResident(file, target, at)) return true;
    try {
      if (!this.#readNow(file, target, at)) {
        this.#damaged(type, undefined);
        return false;
      }
      return true;
    } catch (cause) {
      this.#damaged(type, cause);
      return false;
    }
  }

  open(type: UnityCacheFileType): BodyReader {
    const file = this.#fileOf(type);
    assert(file.staged?.settle() !== false, `file ${type} is opened that was never written`);
    const host = this.#host;
    const source = {
      segment: file.segment.number,
      offset: file.offset,
      sizeBytes: file.sizeBytes,
      crc: file.crc,
      damaged: (cause: unknown) => this.#damaged(type, cause),
      async read(target: Buffer, at: number, length: number, position: number): Promise<number> {
        host.pin(file.segment);
        try {
          return await host.track(host.files.use(file.segment).read(target, at, length, position));
        } finally {
          host.unpin(file.segment);
        }
      },
    };
    return openBody(source, host);
  }

  retain(): void {
    this.#holders++;
  }

  release(): void {
    assert(this.#holders > 0, 'an entry was released more often than it was retained');
    if (--this.#holders > 0) return;
    for (const file of this.#files) if (file) this.#host.unpin(file.segment);
  }

  #copyResident(file: PinnedFile, target: Buffer, at: number): boolean {
    const resident = this.#host.tier.get(placeOf(file));
    resident?.copy(target, at);
    return resident !== undefined;
  }

  /** Reads a file into `target`; false when it is not what was stored. */
  #readNow(file: PinnedFile, target: Buffer, at: number): boolean {
    const { blocks, files, tier } = this.#host;
    const { sizeBytes, offset } = file;
    if (!blocks.copy(file, target, at)) {
      const count = files.use(file.segment).readNow(target, at, sizeBytes, offset);
      if (count !== sizeBytes) return false;
    }
    const bytes = target.subarray(at, at + sizeBytes);
    if (crc32(bytes) !== file.crc) return false;
    if (tier.reserve(placeOf(file), sizeBytes)) {
      tier.unreserve(sizeBytes);
      const own = Buffer.allocUnsafeSlow(sizeBytes);
      bytes.copy(own);
      tier.put(placeOf(file), own);
    }
    return true;
  }

  #fileOf(type: UnityCacheFileType): PinnedFile {
    const file = this.#files[unityCacheFileTypeIndex(type)];
    assert(file !== undefined && this.#holders > 0, `file ${type} of an entry without it is read`);
    return file;
  }

  #damaged(type: UnityCacheFileType, cause: unknown): void {
    const index = unityCacheFileTypeIndex(type);
    this.#host.damaged(this.#record, index, this.#fileOf(type), cause);
  }
}

function placeOf({ segment, offset }: PinnedFile): Place {
  return { segment: segment.number, offset };
}
