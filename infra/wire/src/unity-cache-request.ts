// Reads what a Unity client sends. Driven by bytes: how the network cut them into packets never matters.

import type { UnityCacheFileType } from './unity-cache-key.ts';
import { hexDigit, typeOfLetter } from './unity-cache-letters.ts';

/** Why a request stream cannot go on. */
export type UnityCacheFault =
  | 'version-refused'
  | 'unknown-command'
  | 'size-malformed'
  | 'value-too-large'
  | 'no-transaction';

/**
 * Receives the parsed requests in order. An id is 32 bytes at `at` of `bytes`, valid during the call only.
 * After `quit` or `fault` nothing more comes.
 */
export interface UnityCacheRequestSink {
  version(): void;
  get(type: UnityCacheFileType, bytes: Uint8Array, at: number): void;
  /** Opens a transaction; one that is open is thereby given up. */
  begin(bytes: Uint8Array, at: number): void;
  /** A file of the open transaction starts; exactly `sizeBytes` follow through `putBody`, then `putEnd`. */
  putStart(type: UnityCacheFileType, sizeBytes: number): void;
  /** A part of the body: a view of the pushed chunk, never empty. */
  putBody(part: Buffer): void;
  putEnd(): void;
  commit(): void;
  quit(): void;
  fault(fault: UnityCacheFault): void;
}

export interface UnityCacheRequestLimits {
  /** Largest size a put may announce; at most 2^31-1, as clients read sizes as a signed 32-bit number. */
  readonly valueBytesMax: number;
}

const letterG = 0x67;
const letterP = 0x70;
const letterQ = 0x71;
const letterT = 0x74;
const letterE = 0x65;
const letterF = 0x66;
const letterS = 0x73;
const idBytes = 32;
const sizeDigits = 16;

type State = 'version' | 'letter' | 'second' | 'id' | 'size' | 'body' | 'dead';

/**
 * A push parser without buffers of its own beyond one id. The version is `0{0,6}fe` in any case; it is decided at the
 * first byte that cannot continue it. Sizes are 16 hex digits and nothing else.
 */
export class UnityCacheRequestParser {
  readonly #sink: UnityCacheRequestSink;
  readonly #valueBytesMax: number;
  readonly #argument = Buffer.alloc(idBytes);
  #state: State = 'version';
  #filled = 0; // bytes of the argument, or of the version, read so far
  #first = 0; // first letter of the command
  #type: UnityCacheFileType = 'a';
  #bodyLeft = 0;
  #inTransaction = false;
  #paused = false;
  #versionLast = 0;

  constructor(sink: UnityCacheRequestSink, limits: UnityCacheRequestLimits) {
    this.#sink = sink;
    this.#valueBytesMax = Math.min(limits.valueBytesMax, 2 ** 31 - 1);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether the version was read. */
  get greeted(): boolean {
    return this.#state !== 'version';
  }

  /** Whether the stream stands inside a command or a body: a client that stops here is stuck. */
  get midCommand(): boolean {
    return this.#state === 'version' ? this.#filled > 0 : !['letter', 'dead'].includes(this.#state);
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Called from the sink: `push` returns after the present call, with the rest unread. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Reads the chunk until its end or a pause; returns how many bytes were read. After the end of the stream everything is swallowed. */
  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#paused) {
      switch (this.#state) {
        case 'letter':
          at = this.#command(chunk, at);
          break;
        case 'body':
          at = this.#body(chunk, at);
          break;
        case 'id':
          at = this.#id(chunk, at);
          break;
        case 'size':
          at = this.#size(chunk, at);
          break;
        case 'second':
          this.#second(chunk[at++] ?? 0);
          break;
        case 'version':
          this.#version(chunk[at++] ?? 0);
          break;
        case 'dead':
          return chunk.length;
      }
    }
    return this.#state === 'dead' ? chunk.length : at;
  }

