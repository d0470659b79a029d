// Conversions between the types of CEL: `int("5")`, `string(1.5)`.

import { typeNameOf } from './compare-values.ts';
import { CelAddress, CelPrefix } from './network.ts';
import { durationText, isTimestamp, parseDuration, parseTimestamp, timestampText } from './time.ts';
import { type CelValue, Duration, Failure, type Outcome, Timestamp, Uint } from './value.ts';

const int64Max = 2n ** 63n - 1n;
const uint64Max = 2n ** 64n - 1n;
const second = 1_000_000_000n;

export const noOverload: Failure = new Failure('no such overload');
const overflow = new Failure('integer overflow');
const unsignedOverflow = new Failure('unsigned integer overflow');

/** The number, unless it is none of int64. */
export function int64(value: bigint): Outcome {
  return value >= -int64Max - 1n && value <= int64Max ? value : overflow;
}

export function uint64(value: bigint): Outcome {
  return value >= 0n && value <= uint64Max ? new Uint(value) : unsignedOverflow;
}

function unconvertible(value: CelValue, to: string): Failure {
  return new Failure(`type conversion error from '${typeNameOf(value)}' to '${to}'`);
}

export function toInt(value: CelValue): Outcome {
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint) return int64(value.value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || value <= -(2 ** 63) || value >= 2 ** 63) return overflow;
    return BigInt(Math.trunc(value));
  }
  if (typeof value === 'string') {
    if (!/^[+-]?\d+$/.test(value)) return unconvertible(value, 'int');
    const parsed = BigInt(value.replace(/^\+/, ''));
    return parsed >= -int64Max - 1n && parsed <= int64Max ? parsed : unconvertible(value, 'int');
  }
  if (value instanceof Timestamp) {
    const seconds = value.nanos / second;
    return value.nanos % second < 0n ? seconds - 1n : seconds;
  }
  return value instanceof Duration ? value.nanos : noOverload;
}

export function toUint(value: CelValue): Outcome {
  if (value instanceof Uint) return value;
  if (typeof value === 'bigint') return uint64(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || value < 0 || value >= 2 ** 64) return unsignedOverflow;
    return new Uint(BigInt(Math.trunc(value)));
  }
  if (typeof value !== 'string') return noOverload;
  if (!/^\d+$/.test(value) || BigInt(value) > uint64Max) return unconvertible(value, 'uint');
  return new Uint(BigInt(value));
}

export function toDouble(value: CelValue): Outcome {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== 'string') return noOverload;
  if (/^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) && !value.includes('_')) {
    const parsed = Number(value);
    return Number.isFinite(parsed) ? parsed : unconvertible(value, 'double');
  }
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(value);
  if (!special) return unconvertible(value, 'double');
  if (/nan/i.test(value)) return special[1] ? unconvertible(value, 'double') : Number.NaN;
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

export function toText(value: CelValue): Outcome {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return doubleText(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      return new Failure('invalid UTF-8 in bytes, cannot convert to string');
    }
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof CelAddress || value instanceof CelPrefix) return String(value);
  return noOverload;
}

/** As Go's strconv prints the shortest form in format `g`. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const size = Math.abs(power);
  return `${digits}e${power < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
}

export function toBytes(value: CelValue): Outcome {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : noOverload;
}

const trueTexts = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const falseTexts = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

export function toBool(value: CelValue): Outcome {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return noOverload;
  if (trueTexts.includes(value)) return true;
  return falseTexts.includes(value) ? false : unconvertible(value, 'bool');
}

export function toTimestamp(value: CelValue): Outcome {
  if (value instanceof Timestamp) return value;
  if (typeof value === 'bigint') {
    const nanos = value * second;
    return isTimestamp(nanos) ? new Timestamp(nanos) : new Failure('timestamp overflow');
  }
  if (typeof value !== 'string') return noOverload;
  return parseTimestamp(value) ?? unconvertible(value, 'google.protobuf.Timestamp');
}

export function toDuration(value: CelValue): Outcome {
  if (value instanceof Duration) return value;
  if (typeof value === 'bigint') return unconvertible(value, 'google.protobuf.Duration');
  if (typeof value !== 'string') return noOverload;
  return parseDuration(value) ?? unconvertible(value, 'google.protobuf.Duration');
}
