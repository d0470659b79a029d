// Reads what a Unity cache server answers; the client's side of the framing.

import type { UnityCacheFileType } from './unity-cache-key.ts';
import { hexDigit, typeOfLetter } from './unity-cache-letters.ts';

/** Why a reply stream cannot go on. */
export type UnityCacheReplyFault = 'version-refused' | 'version-malformed' | 'reply-malformed';

/** Receives the replies in order. `id` is valid during the call only. After `fault` nothing more comes. */
export interface UnityCacheReplySink {
  version(): void;
  /** Exactly `sizeBytes` follow through `body`, then `end`. */
  hit(type: UnityCacheFileType, sizeBytes: number, id: Buffer): void;
  /** A part of the body: a view of the pushed chunk, never empty. */
  body(part: Buffer): void;
  end(): void;
  miss(type: UnityCacheFileType, id: Buffer): void;
  fault(fault: UnityCacheReplyFault): void;
}

const versionBytes = 8;
const missBytes = 34;
const hitBytes = 50;

/** A push parser; holds one reply head at most. */
export class UnityCacheReplyParser {
  readonly #sink: UnityCacheReplySink;
  readonly #head = Buffer.alloc(hitBytes);
  #state: 'version' | 'head' | 'body' | 'dead' = 'version';
  #filled = 0;
  #bodyLeft = 0;

  constructor(sink: UnityCacheReplySink) {
    this.#sink = sink;
  }

  /** Reads the whole chunk. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== 'dead') {
      at = this.#state === 'body' ? this.#body(chunk, at) : this.#headPart(chunk, at);
    }
  }

  #headPart(chunk: Buffer, at: number): number {
    const wanted = this.#wanted(this.#filled === 0 ? chunk[at] : this.#head[0]);
    const end = Math.min(chunk.length, at + wanted - this.#filled);
    chunk.copy(this.#head, this.#filled, at, end);
    this.#filled += end - at;
    if (this.#filled < wanted) return end;
    this.#filled = 0;
    if (this.#state === 'version') this.#version();
    else this.#reply();
    return end;
  }

  #wanted(first: number | undefined): number {
    if (this.#state === 'version') return versionBytes;
    if (first === 0x2b) return hitBytes;
    return first === 0x2d ? missBytes : 1; // one byte is enough to see that it is neither
  }

  #version(): void {
    const text = this.#head.toString('latin1', 0, versionBytes).toLowerCase();
    this.#state = 'head';
    if (text === '000000fe') this.#sink.version();
    else this.#fail(text === '00000000' ? 'version-refused' : 'version-malformed');
  }

  #reply(): void {
    const type = typeOfLetter(this.#head[1] ?? 0);
    const hit = this.#head[0] === 0x2b;
    if (type === undefined || (!hit && this.#head[0] !== 0x2d)) {
      this.#fail('reply-malformed');
      return;
    }
    if (!hit) {
      this.#sink.miss(type, this.#head.subarray(2, missBytes));
      return;
    }
    let size = 0;
    for (const byte of this.#head.subarray(2, 18)) {
      const digit = hexDigit(byte);
      if (digit < 0) {
        this.#fail('reply-malformed');
        return;
      }
      size = size * 16 + digit;
    }
    if (size > Number.MAX_SAFE_INTEGER) {
      this.#fail('reply-malformed');
      return;
    }
    this.#bodyLeft = size;
    if (size > 0) this.#state = 'body';
    this.#sink.hit(type, size, this.#head.subarray(18, hitBytes));
    if (size === 0) this.#sink.end();
  }

  #body(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#bodyLeft);
    this.#bodyLeft -= end - at;
    if (this.#bodyLeft === 0) this.#state = 'head';
    this.#sink.body(chunk.subarray(at, end));
    if (this.#bodyLeft === 0) this.#sink.end();
    return end;
  }

  #fail(fault: UnityCacheReplyFault): void {
    this.#state = 'dead';
    this.#sink.fault(fault);
  }
}
