// What the standard functions do.

import { PatternCache } from '../regex/pattern-cache.ts';
import { authorizerFunctions } from './authorizer.ts';
import { compareValues, equalValues, identityOf, isNumber, typeOfValue } from './compare-values.ts';
import {
  int64,
  noOverload,
  toBool,
  toBytes,
  toDouble,
  toDuration,
  toInt,
  toText,
  toTimestamp,
  toUint,
  uint64,
} from './conversions.ts';
import { formatText } from './format-text.ts';
import { kubernetesFunctions } from './kubernetes-functions.ts';
import { clockAt, isTimestamp } from './time.ts';
import {
  CelList,
  CelMap,
  CelObject,
  type CelValue,
  Duration,
  Failure,
  keyOf,
  Misfit,
  Optional,
  type Outcome,
  sizeOf,
  Timestamp,
  TypeValue,
  Uint,
} from './value.ts';

export type Implementation = (...args: readonly CelValue[]) => Outcome;

/** Shared by all expressions: matching changes nothing but its memory. */
const patterns = new PatternCache();

type Numbers = readonly [
  (left: bigint, right: bigint) => bigint | Failure,
  (left: number, right: number) => number,
];

function arithmetic([whole, double]: Numbers): (left: CelValue, right: CelValue) => Outcome {
  return (left, right) => {
    if (typeof left === 'bigint' && typeof right === 'bigint') {
      const result = whole(left, right);
      return result instanceof Failure ? result : int64(result);
    }
    if (typeof left === 'number' && typeof right === 'number') return double(left, right);
    if (left instanceof Uint && right instanceof Uint) {
      const result = whole(left.value, right.value);
      return result instanceof Failure ? result : uint64(result);
    }
    return noOverload;
  };
}

const durationOverflow = new Failure('integer overflow');
const timestampOverflow = new Failure('timestamp overflow');

function duration(nanos: bigint): Outcome {
  return BigInt.asIntN(64, nanos) === nanos ? new Duration(nanos) : durationOverflow;
}

function timestamp(nanos: bigint, { offsetMinutes }: Timestamp): Outcome {
  return isTimestamp(nanos) ? new Timestamp(nanos, offsetMinutes) : timestampOverflow;
}

const addNumbers = arithmetic([(left, right) => left + right, (left, right) => left + right]);
const subtractNumbers = arithmetic([(left, right) => left - right, (left, right) => left - right]);

function add(left: CelValue = null, right: CelValue = null): Outcome {
  if (isNumber(left)) return addNumbers(left, right);
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  if (left instanceof CelList && right instanceof CelList) return concatenated(left, right);
  if (left instanceof Uint8Array && right instanceof Uint8Array)
    return new Uint8Array(Buffer.concat([left, right]));
  if (left instanceof Duration && right instanceof Duration)
    return duration(left.nanos + right.nanos);
  if (left instanceof Timestamp && right instanceof Duration)
    return timestamp(left.nanos + right.nanos, left);
  if (left instanceof Duration && right instanceof Timestamp)
    return timestamp(left.nanos + right.nanos, right);
  return noOverload;
}

/** Sets unite; lists with keys take the items of the right for those of the same keys on the left. */
function concatenated(left: CelList, right: CelList): CelList {
  const { keys } = left;
  if (keys === undefined && left.items.length === 0) return right;
  if (keys === undefined) return new CelList([...left.items, ...right.items]);
  const merged = new Map(left.items.map((item) => [identityOf(item, keys), item]));
  for (const item of right.items) {
    const identity = identityOf(item, keys);
    if (keys.length > 0 || !merged.has(identity)) merged.set(identity, item);
  }
  return new CelList([...merged.values()], keys);
}

function subtract(left: CelValue = null, right: CelValue = null): Outcome {
  if (isNumber(left)) return subtractNumbers(left, right);
  if (left instanceof Duration && right instanceof Duration)
    return duration(left.nanos - right.nanos);
  if (left instanceof Timestamp && right instanceof Duration)
    return timestamp(left.nanos - right.nanos, left);
  if (left instanceof Timestamp && right instanceof Timestamp)
    return duration(left.nanos - right.nanos);
  return noOverload;
}

const divideByZero = new Failure('division by zero');
const modulusByZero = new Failure('modulus by zero');

function negate(value: CelValue = null): Outcome {
  if (typeof value === 'bigint') return int64(-value);
  return typeof value === 'number' ? -value : noOverload;
}

function comparison(holds: (order: number) => boolean): Implementation {
  return (left = null, right = null) => {
    const order = compareValues(left, right);
    if (order !== undefined) return holds(order);
    const isNan = [left, right].some((each) => typeof each === 'number' && Number.isNaN(each));
    return isNan && isNumber(left) && isNumber(right)
      ? new Failure('NaN values cannot be ordered')
      : noOverload;
  };
}

