// Reads one stored file in parts: from memory when it is there, else from disk with one part read ahead.

import { crc32 } from 'node:zlib';
import { PlatformError } from '@tweendeck/std';
import type { HeldValue, MemoryTier } from './memory-tier.ts';
import { diskPartBytes, type PartBuffers } from './part-buffers.ts';
import type { BodyReader, Soon } from './value-store.ts';

/** Where a body lies and how it is read. */
export interface BodySource {
  readonly segment: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc: number;
  /** Reads `length` bytes at `positionBytes` of the segment, keeping it pinned meanwhile; resolves with the count. */
  read(target: Buffer, at: number, length: number, positionBytes: number): Promise<number>;
  /** Told once when the file is not what was stored, or cannot be read. */
  damaged(cause: unknown): void;
}

const memoryPartBytes = 1_024 * 1_024;

/** Where bodies are held. */
export interface BodyMemory {
  readonly tier: MemoryTier;
  readonly parts: PartBuffers;
}

export function openBody(source: BodySource, memory: BodyMemory): BodyReader {
  const held = memory.tier.hold(source);
  return held ? new MemoryBody(held) : new DiskBody(source, memory);
}

class MemoryBody implements BodyReader {
  readonly #held: HeldValue;
  #position = 0;

  constructor(held: HeldValue) {
    this.#held = held;
  }

  next(): Buffer | undefined {
    const from = this.#position;
    if (from === this.#held.bytes.length) return undefined;
    this.#position = Math.min(from + memoryPartBytes, this.#held.bytes.length);
    return this.#held.bytes.subarray(from, this.#position);
  }

  close(): void {
    this.#held.release();
  }
}

class DiskBody implements BodyReader {
  readonly #source: BodySource;
  readonly #tier: MemoryTier;
  readonly #parts: PartBuffers;
  /** The whole value, when the tier takes it. */
  #whole: Buffer | undefined;
  #requested = 0;
  #delivered = 0;
  #crc = 0;
  #ahead: Promise<Buffer> | undefined;
  #closed = false;

  constructor(source: BodySource, { tier, parts }: BodyMemory) {
    this.#source = source;
    this.#tier = tier;
    this.#parts = parts;
    if (tier.reserve(source, source.sizeBytes))
      this.#whole = Buffer.allocUnsafeSlow(source.sizeBytes);
  }

  next(): Soon<Buffer | undefined> {
    return this.#delivered === this.#source.sizeBytes ? undefined : this.#part();
  }

  recycle(part: Buffer): void {
    if (this.#whole === undefined && !this.#closed) this.#parts.give(part);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#whole === undefined) return;
    this.#tier.unreserve(this.#source.sizeBytes);
    if (this.#delivered === this.#source.sizeBytes) {
      this.#tier.put(this.#source, this.#whole);
    }
    this.#whole = undefined;
  }

  async #part(): Promise<Buffer> {
    const part = await (this.#ahead ?? this.#request());
    this.#crc = crc32(part, this.#crc);
    if (this.#delivered + part.length === this.#source.sizeBytes && this.#crc !== this.#source.crc)
      throw this.#damaged(undefined);
    this.#delivered += part.length;
    this.#ahead = this.#requested < this.#source.sizeBytes ? this.#request() : undefined;
    this.#ahead?.catch(() => undefined); // reported by the next call, if there is one
    return part;
  }

  async #request(): Promise<Buffer> {
    const from = this.#requested;
    const length = Math.min(diskPartBytes, this.#source.sizeBytes - from);
    this.#requested += length;
    const target = this.#whole?.subarray(from, from + length) ?? this.#parts.take(length);
    try {
      for (let done = 0; done < length; ) {
        const position = this.#source.offset + from + done;
        const count = await this.#source.read(target, done, length - done, position);
        if (count === 0) throw this.#damaged(undefined);
        done += count;
      }
    } catch (cause) {
      throw cause instanceof PlatformError ? cause : this.#damaged(cause);
    }
    return target;
  }

  #damaged(cause: unknown): PlatformError {
    this.#source.damaged(cause);
    const { segment, offset } = this.#source;
    return new PlatformError(
      'CACHE_VALUE_DAMAGED',
      `the value at ${offset} of segment ${segment} is not what was stored`,
      { hint: 'It counts as missing from now on; look at the disk if this repeats.', cause },
    );
  }
}
