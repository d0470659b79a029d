// Reads an RDB file as it comes, and gives its keys with their values as they stand there. However large a value is, none is
// kept unless somebody wants it.

import { Buffer } from 'node:buffer';
import { PlatformError } from '@tweendeck/std';
import { lzfUnpacked } from './lzf.ts';
import { type RdbPart, rdbTypes } from './rdb-grammar.ts';

/** One key. */
export interface RdbEntry {
  readonly database: number;
  readonly key: Buffer;
  readonly type: number;
  /** As RESTORE takes it behind the type; empty where values are not kept. */
  readonly value: readonly Buffer[];
  /** Wall milliseconds. */
  readonly expiresMs: bigint | undefined;
  /** Seconds without use, where the server kept account of it. */
  readonly idleSeconds: number | undefined;
  /** How often it is used, on the server's scale of 0 to 255. */
  readonly frequency: number | undefined;
}

export interface RdbSink {
  entry(entry: RdbEntry): void;
  /** The code of a library of functions. */
  library?(code: Buffer): void;
}

const opcodes = {
  ...{ library: 245, idle: 248, frequency: 249, aux: 250, resize: 251 },
  ...{ expiresMs: 252, expires: 253, database: 254, end: 255 },
} as const;

const magicBytes = 9;
const checksumBytes = 8;
/** Of keys and names, which are kept whole. */
const keyBytesMax = 64 * 2 ** 20;

/** What to do when the bytes in hand do not suffice. */
class Short extends Error {}
const short = new Short();

/** Parts of a value that are still to come. */
interface Frame {
  readonly parts: readonly RdbPart[];
  at: number;
  rounds: number;
}

export class RdbScanner {
  readonly #sink: RdbSink;
  readonly #keeps: boolean;
  #left: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Bytes of a value that are stepped over without a look. */
  #skip = 0;
  #frames: Frame[] = [];
  #state: 'magic' | 'between' | 'value' | 'ended' = 'magic';
  #version = 0;
  #database = 0;
  #attributes: Pick<RdbEntry, 'expiresMs' | 'idleSeconds' | 'frequency'> = noAttributes;
  #entry: { readonly key: Buffer; readonly type: number } | undefined;
  #value: Buffer[] = [];

  constructor(sink: RdbSink, { keepsValues }: { readonly keepsValues: boolean }) {
    this.#sink = sink;
    this.#keeps = keepsValues;
  }

  /** Of the format, as RESTORE wants it. */
  get version(): number {
    return this.#version;
  }

  /** Whether the file was read to its end. */
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Takes the next bytes. Gives how many of them belong to the file: fewer only at its end. @throws PlatformError REDIS_BACKUP_UNREADABLE */
  push(chunk: Buffer): number {
    if (this.hasEnded) return 0;
    this.#left = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    this.#at = 0;
    for (let settled = 0; ; settled = this.#at) {
      try {
        this.#step();
      } catch (error) {
        if (error !== short) throw error;
        this.#at = settled;
        break;
      }
      if (this.hasEnded) break;
    }
    const rest = this.#left.length - this.#at;
    this.#left = this.#left.subarray(this.#at);
    return this.hasEnded ? chunk.length - rest : chunk.length;
  }

  /** One piece that is whole, or none and `short` is thrown. */
  #step(): void {
    if (this.#skip > 0) this.#skipSome();
    else if (this.#state === 'magic') this.#readMagic();
    else if (this.#state === 'value') this.#readPart();
    else this.#readOpcode();
  }

  #skipSome(): void {
    const count = Math.min(this.#skip, this.#left.length - this.#at);
    if (count === 0) throw short;
    this.#keep(this.#take(count));
    this.#skip -= count;
  }

  #readMagic(): void {
    const text = this.#take(magicBytes).toString('latin1');
    if (!/^REDIS\d{4}$/.test(text)) throw unreadable('it does not begin as an RDB file does');
    this.#version = Number(text.slice(5));
    this.#state = 'between';
  }

  #readOpcode(): void {
    const [opcode = 0] = this.#take(1);
    switch (opcode) {
      case opcodes.end:
        this.#take(checksumBytes);
        this.#state = 'ended';
        return;
      case opcodes.database:
        this.#database = this.#number();
        return;
      case opcodes.resize:
        this.#number();
        this.#number();
        return;
      case opcodes.aux:
        this.#string();
        this.#string();
        return;
      case opcodes.library: {
        // Read in any case: an optional call does not look at its arguments.
        const code = this.#string();
        this.#sink.library?.(code);
        return;
      }
      case opcodes.expiresMs:
        this.#attributes = { ...this.#attributes, expiresMs: this.#take(8).readBigInt64LE() };
        return;
      case opcodes.expires: {
        const seconds = BigInt(this.#take(4).readInt32LE());
        this.#attributes = { ...this.#attributes, expiresMs: seconds * 1_000n };
        return;
      }
      case opcodes.idle:
        this.#attributes = { ...this.#attributes, idleSeconds: this.#number() };
        return;
      case opcodes.frequency:
        this.#attributes = { ...this.#attributes, frequency: this.#take(1)[0] };
        return;
      default:
        this.#begin(opcode);
    }
  }

  #begin(type: number): void {
    const parts = rdbTypes.get(type);
    if (parts === undefined)
      throw unreadable(
        `it has a value of type ${type}, of a module or of a later version of the server`,
      );
    this.#entry = { key: this.#string(), type };
    this.#value = [];
    this.#frames = [{ parts, at: 0, rounds: 1 }];
    this.#state = 'value';
  }

