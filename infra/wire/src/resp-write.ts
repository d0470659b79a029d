// Writes commands and replies of the Redis protocol.

import { RespError, RespMap, RespSet, type RespValue, RespVerbatim } from './resp-value.ts';

/** A part of a command: text goes as UTF-8, numbers in decimal digits. */
export type RespArgument = string | number | Uint8Array;

const packBytes = 16 * 1_024;
/** Longer parts are not copied. */
const copiedBytesMax = 4_096;
const headBytesMax = 32;

/**
 * Commands behind one another, packed into few buffers. Long parts pass through as they are and must not change until
 * what `take` gave was sent.
 */
export class RespCommandWriter {
  #done: Buffer[] = [];
  #pack: Buffer | undefined;
  #used = 0;
  #from = 0;
  #bytes = 0;

  /** Bytes that `take` would give. */
  get bytes(): number {
    return this.#bytes;
  }

  write(command: readonly RespArgument[]): void {
    this.#text(`*${command.length}\r\n`);
    for (const argument of command) this.#argument(argument);
  }

  /** Everything written so far, in order; the writer goes on empty. */
  take(): readonly Buffer[] {
    this.#seal();
    const done = this.#done;
    this.#done = [];
    this.#bytes = 0;
    return done;
  }

  #argument(argument: RespArgument): void {
    const bytes = typeof argument === 'object' ? argument : Buffer.from(String(argument), 'utf8');
    this.#text(`$${bytes.length}\r\n`);
    if (bytes.length <= copiedBytesMax) {
      const pack = this.#room(bytes.length);
      pack.set(bytes, this.#used);
      this.#used += bytes.length;
    } else {
      this.#seal();
      this.#done.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    }
    this.#bytes += bytes.length;
    this.#text('\r\n');
  }

  #text(text: string): void {
    const written = this.#room(headBytesMax).write(text, this.#used, 'latin1');
    this.#used += written;
    this.#bytes += written;
  }

  #room(bytes: number): Buffer {
    if (this.#pack !== undefined && this.#pack.length - this.#used >= bytes) return this.#pack;
    this.#seal();
    this.#used = 0;
    this.#from = 0;
    this.#pack = Buffer.allocUnsafeSlow(packBytes);
    return this.#pack;
  }

  #seal(): void {
    if (this.#pack === undefined || this.#used === this.#from) return;
    this.#done.push(this.#pack.subarray(this.#from, this.#used));
    this.#from = this.#used;
  }
}

/** A reply as a peer writes it. `protocol` 2 has neither maps, sets, booleans nor doubles: they go as it writes them. */
export function respReply(value: RespValue, protocol: 2 | 3 = 2): Buffer {
  const parts: Buffer[] = [];
  reply(value, protocol === 3, parts);
  return Buffer.concat(parts);
}

function reply(value: RespValue, three: boolean, parts: Buffer[]): void {
  const line = (text: string): unknown => parts.push(Buffer.from(`${text}\r\n`, 'utf8'));
  const string = (head: string, bytes: Buffer): void => {
    line(`${head}${bytes.length}`);
    parts.push(bytes, Buffer.from('\r\n'));
  };
  const list = (head: string, items: readonly RespValue[], length = items.length): void => {
    line(`${head}${length}`);
    for (const item of items) reply(item, three, parts);
  };
  if (value === null) line(three ? '_' : '$-1');
  else if (typeof value === 'boolean') line(three ? `#${value ? 't' : 'f'}` : `:${value ? 1 : 0}`);
  else if (typeof value === 'number') number(value, three, line, string);
  else if (typeof value === 'bigint') line(`${three ? '(' : ':'}${value}`);
  else if (typeof value === 'string') line(`+${value}`);
  else if (Buffer.isBuffer(value)) string('$', value);
  else if (value instanceof RespError) line(`-${value.message}`);
  else if (value instanceof RespSet) list(three ? '~' : '*', value.items);
  else if (value instanceof RespMap) {
    const { entries } = value;
    list(three ? '%' : '*', entries.flat(), three ? entries.length : 2 * entries.length);
  } else if (value instanceof RespVerbatim) {
    if (three) string('=', Buffer.concat([Buffer.from(`${value.form}:`), value.text]));
    else string('$', value.text);
  } else list('*', value);
}

function number(
  value: number,
  three: boolean,
  line: (text: string) => unknown,
  string: (head: string, bytes: Buffer) => void,
): void {
  if (Number.isSafeInteger(value)) line(`:${value}`);
  else if (three) line(`,${doubleText(value)}`);
  else string('$', Buffer.from(doubleText(value)));
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}
