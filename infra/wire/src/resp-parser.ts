// Reads a stream of RESP2 or RESP3 values. Driven by bytes: how the network cut them into packets never matters.

import { RespError, RespMap, RespSet, type RespValue, RespVerbatim } from './resp-value.ts';

/** Why a stream cannot go on. */
export type RespFault =
  | 'kind-unknown'
  | 'line-malformed'
  | 'line-too-long'
  | 'length-malformed'
  | 'bulk-too-large'
  | 'value-too-large'
  | 'too-many-elements'
  | 'too-deep';

/** Receives whole values in order. After `fault` nothing more comes. */
export interface RespSink {
  /** A reply. Its buffers may be views of the pushed chunk: whoever keeps small ones for long copies them. */
  value(value: RespValue): void;
  /** What a RESP3 peer says unasked; it answers no command. */
  push(items: readonly RespValue[]): void;
  fault(fault: RespFault): void;
}

/** Bounds of one top-level value. */
export interface RespLimits {
  /** Bytes of one bulk string, error or verbatim text. */
  readonly bulkBytesMax: number;
  /** Bytes of all strings together. */
  readonly valueBytesMax: number;
  /** Elements of all arrays, maps and sets together. */
  readonly elementsMax: number;
  /** How deep they may be nested. */
  readonly depthMax: number;
  /** Bytes of a line: simple strings, errors, numbers, lengths. */
  readonly lineBytesMax: number;
}

/** What no well-meant answer of a small client exceeds. */
export const defaultRespLimits: RespLimits = {
  bulkBytesMax: 16 * 2 ** 20,
  valueBytesMax: 64 * 2 ** 20,
  elementsMax: 1_000_000,
  depthMax: 16,
  lineBytesMax: 64 * 2 ** 10,
};

type Aggregate = 'array' | 'map' | 'set' | 'push' | 'attribute';

/** An aggregate whose elements are still coming. */
interface Frame {
  readonly kind: Aggregate;
  readonly items: RespValue[];
  left: number;
}

type BulkKind = 'bulk' | 'error' | 'verbatim';

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const aggregates: Readonly<Record<string, Aggregate>> = {
  '*': 'array',
  '%': 'map',
  '~': 'set',
  '>': 'push',
  '|': 'attribute',
};
const bulks: Readonly<Record<string, BulkKind>> = { $: 'bulk', '!': 'error', '=': 'verbatim' };
/** Stands for what is no value of its own: a fault, an attribute, an aggregate that goes on. */
const nothing: unique symbol = Symbol('nothing');
type Parsed = RespValue | typeof nothing;

/** Attributes are read and left out. Streamed strings and aggregates (`$?`, `*?`) are refused: no server sends them. */
export class RespParser {
  readonly #sink: RespSink;
  readonly #limits: RespLimits;
  #stack: Frame[] = [];
  /** What came of a line or bulk string that is not whole. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #bulk: BulkKind | undefined;
  /** Bytes of the bulk string with its end of line. */
  #bulkBytes = 0;
  #valueBytes = 0;
  #elements = 0;
  #dead = false;

  constructor(sink: RespSink, limits: RespLimits = defaultRespLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Whether a value has begun and not ended. */
  get midValue(): boolean {
    return this.#stack.length > 0 || this.#partBytes > 0 || this.#bulk !== undefined;
  }

  /** Takes the next bytes, which must not change afterwards. After a fault everything is swallowed. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#dead) {
      at = this.#bulk === undefined ? this.#line(chunk, at) : this.#string(chunk, at, this.#bulk);
    }
  }

  #line(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(lineFeed, at);
    const until = end < 0 ? chunk.length : end + 1;
    if (this.#partBytes + until - at > this.#limits.lineBytesMax)
      return this.#fail('line-too-long', until);
    if (end < 0) return this.#keep(chunk, at, until);
    const line = this.#whole(chunk, at, until);
    if (line.length < 3 || line[line.length - 2] !== carriageReturn)
      return this.#fail('line-malformed', until);
    const parsed = this.#ofLine(line[0] ?? 0, line.toString('utf8', 1, line.length - 2));
    if (parsed !== nothing) this.#element(parsed);
    return until;
  }

  #string(chunk: Buffer, at: number, kind: BulkKind): number {
    const until = Math.min(chunk.length, at + this.#bulkBytes - this.#partBytes);
    if (this.#partBytes + until - at < this.#bulkBytes) return this.#keep(chunk, at, until);
    const whole = this.#whole(chunk, at, until);
    const length = whole.length - 2;
    if (whole[length] !== carriageReturn || whole[length + 1] !== lineFeed) {
      return this.#fail('length-malformed', until);
    }
    this.#bulk = undefined;
    this.#element(stringOf(kind, whole.subarray(0, length)));
    return until;
  }

  #keep(chunk: Buffer, at: number, until: number): number {
    this.#parts.push(chunk.subarray(at, until));
    this.#partBytes += until - at;
    return until;
  }

  /** What was kept and what came now, in one. */
  #whole(chunk: Buffer, at: number, until: number): Buffer {
    const last = chunk.subarray(at, until);
    if (this.#partBytes === 0) return last;
    const whole = Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#partBytes = 0;
    return whole;
  }

  #ofLine(first: number, text: string): Parsed {
    const sign = String.fromCharCode(first);
    const bulk = bulks[sign];
    if (bulk !== undefined) return this.#startString(bulk, text);
    const aggregate = aggregates[sign];
    if (aggregate !== undefined) return this.#startAggregate(aggregate, text);
    if (sign === '+') return text;
    if (sign === '-') return new RespError(text);
    if (sign === '_' && text === '') return null;
    if (sign === '#' && (text === 't' || text === 'f')) return text === 't';
    const number =
      sign === ':' || sign === '('
        ? integerOf(text, sign)
        : sign === ','
          ? doubleOf(text)
          : undefined;
    if (number !== undefined) return number;
    this.#fail(':(,_#'.includes(sign) ? 'line-malformed' : 'kind-unknown', 0);
    return nothing;
  }

