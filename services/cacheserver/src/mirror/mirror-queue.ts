// The transactions that mirrors have not all got yet: an append-only log that survives the process, bounded in bytes.

import { crc32 } from 'node:zlib';
import type { CacheDisk, CacheFile } from '../dataplane/cache-disk.ts';
import { durableFile } from '../journal/durable-file.ts';
import { nodeIdBytes } from './mirror-mark.ts';

/** A transaction that was stored here. */
export interface QueuedTransaction {
  /** Counts up from 1 without gaps. */
  readonly sequence: number;
  /** 32 bytes. */
  readonly id: Buffer;
  /** Bytes of all files up to and with this one's. */
  readonly totalBytes: number;
  readonly sizeBytes: number;
  readonly storedMs: number;
  /** The node that sent it; undefined for a transaction of a client of ours. */
  readonly origin: Buffer | undefined;
}

/** A place in the queue: everything up to `sequence` is done. */
export interface QueuePlace {
  readonly sequence: number;
  readonly totalBytes: number;
}

const frameBytes = 72;
const headBytes = frameBytes - 4;
const ownName = /^(\d{1,16})\.queue$/;
const seed = crc32('cache mirror queue 1');

interface Part {
  /** Sequence of its first record. */
  readonly first: number;
  count: number;
  readonly file: CacheFile;
}

export interface MirrorQueueOptions {
  readonly disk: CacheDisk;
  /** Bound of the log's bytes, 72 for each transaction; the oldest go beyond it, whether mirrors have them or not. */
  readonly bytesMax: number;
}

export class MirrorQueue implements Disposable {
  readonly #disk: CacheDisk;
  readonly #bytesMax: number;
  readonly #partRecords: number;
  readonly #frame = Buffer.alloc(frameBytes);
  /** At least one; the last is appended to. */
  #parts: Part[] = [];
  #totalBytes = 0;
  #dropped = 0;
  #failures = 0;

  /** Throws what the disk throws. No sequence below `after` is used again. */
  constructor({ disk, bytesMax }: MirrorQueueOptions, after: QueuePlace) {
    this.#disk = disk;
    this.#bytesMax = bytesMax;
    this.#partRecords = Math.max(16, Math.floor(bytesMax / 16 / frameBytes));
    this.#recover();
    const last = this.end;
    this.#totalBytes = Math.max(last.totalBytes, after.totalBytes);
    if (this.#parts.length === 0 || last.sequence < after.sequence) {
      this.#startPart(Math.max(last.sequence, after.sequence) + 1);
    }
  }

