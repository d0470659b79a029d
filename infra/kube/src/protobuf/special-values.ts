// Kubernetes types whose JSON is not that of their protobuf fields.

import { timestampOf } from '@tweendeck/std';
import { malformed, textOf, WireReader } from './wire-reader.ts';

/** Decodes the bytes of a special type; undefined when it is unset. */
export type SpecialDecoder = (bytes: Uint8Array) => unknown;

/** The types that need no tables. */
export const specialValues: ReadonlyMap<string, SpecialDecoder> = new Map<string, SpecialDecoder>([
  ['meta/v1.Time', (bytes) => timeOf(bytes, 'seconds')],
  ['meta/v1.MicroTime', (bytes) => timeOf(bytes, 'microseconds')],
  ['resource.Quantity', (bytes) => textField(bytes) || undefined],
  ['intstr.IntOrString', intOrString],
  ['meta/v1.FieldsV1', jsonField],
  ['apiextensions/v1.JSON', jsonField],
]);

/** The first field of a message that wraps bytes. */
export function wrappedBytes(message: Uint8Array): Uint8Array {
  const reader = new WireReader(message);
  let bytes = new Uint8Array();
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === 2) bytes = new Uint8Array(reader.bytes());
    else reader.skip(wire);
  }
  return bytes;
}

/** Parses embedded JSON; undefined for no bytes at all. */
export function embeddedJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(textOf(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed('embedded JSON that is none');
    throw error;
  }
}

function textField(message: Uint8Array): string {
  return textOf(wrappedBytes(message));
}

function jsonField(message: Uint8Array): unknown {
  return embeddedJson(wrappedBytes(message));
}

/** Seconds (1) and nanoseconds (2) since 1970; the empty message is the zero time, which stands for none. */
function timeOf(message: Uint8Array, precision: 'seconds' | 'microseconds'): string | undefined {
  if (message.length === 0) return undefined;
  const { numbers } = fieldsOf(message);
  const seconds = Number(BigInt.asIntN(64, numbers.get(1) ?? 0n));
  const nanoseconds = Number(BigInt.asIntN(32, numbers.get(2) ?? 0n));
  if (Math.abs(seconds) > 253_402_300_799 || nanoseconds < 0 || nanoseconds > 999_999_999)
    throw malformed('a time out of range');
  const whole = timestampOf(seconds * 1_000);
  if (precision === 'seconds') return whole;
  const micros = String(Math.floor(nanoseconds / 1_000)).padStart(6, '0');
  return `${whole.slice(0, -1)}.${micros}Z`;
}

/** Kind (1; 0 is a number), number (2), text (3). */
function intOrString(message: Uint8Array): number | string {
  const { numbers, texts } = fieldsOf(message);
  if ((numbers.get(1) ?? 0n) === 0n) return Number(BigInt.asIntN(32, numbers.get(2) ?? 0n));
  return texts.get(3) ?? '';
}

function fieldsOf(message: Uint8Array): {
  readonly numbers: ReadonlyMap<number, bigint>;
  readonly texts: ReadonlyMap<number, string>;
} {
  const numbers = new Map<number, bigint>();
  const texts = new Map<number, string>();
  const reader = new WireReader(message);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (wire === 0) numbers.set(number, reader.varint());
    else if (wire === 2) texts.set(number, textOf(reader.bytes()));
    else reader.skip(wire);
  }
  return { numbers, texts };
}