  #startString(kind: BulkKind, text: string): Parsed {
    if (text === '-1' && kind === 'bulk') return null;
    const length = lengthOf(text);
    if (length === undefined || (kind === 'verbatim' && length < 4)) {
      this.#fail('length-malformed', 0);
      return nothing;
    }
    this.#valueBytes += length;
    if (length > this.#limits.bulkBytesMax) this.#fail('bulk-too-large', 0);
    else if (this.#valueBytes > this.#limits.valueBytesMax) this.#fail('value-too-large', 0);
    this.#bulk = kind;
    this.#bulkBytes = length + 2;
    return nothing;
  }

  #startAggregate(kind: Aggregate, text: string): Parsed {
    if (text === '-1' && kind === 'array') return null;
    const length = lengthOf(text);
    // A push answers nothing and is a part of nothing; an empty one says nothing.
    if (length === undefined || (kind === 'push' && (this.#stack.length > 0 || length === 0))) {
      this.#fail('length-malformed', 0);
      return nothing;
    }
    const left = kind === 'map' || kind === 'attribute' ? 2 * length : length;
    this.#elements += left;
    if (this.#elements > this.#limits.elementsMax) this.#fail('too-many-elements', 0);
    else if (this.#stack.length >= this.#limits.depthMax) this.#fail('too-deep', 0);
    else if (left > 0) this.#stack.push({ kind, items: [], left });
    else if (kind !== 'attribute') return aggregateOf(kind, []);
    return nothing;
  }

  /** A value is whole; those it completes are then, too. */
  #element(value: RespValue): void {
    let whole = value;
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      frame.items.push(whole);
      if (--frame.left > 0) return;
      this.#stack.pop();
      if (frame.kind === 'attribute') return;
      if (frame.kind === 'push') {
        this.#reset();
        this.#sink.push(frame.items);
        return;
      }
      whole = aggregateOf(frame.kind, frame.items);
    }
    this.#reset();
    this.#sink.value(whole);
  }

  #reset(): void {
    this.#valueBytes = 0;
    this.#elements = 0;
  }

  #fail(fault: RespFault, at: number): number {
    if (this.#dead) return at;
    this.#dead = true;
    this.#stack = [];
    this.#parts = [];
    this.#sink.fault(fault);
    return at;
  }
}

function stringOf(kind: BulkKind, bytes: Buffer): RespValue {
  if (kind === 'bulk') return bytes;
  if (kind === 'error') return new RespError(bytes.toString('utf8'));
  return new RespVerbatim(bytes.toString('latin1', 0, 3), bytes.subarray(4));
}

function aggregateOf(kind: Aggregate, items: readonly RespValue[]): RespValue {
  if (kind === 'set') return new RespSet(items);
  if (kind !== 'map') return items;
  const entries: [RespValue, RespValue][] = [];
  for (let at = 0; at < items.length; at += 2) {
    entries.push([items[at] ?? null, items[at + 1] ?? null]);
  }
  return new RespMap(entries);
}

/** A length as peers write it: digits and nothing else, small enough to be exact. */
function lengthOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function integerOf(text: string, sign: string): number | bigint | undefined {
  if (!/^[+-]?\d{1,4096}$/.test(text)) return undefined;
  if (sign === ':' && text.length > 20) return undefined; // 64 bits
  const number = Number(text);
  return sign === ':' && Number.isSafeInteger(number) ? number : BigInt(text.replace(/^\+/, ''));
}

function doubleOf(text: string): number | undefined {
  if (text === 'inf' || text === '+inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  return /^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}