  #readPart(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) {
      this.#end();
      return;
    }
    if (frame.rounds === 0) {
      this.#frames.pop();
      return;
    }
    const part = frame.parts[frame.at];
    const began = this.#at;
    const skip = this.#head(part);
    this.#keep(this.#left.subarray(began, this.#at));
    this.#skip = skip;
    if (++frame.at === frame.parts.length) {
      frame.at = 0;
      frame.rounds--;
    }
    if (typeof part === 'object') {
      this.#frames.push({ parts: part.each, at: 0, rounds: this.#lastNumber });
    }
  }

  #lastNumber = 0;

  /** Reads what stands before the bytes of a part, and gives how many these are. */
  #head(part: RdbPart | undefined): number {
    if (typeof part === 'number') return part;
    if (part === 'decimal') {
      const [length = 0] = this.#take(1);
      return length > 252 ? 0 : length; // not a number, or without end
    }
    if (part === 'string') {
      const head = this.#stringHead();
      return head.packedBytes;
    }
    this.#lastNumber = this.#number();
    return 0;
  }

  #end(): void {
    const { key, type } = this.#entry ?? { key: Buffer.alloc(0), type: 0 };
    const value = this.#value;
    const attributes = this.#attributes;
    this.#attributes = noAttributes;
    this.#state = 'between';
    this.#value = [];
    this.#sink.entry({ database: this.#database, key, type, value, ...attributes });
  }

  #keep(bytes: Buffer): void {
    if (this.#keeps && bytes.length > 0) this.#value.push(bytes);
  }

  #take(count: number): Buffer {
    if (this.#left.length - this.#at < count) throw short;
    this.#at += count;
    return this.#left.subarray(this.#at - count, this.#at);
  }

  #number(): number {
    const head = this.#lengthHead();
    if (typeof head !== 'number') throw unreadable('a length is none');
    return head;
  }

  /** A length, or how a string is packed. */
  #lengthHead(): number | { readonly packing: number } {
    const [first = 0] = this.#take(1);
    const low = first & 0x3f;
    switch (first >> 6) {
      case 0:
        return low;
      case 1:
        return (low << 8) | (this.#take(1)[0] ?? 0);
      case 3:
        return { packing: low };
    }
    if (first === 0x80) return this.#take(4).readUInt32BE();
    if (first !== 0x81) throw unreadable('a length is none');
    return Number(this.#take(8).readBigUInt64BE());
  }

  #stringHead(): {
    readonly packing: 'plain' | 'number' | 'lzf';
    readonly packedBytes: number;
    readonly bytes: number;
  } {
    const head = this.#lengthHead();
    if (typeof head === 'number') return { packing: 'plain', packedBytes: head, bytes: head };
    if (head.packing < 3) {
      const bytes = 1 << head.packing;
      return { packing: 'number', packedBytes: bytes, bytes };
    }
    if (head.packing > 3) throw unreadable('a string is packed in an unknown way');
    const packedBytes = this.#number();
    return { packing: 'lzf', packedBytes, bytes: this.#number() };
  }

  /** A whole one, unpacked. */
  #string(): Buffer {
    const { packing, packedBytes, bytes } = this.#stringHead();
    if (bytes > keyBytesMax || packedBytes > keyBytesMax)
      throw unreadable(`a name has ${bytes} bytes`);
    const packed = this.#take(packedBytes);
    if (packing === 'lzf') return lzfUnpacked(packed, bytes);
    if (packing === 'number') return Buffer.from(String(packed.readIntLE(0, packedBytes)));
    return Buffer.from(packed); // the chunk goes, the key stays
  }
}

const noAttributes = { expiresMs: undefined, idleSeconds: undefined, frequency: undefined };

function unreadable(fact: string): PlatformError {
  return new PlatformError('REDIS_BACKUP_UNREADABLE', `what the server gave: ${fact}`, {
    hint: 'Values of modules cannot be backed up; otherwise look whether the file is what was written.',
  });
}
