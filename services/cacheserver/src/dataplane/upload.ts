// One upload: small ones are kept in memory until the commit, large ones stream into a segment of their own.

import { crc32 } from 'node:zlib';
import { assert } from '@tweendeck/std';
import { type UnityCacheFileType, unityCacheFileTypeIndex } from '@tweendeck/wire';
import { commitRecordBytes, type FilePlace, type FilePlaces } from './commit-record.ts';
import { InFlight } from './in-flight.ts';
import type { Segment } from './segment.ts';
import type { PutOutcome, PutRefusal, PutTransaction, Soon } from './value-store.ts';

/** Told when a commit that waited to be written is taken back. */
export type Refused = (reason: PutRefusal) => void;

/** What an upload needs of its store. */
export interface UploadHost {
  /** Uploads up to this size are committed from memory. */
  readonly bufferedBytesMax: number;
  /** Larger uploads are refused, and drained. */
  readonly uploadBytesMax: number;
  /** Whether uploads together hold as much memory as they may: stream to disk instead. */
  readonly buffersFull: boolean;
  countBuffer(bytesChange: number): void;
  /** A segment for one large upload, its first 96 bytes reserved; or why there is none. */
  openSingle(): Segment | PutRefusal;
  /** Appends to a single segment; resolves with the reason when that failed. */
  appendSingle(segment: Segment, part: Buffer): Promise<PutRefusal | undefined>;
  discardSingle(segment: Segment): void;
  commitSingle(segment: Segment, id: Uint8Array, files: FilePlaces): Soon<PutOutcome>;
  /** `buffer` up to `usedBytes` holds all files; the store may keep it. */
  commitBuffered(upload: BufferedUpload, refused?: Refused): Soon<PutOutcome>;
}

/** A small upload, complete. Offsets of its files count from the start of the buffer. */
export interface BufferedUpload {
  readonly id: Uint8Array;
  readonly buffer: Buffer;
  readonly usedBytes: number;
  readonly files: FilePlaces;
}

interface OpenFile {
  readonly index: 0 | 1 | 2;
  readonly offset: number;
  readonly sizeBytes: number;
  crc: number;
}

const bufferBytesMin = 4_096;
/** Parts that may be on their way to the disk before the client has to wait. */
const writesInFlightMax = 4;
const none = Buffer.alloc(0);

export class Upload implements PutTransaction {
  readonly #host: UploadHost;
  readonly #id: Buffer;
  readonly #files: [FilePlace | undefined, FilePlace | undefined, FilePlace | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  #open: OpenFile | undefined;
  #buffer = none;
  #usedBytes = 0;
  #single: Segment | undefined;
  #refusal: PutRefusal | undefined;
  readonly #writes = new InFlight();
  #ended = false;

  constructor(host: UploadHost, id: Buffer) {
    this.#host = host;
    this.#id = id;
  }