/** An item of a list or an entry of a map. */
export function itemAt(holder: CelValue, index: CelValue): Outcome {
  if (holder instanceof CelList) {
    if (!isNumber(index))
      return new Failure(`unsupported index type '${typeOfValue(index).name}' in list`);
    const position = toInt(index);
    if (position instanceof Failure || (typeof index === 'number' && !Number.isInteger(index)))
      return new Failure(`unsupported index value ${String(index)} in list`);
    const at = Number(position);
    if (at < 0 || at >= holder.items.length)
      return new Failure(`index out of bounds: ${String(position)}`);
    return holder.items[at] ?? null;
  }
  if (holder instanceof CelMap) {
    const key = keyOf(index);
    const entry = key === undefined ? undefined : holder.entries.get(key);
    return entry ? entry[1] : noSuchKey(index);
  }
  if (holder instanceof CelObject) {
    if (typeof index !== 'string') return noSuchKey(index);
    return holder.fields.get(index) ?? noSuchKey(index);
  }
  return noSuchKey(index); // what has no items has none of that name
}

export function noSuchKey(key: CelValue): Failure {
  const text = toText(key);
  return new Failure(
    `no such key: ${text instanceof Failure ? typeOfValue(key).name : String(text)}`,
  );
}

function contains(value: CelValue = null, holder: CelValue = null): Outcome {
  if (holder instanceof CelList) return isAmong(value, holder);
  if (holder instanceof CelMap) {
    const key = keyOf(value);
    return key !== undefined && isThere(holder.entries.get(key)?.[1]);
  }
  if (holder instanceof CelObject)
    return typeof value === 'string' && isThere(holder.fields.get(value));
  return noOverload;
}

/** Items that fit nothing count only when no other is the value. */
function isAmong(value: CelValue, { items }: CelList): Outcome {
  const fitting = items.filter((item) => !(item instanceof Misfit));
  if (fitting.some((item) => equalValues(item, value))) return true;
  return items.find((item) => item instanceof Misfit) ?? false;
}

function isThere(found: CelValue | undefined): Outcome {
  return found instanceof Misfit ? found : found !== undefined;
}

function size(value: CelValue = null): Outcome {
  const found = sizeOf(value);
  return found === undefined ? noOverload : BigInt(found);
}

function texts(make: (...args: readonly string[]) => Outcome): Implementation {
  return (...args) => (args.every((arg) => typeof arg === 'string') ? make(...args) : noOverload);
}

type ClockPart = (clock: Date) => number;

function clockPart(part: ClockPart, ofDuration?: (nanos: bigint) => bigint): Implementation {
  return (value = null, zone = 'UTC') => {
    if (value instanceof Duration && ofDuration) return ofDuration(value.nanos);
    if (!(value instanceof Timestamp) || typeof zone !== 'string') return noOverload;
    const clock = clockAt(value, zone);
    return clock ? BigInt(part(clock)) : new Failure(`unknown time zone ${zone}`);
  };
}

function dayOfYear(clock: Date): number {
  return Math.floor((clock.getTime() - Date.UTC(clock.getUTCFullYear(), 0, 1)) / 86_400_000);
}

function ofNonZeroValue(value: CelValue = null): Optional {
  const isZero =
    value === null ||
    value === false ||
    value === 0n ||
    value === 0 ||
    value === '' ||
    sizeOf(value) === 0 ||
    (value instanceof Uint && value.value === 0n) ||
    (value instanceof Duration && value.nanos === 0n) ||
    (value instanceof Optional && value.value === undefined);
  return new Optional(isZero ? undefined : value);
}

function optional(make: (optional: Optional, other: CelValue) => Outcome): Implementation {
  return (value = null, other = null) =>
    value instanceof Optional ? make(value, other) : noOverload;
}

/** An item, if there is one. */
export function itemIfAny(holder: CelValue, index: CelValue): Outcome {
  const inner = holder instanceof Optional ? holder.value : holder;
  if (inner === undefined) return new Optional(undefined);
  const found = itemAt(inner, index);
  if (!(found instanceof Failure)) return new Optional(found);
  return /^(?:no such key|index out of bounds)/.test(found.message)
    ? new Optional(undefined)
    : found;
}

