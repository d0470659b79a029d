// The values of CEL: integers are bigint, doubles are number; what JavaScript has no type for is a class here.

import type { Quantity, QuantityHolding } from '../quantity.ts';
import type { CelAddress, CelPrefix } from './network.ts';
import type { Semver } from './semver.ts';
import type { Type } from './type.ts';
import type { CelUrl } from './url.ts';

export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint
  | Uint8Array
  | CelList
  | CelMap
  | CelObject
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | CelQuantity
  | CelUrl
  | CelAddress
  | CelPrefix
  | CelFormat
  | CelHandle
  | Misfit
  | Semver;

/** What an operation gives that has no value; it goes up through everything but the logical operators. */
export class Failure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export type Outcome = CelValue | Failure;

/** A part of another type than its schema's: to look at it fails, and only that. */
export class Misfit {
  readonly failure: Failure;
  readonly sent: unknown;

  constructor(failure: Failure, sent: unknown) {
    this.failure = failure;
    this.sent = sent;
  }
}

/** Thrown where two values are compared and one has a {@link Misfit} in it. */
export class MisfitMet extends Error {
  override name = 'MisfitMet';
  readonly failure: Failure;

  constructor({ failure }: Misfit) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What looking at a value gives. */
export function looked(value: Outcome): Outcome {
  if (value instanceof Misfit) return value.failure;
  return value instanceof Optional && value.value instanceof Misfit ? value.value.failure : value;
}

export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A list. Those of objects may be sets or have keys: then their order says nothing, and `+` merges. */
export class CelList {
  readonly items: readonly CelValue[];
  /** Empty for sets, undefined for ordinary lists. */
  readonly keys: readonly string[] | undefined;

  constructor(items: readonly CelValue[], keys?: readonly string[]) {
    this.items = items;
    this.keys = keys;
  }
}

/** A map, by the spelling of its keys. */
export class CelMap {
  readonly entries: ReadonlyMap<string, readonly [key: CelValue, value: CelValue]>;

  constructor(entries: ReadonlyMap<string, readonly [CelValue, CelValue]>) {
    this.entries = entries;
  }
}

/** An object with declared fields. */
export class CelObject {
  readonly type: string;
  readonly fields: ReadonlyMap<string, CelValue>;
  /** As it was sent: all its members, with those that nobody declared. */
  readonly sent: Readonly<Record<string, unknown>>;
  /** The names in `sent` of what is declared. */
  readonly declared: ReadonlySet<string>;

  constructor(
    type: string,
    fields: ReadonlyMap<string, CelValue>,
    { sent, declared }: Pick<CelObject, 'sent' | 'declared'>,
  ) {
    this.type = type;
    this.fields = fields;
    this.sent = sent;
    this.declared = declared;
  }

  get size(): number {
    return Object.keys(this.sent).length;
  }
}

/** Nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  /** Of the zone in which it was written. */
  readonly offsetMinutes: number;

  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class TypeValue {
  readonly type: Type;

  constructor(type: Type) {
    this.type = type;
  }
}

/** `optional.none()` holds undefined. */
export class Optional {
  readonly value: CelValue | undefined;

  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

export class CelQuantity {
  readonly amount: Quantity;
  readonly holding: QuantityHolding;

  constructor(amount: Quantity, holding: QuantityHolding) {
    this.amount = amount;
    this.holding = holding;
  }
}

/** Something of ours that expressions only hand on to functions. */
export class CelHandle {
  readonly type: Type;

  constructor(type: Type) {
    this.type = type;
  }
}

/** A named format of Kubernetes names. */
export class CelFormat {
  readonly name: string;
  readonly problems: (text: string) => readonly string[];
  readonly patternLength: number;

  constructor(name: string, patternLength: number, problems: CelFormat['problems']) {
    this.name = name;
    this.patternLength = patternLength;
    this.problems = problems;
  }
}

/** How a map finds a key: numbers by their value, whatever their type. */
export function keyOf(key: CelValue): string | undefined {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : `n${key}`;
  return typeof key === 'boolean' ? `b${key}` : undefined;
}

/** What `size()` says, and what cost counts by: characters, bytes, items, entries; undefined for what has no size. */
export function sizeOf(value: CelValue): number | undefined {
  if (typeof value === 'string') return runeCount(value);
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelList) return value.items.length;
  if (value instanceof CelMap) return value.entries.size;
  if (value instanceof CelObject) return value.size;
  return undefined;
}

/** Code points of a text. */
export function runeCount(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}