  startFile(type: UnityCacheFileType, sizeBytes: number): void {
    assert(this.#open === undefined && !this.#ended, 'a file starts inside another one');
    const index = unityCacheFileTypeIndex(type);
    this.#files[index] = undefined;
    if (this.#end + sizeBytes > this.#host.uploadBytesMax) this.#refuse('too-large');
    this.#open = { index, offset: this.#end, sizeBytes, crc: 0 };
    const expected = Math.min(this.#usedBytes + sizeBytes, 65_536, this.#host.bufferedBytesMax);
    if (this.#single === undefined && sizeBytes > 0) this.#grow(expected);
  }

  write(part: Buffer): Promise<void> | undefined {
    assert(this.#open !== undefined, 'a part of no file');
    if (this.#refusal !== undefined) return undefined;
    this.#open.crc = crc32(part, this.#open.crc);
    if (this.#single === undefined) {
      if (this.#grow(this.#usedBytes + part.length)) {
        part.copy(this.#buffer, this.#usedBytes);
        this.#usedBytes += part.length;
        return undefined;
      }
      this.#spill();
    }
    this.#append(part);
    const writes = this.#writes;
    return writes.count < writesInFlightMax ? undefined : writes.atMost(writesInFlightMax - 1);
  }

  endFile(): void {
    const file = this.#open;
    assert(file !== undefined, 'the end of no file');
    this.#open = undefined;
    if (file.sizeBytes === 0) return;
    this.#files[file.index] = { offset: file.offset, sizeBytes: file.sizeBytes, crc: file.crc };
  }

  commit(refused?: Refused): Soon<PutOutcome> {
    assert(this.#open === undefined && !this.#ended, 'a commit inside a file');
    return this.#writes.count === 0
      ? this.#commit(refused)
      : this.#writes.atMost(0).then(() => this.#commit());
  }

  abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
  }

  get #end(): number {
    return this.#single?.valuesBytes ?? this.#usedBytes;
  }

  #commit(refused?: Refused): Soon<PutOutcome> {
    if (this.#ended) return { outcome: 'dropped', reason: 'empty' }; // abandoned while it waited
    if (this.#refusal === undefined && !this.#worthKeeping()) {
      this.abandon();
      const zero = isZero(this.#id.subarray(16));
      return { outcome: 'dropped', reason: zero ? 'zero-hash' : 'empty' };
    }
    this.#ended = true;
    if (this.#refusal !== undefined) {
      this.#release();
      return { outcome: 'refused', reason: this.#refusal };
    }
    const single = this.#single;
    if (single !== undefined) {
      this.#single = undefined;
      return this.#host.commitSingle(single, this.#id, this.#files);
    }
    const upload = { id: this.#id, buffer: this.#buffer, usedBytes: this.#usedBytes };
    const outcome = this.#host.commitBuffered({ ...upload, files: this.#files }, refused);
    this.#release();
    return outcome;
  }

  #worthKeeping(): boolean {
    return this.#files.some((file) => file !== undefined) && !isZero(this.#id.subarray(16));
  }

  /** Makes the buffer hold `bytes`, doubling it; false when the upload has to go to disk. */
  #grow(bytes: number): boolean {
    if (this.#refusal !== undefined || bytes <= this.#buffer.length) return true;
    if (bytes > this.#host.bufferedBytesMax) return false;
    const doubled = Math.min(this.#buffer.length * 2, this.#host.bufferedBytesMax);
    const length = Math.max(bytes, doubled);
    if (length > bufferBytesMin && this.#host.buffersFull) return false; // small change is never denied
    this.#host.countBuffer(length - this.#buffer.length);
    const buffer = Buffer.allocUnsafeSlow(length);
    this.#buffer.copy(buffer, 0, 0, this.#usedBytes);
    this.#buffer = buffer;
    return true;
  }

  /** Moves what is in memory to a segment of its own, and the open file's offset with it. */
  #spill(): void {
    const single = this.#host.openSingle();
    if (typeof single === 'string') {
      this.#refuse(single);
      return;
    }
    this.#single = single;
    for (const [index, file] of this.#files.entries()) {
      if (file) this.#files[index] = { ...file, offset: file.offset + commitRecordBytes };
    }
    if (this.#open) {
      this.#open = { ...this.#open, offset: this.#open.offset + commitRecordBytes };
    }
    const kept = this.#buffer.subarray(0, this.#usedBytes);
    this.#dropBuffer();
    if (kept.length > 0) this.#append(kept);
  }

  #append(part: Buffer): void {
    const single = this.#single;
    if (single === undefined || this.#refusal !== undefined) return;
    this.#writes.begin();
    void this.#host.appendSingle(single, part).then((refusal) => {
      this.#writes.end();
      if (refusal !== undefined) this.#refuse(refusal);
      else if (this.#ended || this.#refusal !== undefined) this.#release();
    });
  }

  /** From here on the upload is swallowed; its space is given back at once. */
  #refuse(reason: PutRefusal): void {
    this.#refusal ??= reason;
    this.#release();
  }

  #release(): void {
    this.#dropBuffer();
    if (this.#single === undefined || this.#writes.count > 0) return;
    this.#host.discardSingle(this.#single);
    this.#single = undefined;
  }

  #dropBuffer(): void {
    this.#host.countBuffer(-this.#buffer.length);
    this.#buffer = none;
    this.#usedBytes = 0;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