  #version(byte: number): void {
    const lower = byte | 0x20;
    if (this.#versionLast === letterF) {
      if (lower !== letterE) {
        this.#fail('version-refused');
        return;
      }
      this.#state = 'letter';
      this.#filled = 0;
      this.#sink.version();
    } else if (lower === letterF) {
      this.#versionLast = letterF;
      this.#filled++;
    } else if (byte === 0x30 && this.#filled < 6) {
      this.#filled++;
    } else this.#fail('version-refused');
  }

  /** The first letter; with the whole command in the chunk, the command as well. */
  #command(chunk: Buffer, at: number): number {
    this.#first = chunk[at] ?? 0;
    switch (this.#first) {
      case letterG:
      case letterT:
      case letterP:
        if (at + 1 >= chunk.length) this.#state = 'second';
        else this.#second(chunk[++at] ?? 0);
        return at + 1;
      case letterQ:
        this.#state = 'dead';
        this.#sink.quit();
        return at + 1;
      default:
        this.#fail('unknown-command');
        return at + 1;
    }
  }

  #second(byte: number): void {
    this.#filled = 0;
    if (this.#first === letterT) {
      if (byte === letterS) this.#state = 'id';
      else if (byte !== letterE) this.#fail('unknown-command');
      else if (!this.#inTransaction) this.#fail('no-transaction');
      else {
        this.#inTransaction = false;
        this.#state = 'letter';
        this.#sink.commit();
      }
      return;
    }
    const type = typeOfLetter(byte);
    if (type === undefined) {
      this.#fail('unknown-command');
      return;
    }
    this.#type = type;
    if (this.#first === letterG) this.#state = 'id';
    else if (this.#inTransaction) this.#state = 'size';
    else this.#fail('no-transaction');
  }

  #id(chunk: Buffer, at: number): number {
    if (this.#filled === 0 && chunk.length - at >= idBytes) {
      this.#identified(chunk, at);
      return at + idBytes;
    }
    const end = this.#fill(chunk, at, idBytes);
    if (this.#filled === idBytes) this.#identified(this.#argument, 0);
    return end;
  }

  #identified(bytes: Uint8Array, at: number): void {
    this.#filled = 0;
    this.#state = 'letter';
    if (this.#first === letterG) this.#sink.get(this.#type, bytes, at);
    else {
      this.#inTransaction = true;
      this.#sink.begin(bytes, at);
    }
  }

  #size(chunk: Buffer, at: number): number {
    const end = this.#fill(chunk, at, sizeDigits);
    for (let digit = this.#filled - (end - at); digit < this.#filled; digit++) {
      if (hexDigit(this.#argument[digit] ?? 0) < 0) {
        this.#fail('size-malformed');
        return end;
      }
    }
    if (this.#filled < sizeDigits) return end;
    let size = 0; // exact up to 2^53, and beyond that still larger than any limit
    for (const digit of this.#argument.subarray(0, sizeDigits)) size = size * 16 + hexDigit(digit);
    if (size > this.#valueBytesMax) {
      this.#fail('value-too-large');
      return end;
    }
    this.#filled = 0;
    this.#bodyLeft = size;
    this.#state = size === 0 ? 'letter' : 'body';
    this.#sink.putStart(this.#type, size);
    if (size === 0) this.#sink.putEnd();
    return end;
  }

  #body(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#bodyLeft);
    this.#bodyLeft -= end - at;
    const whole = at === 0 && end === chunk.length;
    if (this.#bodyLeft === 0) this.#state = 'letter';
    this.#sink.putBody(whole ? chunk : chunk.subarray(at, end));
    if (this.#bodyLeft === 0) this.#sink.putEnd();
    return end;
  }

  #fill(chunk: Buffer, at: number, wanted: number): number {
    const end = Math.min(chunk.length, at + wanted - this.#filled);
    chunk.copy(this.#argument, this.#filled, at, end);
    this.#filled += end - at;
    return end;
  }

  #fail(fault: UnityCacheFault): void {
    this.#state = 'dead';
    this.#sink.fault(fault);
  }
}