  /** The place of the last transaction. */
  get end(): QueuePlace {
    const part = this.#parts.at(-1);
    const sequence = part === undefined ? 0 : part.first + part.count - 1;
    return { sequence, totalBytes: this.#totalBytes };
  }

  /** The sequence of the first transaction that is still there, or would be the next one. */
  get first(): number {
    return this.#parts[0]?.first ?? 1;
  }

  get sizeBytes(): number {
    return this.#parts.reduce((sum, { count }) => sum + count * frameBytes, 0);
  }

  /** Transactions that went before all mirrors had them, and appends that the disk refused. */
  get dropped(): number {
    return this.#dropped;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Notes a transaction; its sequence, or undefined when the disk does not take it. `done` is where every mirror is. */
  append(
    transaction: Pick<QueuedTransaction, 'id' | 'sizeBytes' | 'storedMs' | 'origin'>,
    done: number,
  ): number | undefined {
    try {
      const part = this.#roomyPart(done);
      const sequence = part.first + part.count;
      const totalBytes = this.#totalBytes + transaction.sizeBytes;
      encode(this.#frame, { ...transaction, sequence, totalBytes });
      part.file.writeNow(this.#frame, frameBytes, part.count * frameBytes);
      part.count++;
      this.#totalBytes = totalBytes;
      return sequence;
    } catch {
      this.#failures++;
      return undefined;
    }
  }

  /** What has to be synced for the last transaction; those before lie in it or were synced by themselves. */
  get files(): readonly CacheFile[] {
    return this.#parts.slice(-1).map(({ file }) => file);
  }

  /** Up to `countMax` transactions from `sequence` on; damaged ones and those that went are left out. */
  read(sequence: number, countMax: number): QueuedTransaction[] {
    const found: QueuedTransaction[] = [];
    for (const part of this.#parts) {
      const from = Math.max(sequence - part.first, 0);
      const count = Math.min(part.count - from, countMax - found.length);
      if (count <= 0) continue;
      for (const transaction of this.#readPart(part, from, count)) found.push(transaction);
    }
    return found;
  }

  /** Lets go of what every mirror has. */
  trim(done: number): void {
    while (this.#parts.length > 1 && partEnd(this.#parts[0]) <= done) this.#dropFirst();
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#parts) file.close();
    this.#parts = [];
  }

  #readPart(part: Part, from: number, count: number): QueuedTransaction[] {
    const found: QueuedTransaction[] = [];
    const bytes = Buffer.alloc(count * frameBytes);
    try {
      part.file.readNow(bytes, 0, bytes.length, from * frameBytes);
    } catch {
      this.#failures++;
      return found;
    }
    for (let at = 0; at < bytes.length; at += frameBytes) {
      const transaction = decode(bytes, at);
      if (transaction !== undefined) found.push(transaction);
    }
    return found;
  }

  #roomyPart(done: number): Part {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.count < this.#partRecords) return last;
    const part = this.#startPart(this.end.sequence + 1);
    this.trim(done);
    while (
      this.#parts.length > 1 &&
      this.sizeBytes + this.#partRecords * frameBytes > this.#bytesMax
    ) {
      const from = Math.max(done, (this.#parts[0]?.first ?? 1) - 1);
      this.#dropped += partEnd(this.#parts[0]) - from;
      this.#dropFirst();
    }
    return part;
  }

  #startPart(first: number): Part {
    const part = { first, count: 0, file: durableFile(this.#disk.create(nameOf(first))) };
    this.#parts.push(part);
    return part;
  }

  #dropFirst(): void {
    const part = this.#parts.shift();
    if (part === undefined) return;
    part.file.close();
    try {
      this.#disk.remove(nameOf(part.first));
    } catch {
      this.#failures++; // the next start finds it again, and trims it
    }
  }

  #recover(): void {
    const firsts = this.#disk
      .list()
      .flatMap((name) => Number(ownName.exec(name)?.[1] ?? Number.NaN))
      .filter((first) => !Number.isNaN(first))
      .sort((left, right) => left - right);
    for (const first of firsts) {
      const file = durableFile(this.#disk.open(nameOf(first)));
      const count = wholeRecords(file);
      if (count === 0 && first !== firsts.at(-1)) {
        file.close();
        this.#disk.remove(nameOf(first));
      } else this.#parts.push({ first, count, file });
    }
    const last = this.read(Math.max(this.end.sequence, 1), 1)[0];
    this.#totalBytes = last?.totalBytes ?? 0;
  }
}

function partEnd(part: Part | undefined): number {
  return part === undefined ? 0 : part.first + part.count - 1;
}

/** Records up to the last one that is whole; cuts what is behind it. */
function wholeRecords(file: CacheFile): number {
  const size = file.sizeNow();
  let count = Math.floor(size / frameBytes);
  const frame = Buffer.alloc(frameBytes);
  while (count > 0) {
    file.readNow(frame, 0, frameBytes, (count - 1) * frameBytes);
    if (decode(frame, 0) !== undefined) break;
    count--;
  }
  if (count * frameBytes < size) file.truncateNow(count * frameBytes);
  return count;
}

/** Layout, little endian: id 32, sequence f64, total bytes f64, stored f64, origin 8, own bytes u32, crc u32. */
function encode(target: Buffer, transaction: QueuedTransaction): void {
  target.fill(0);
  transaction.id.copy(target, 0, 0, 32);
  target.writeDoubleLE(transaction.sequence, 32);
  target.writeDoubleLE(transaction.totalBytes, 40);
  target.writeDoubleLE(transaction.storedMs, 48);
  transaction.origin?.copy(target, 56, 0, nodeIdBytes);
  target.writeUInt32LE(Math.min(transaction.sizeBytes, 2 ** 32 - 1), 64);
  target.writeUInt32LE(crc32(target.subarray(0, headBytes), seed), headBytes);
}

function decode(source: Buffer, at: number): QueuedTransaction | undefined {
  const head = source.subarray(at, at + headBytes);
  if (crc32(head, seed) !== source.readUInt32LE(at + headBytes)) return undefined;
  const origin = Buffer.from(head.subarray(56, 56 + nodeIdBytes));
  return {
    id: Buffer.from(head.subarray(0, 32)),
    sequence: head.readDoubleLE(32),
    totalBytes: head.readDoubleLE(40),
    storedMs: head.readDoubleLE(48),
    origin: origin.every((byte) => byte === 0) ? undefined : origin,
    sizeBytes: head.readUInt32LE(64),
  };
}

function nameOf(first: number): string {
  return `${first}.queue`;
}