function insert(map: CelValue = null, key: CelValue = null, value?: CelValue): Outcome {
  if (!(map instanceof CelMap)) return noOverload;
  const added =
    value === undefined
      ? key instanceof CelMap
        ? [...key.entries.values()]
        : []
      : [[key, value] as const];
  const entries = new Map(map.entries);
  for (const [each, member] of added) {
    const text = keyOf(each);
    if (text === undefined) return new Failure(`unsupported key type: ${typeOfValue(each).name}`);
    if (entries.has(text))
      return new Failure(`insert failed: key ${String(toText(each))} already exists`);
    entries.set(text, [each, member]);
  }
  return new CelMap(entries);
}

const divided = arithmetic([
  (left, right) => (right === 0n ? divideByZero : left / right),
  (left, right) => left / right,
]);
const multiplied = arithmetic([(left, right) => left * right, (left, right) => left * right]);
const remainder = arithmetic([
  (left, right) => (right === 0n ? modulusByZero : left % right),
  () => Number.NaN,
]);

const standard: Readonly<Record<string, Implementation>> = {
  '_+_': add,
  '_-_': subtract,
  '_*_': (left = null, right = null) => multiplied(left, right),
  '_/_': (left = null, right = null) => divided(left, right),
  '_%_': (left = null, right = null) =>
    typeof left === 'number' ? noOverload : remainder(left, right),
  '-_': negate,
  '!_': (value = null) => (typeof value === 'boolean' ? !value : noOverload),
  '_<_': comparison((order) => order < 0),
  '_<=_': comparison((order) => order <= 0),
  '_>_': comparison((order) => order > 0),
  '_>=_': comparison((order) => order >= 0),
  '_==_': (left = null, right = null) => equalValues(left, right),
  '_!=_': (left = null, right = null) => !equalValues(left, right),
  '@in': contains,
  '_[_]': (holder = null, index = null) =>
    holder instanceof Optional ? itemIfAny(holder, index) : itemAt(holder, index),
  '_[?_]': (holder = null, index = null) => itemIfAny(holder, index),
  '_?._': (holder = null, field = null) => itemIfAny(holder, field),
  'cel.@mapInsert': insert,
  size,
  type: (value = null) => new TypeValue(typeOfValue(value)),
  dyn: (value = null) => value,
  bool: (value = null) => toBool(value),
  bytes: (value = null) => toBytes(value),
  double: (value = null) => toDouble(value),
  duration: (value = null) => toDuration(value),
  int: (value = null) => toInt(value),
  string: (value = null) => toText(value),
  timestamp: (value = null) => toTimestamp(value),
  uint: (value = null) => toUint(value),
  contains: texts((text = '', part = '') => text.includes(part)),
  startsWith: texts((text = '', part = '') => text.startsWith(part)),
  endsWith: texts((text = '', part = '') => text.endsWith(part)),
  matches: texts((text = '', pattern = '') => {
    try {
      return patterns.get(pattern).test(text);
    } catch (error) {
      return new Failure(error instanceof Error ? error.message : String(error));
    }
  }),
  getFullYear: clockPart((clock) => clock.getUTCFullYear()),
  getMonth: clockPart((clock) => clock.getUTCMonth()),
  getDayOfYear: clockPart(dayOfYear),
  getDayOfMonth: clockPart((clock) => clock.getUTCDate() - 1),
  getDate: clockPart((clock) => clock.getUTCDate()),
  getDayOfWeek: clockPart((clock) => clock.getUTCDay()),
  getHours: clockPart(
    (clock) => clock.getUTCHours(),
    (nanos) => nanos / 3_600_000_000_000n,
  ),
  getMinutes: clockPart(
    (clock) => clock.getUTCMinutes(),
    (nanos) => nanos / 60_000_000_000n,
  ),
  getSeconds: clockPart(
    (clock) => clock.getUTCSeconds(),
    (nanos) => nanos / 1_000_000_000n,
  ),
  getMilliseconds: clockPart(
    (clock) => clock.getUTCMilliseconds(),
    (nanos) => nanos / 1_000_000n,
  ),
  'optional.of': (value = null) => new Optional(value),
  'optional.ofNonZeroValue': (value = null) => ofNonZeroValue(value),
  'optional.none': () => new Optional(undefined),
  value: optional(({ value }) => value ?? new Failure('optional.none() dereference')),
  hasValue: optional(({ value }) => value !== undefined),
  or: optional((each, other) => (each.value === undefined ? other : each)),
  orValue: optional(({ value }, other) => (value === undefined ? other : value)),
  format: (text = null, args = null) =>
    typeof text === 'string' && args instanceof CelList ? formatText(text, args.items) : noOverload,
};

/** By name, whatever the overload. */
export const implementations: ReadonlyMap<string, Implementation> = new Map([
  ...Object.entries(standard),
  ...Object.entries(kubernetesFunctions),
  ...Object.entries(authorizerFunctions),
]);
