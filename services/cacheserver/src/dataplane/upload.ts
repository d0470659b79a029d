// One upload: small ones are kept in memory until the commit, large ones stream into a segment of their own.

import { crc32 } from 'node:zlib';
import { assert } from '@tweendeck/std';
import { type UnityCacheFileType, unityCacheFileTypeIndex } from '@tweendeck/wire';
import { commitRecordBytes, type FilePlace, type FilePlaces } from './commit-record.ts';
import { InFlight } from './in-flight.ts';
import type { Segment } from './segment.ts';
import { UploadParts } from './upload-parts.ts';
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
  appendSingle(segment: Segment, parts: readonly Buffer[]): Promise<PutRefusal | undefined>;
  discardSingle(segment: Segment): void;
  commitSingle(segment: Segment, id: Uint8Array, files: FilePlaces): Soon<PutOutcome>;
  commitBuffered(upload: BufferedUpload, refused?: Refused): Soon<PutOutcome>;
}

/** A small upload, complete: all files one behind the other. Their offsets count from the start of the parts. */
export interface BufferedUpload {
  readonly id: Uint8Array;
  readonly parts: readonly Buffer[];
  readonly usedBytes: number;
  readonly files: FilePlaces;
}

interface OpenFile {
  readonly index: 0 | 1 | 2;
  readonly offset: number;
  readonly sizeBytes: number;
  crc: number;
  /** Bytes that are still to come. */
  left: number;
}

/** So much of an upload is in memory whatever the others hold. */
const smallBytes = 4_096;
/** Beyond, what was gathered of a large upload is written. */
const gatheredBytesMax = 256 * 1_024;
/** Writes that may be on their way to the disk before the client has to wait. */
const writesInFlightMax = 2;

export class Upload implements PutTransaction {
  readonly #host: UploadHost;
  readonly #id: Buffer;
  readonly #files: [FilePlace | undefined, FilePlace | undefined, FilePlace | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  #open: OpenFile | undefined;
  /** In memory: everything, or what is to be appended to the segment next. */
  readonly #parts = new UploadParts();
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
    this.#open = { index, offset: this.#end, sizeBytes, crc: 0, left: sizeBytes };
  }

  write(part: Buffer): Promise<void> | undefined {
    assert(this.#open !== undefined, 'a part of no file');
    if (this.#refusal !== undefined) return undefined;
    this.#open.crc = crc32(part, this.#open.crc);
    this.#open.left -= part.length;
    const { left } = this.#open;
    if (this.#single === undefined && !this.#mayHold(part.length)) this.#spill();
    if (this.#refusal !== undefined) return undefined;
    this.#hold(part, left);
    if (this.#single === undefined) return undefined;
    if (this.#parts.bytes >= gatheredBytesMax || this.#host.buffersFull) this.#append();
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
    this.#append();
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
    return (this.#single?.valuesBytes ?? 0) + this.#parts.bytes;
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
    const usedBytes = this.#parts.bytes;
    const parts = this.#takeParts();
    const upload = { id: this.#id, parts, usedBytes, files: this.#files };
    return this.#host.commitBuffered(upload, refused);
  }

  #worthKeeping(): boolean {
    return this.#files.some((file) => file !== undefined) && !isZero(this.#id.subarray(16));
  }

  #mayHold(bytes: number): boolean {
    const held = this.#parts.bytes + bytes;
    if (held <= smallBytes) return true; // never denied
    return held <= this.#host.bufferedBytesMax && !this.#host.buffersFull;
  }

  #hold(part: Buffer, following: number): void {
    const before = this.#parts.memoryBytes;
    this.#parts.add(part, following);
    this.#host.countBuffer(this.#parts.memoryBytes - before);
  }

  #takeParts(): readonly Buffer[] {
    this.#host.countBuffer(-this.#parts.memoryBytes);
    return this.#parts.take();
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
    this.#append();
  }

  /** Writes what was gathered for the segment. */
  #append(): void {
    const single = this.#single;
    if (single === undefined || this.#refusal !== undefined || this.#parts.bytes === 0) return;
    this.#writes.begin();
    const { memoryBytes } = this.#parts;
    const parts = this.#parts.take();
    void this.#host.appendSingle(single, parts).then((refusal) => {
      this.#host.countBuffer(-memoryBytes);
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
    this.#takeParts();
    if (this.#single === undefined || this.#writes.count > 0) return;
    this.#host.discardSingle(this.#single);
    this.#single = undefined;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
