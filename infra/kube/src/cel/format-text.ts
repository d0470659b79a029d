// `"%s has %d".format([name, count])`: the strings extension's formatting.

import { goQuote } from '../go-format.ts';
import { typeNameOf } from './compare-values.ts';
import { toText } from './conversions.ts';
import {
  CelList,
  CelMap,
  CelObject,
  type CelValue,
  Duration,
  Failure,
  type Outcome,
  Timestamp,
  TypeValue,
  Uint,
} from './value.ts';

/** A percent sign, or a precision and what to print. */
export const formatClause: RegExp = /%(?:%|(\.\d*)?(.)|$)/gsu;

export const noPrecision: string =
  'could not parse formatting clause: error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax';

/** The text with its clauses replaced by the arguments, in order. */
export function formatText(text: string, args: readonly CelValue[]): Outcome {
  let next = 0;
  let failure: Failure | undefined;
  const result = text.replaceAll(
    formatClause,
    (all: string, precision: string | undefined, verb: string | undefined) => {
      if (failure) return '';
      if (all === '%%') return '%';
      if (verb === undefined) {
        failure = new Failure('unexpected end of string');
        return '';
      }
      if (precision === '.') {
        failure = new Failure(noPrecision);
        return '';
      }
      const arg = args[next];
      if (arg === undefined) {
        failure = new Failure(`index ${next} out of range`);
        return '';
      }
      next++;
      const digits = precision === undefined ? 6 : Number(precision.slice(1));
      const formatted = formatOne(verb, arg, digits);
      if (typeof formatted === 'string') return formatted;
      failure = formatted;
      return '';
    },
  );
  if (failure) return failure;
  if (next < args.length)
    return new Failure(
      `too many arguments supplied to string.format (expected ${next}, got ${args.length})`,
    );
  return result;
}

function formatOne(verb: string, arg: CelValue, digits: number): string | Failure {
  switch (verb) {
    case 's':
      return spelled(arg);
    case 'd':
      if (typeof arg === 'bigint') return String(arg);
      if (arg instanceof Uint) return String(arg.value);
      return wrongType('decimal', 'integer', arg);
    case 'f':
      return decimals(arg, 'fixed-point', (value) => grouped(fixed(value, digits)));
    case 'e': {
      const print = (value: number): string =>
        scientific(value.toExponential(Math.min(digits, 100)));
      // What is not finite is as wide as there would be digits.
      return decimals(arg, 'scientific', print, digits);
    }
    case 'b':
      if (typeof arg === 'boolean') return arg ? '1' : '0';
      return inBase(arg, 2) ?? wrongBinary(arg);
    case 'x':
    case 'X': {
      const text = hexadecimal(arg);
      return text instanceof Failure || verb === 'x' ? text : text.toUpperCase();
    }
    case 'o':
      return inBase(arg, 8) ?? wrongType('octal', 'integers', arg);
    default:
      return new Failure(
        `could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(verb)}`,
      );
  }
}

function infinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
}

/** All digits of the whole part, which JavaScript's own leaves out from 1e21 on. */
function fixed(value: number, digits: number): string {
  const kept = Math.min(digits, 100);
  if (Math.abs(value) < 1e21) return value.toFixed(kept);
  return `${BigInt(value)}${kept > 0 ? `.${'0'.repeat(kept)}` : ''}`;
}

/** Thousands apart, as in American English. */
function grouped(text: string): string {
  return text.replace(/^-?\d+/, (whole) => whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ','));
}

function scientific(text: string): string {
  const [mantissa = '', exponent = ''] = text.split('e');
  const digits = exponent.replace(/^[+-]/, '').padStart(2, '0');
  const raised = [...digits].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(digit))).join('');
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${raised}`;
}

function wrongType(what: string, wanted: string, arg: CelValue): Failure {
  return new Failure(
    `error during formatting: ${what} clause can only be used on ${wanted === 'integer' ? 'integers' : wanted}, was given ${typeNameOf(arg)}`,
  );
}

function wrongBinary(arg: CelValue): Failure {
  return new Failure(
    `error during formatting: only integers and bools can be formatted as binary, was given ${typeNameOf(arg)}`,
  );
}

function decimals(
  arg: CelValue,
  what: string,
  print: (value: number) => string,
  width = 0,
): string | Failure {
  if (typeof arg === 'number' && Number.isFinite(arg)) return print(arg);
  if (typeof arg === 'number' || arg === 'NaN' || arg === 'Infinity' || arg === '-Infinity')
    return infinite(Number(arg)).padStart(width);
  return new Failure(
    `error during formatting: ${what} clause can only be used on doubles, was given ${typeNameOf(arg)}`,
  );
}

function inBase(arg: CelValue, base: number): string | undefined {
  if (typeof arg === 'bigint') return arg.toString(base);
  return arg instanceof Uint ? arg.value.toString(base) : undefined;
}

function hexadecimal(arg: CelValue): string | Failure {
  const number = inBase(arg, 16);
  if (number !== undefined) return number;
  if (typeof arg === 'string') return Buffer.from(arg).toString('hex');
  if (arg instanceof Uint8Array) return Buffer.from(arg).toString('hex');
  return new Failure(
    `error during formatting: only integers, byte buffers, and strings can be formatted as hex, was given ${typeNameOf(arg)}`,
  );
}

const stringTypes =
  'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps';

function spelled(value: CelValue): string | Failure {
  if (value === null) return 'null';
  if (value instanceof TypeValue) return value.type.name;
  if (value instanceof CelList) return listText(value);
  if (value instanceof CelMap) return mapText([...value.entries.values()]);
  const text = isPlain(value) ? toText(value) : undefined;
  if (text instanceof Failure)
    return new Failure(`could not convert argument ${JSON.stringify(text.message)} to string`);
  if (typeof text === 'string') return text;
  return new Failure(
    `error during formatting: string clause can only be used on ${stringTypes}, was given ${typeNameOf(value)}`,
  );
}

function isPlain(value: CelValue): boolean {
  return (
    typeof value !== 'object' ||
    value instanceof Uint ||
    value instanceof Uint8Array ||
    value instanceof Timestamp ||
    value instanceof Duration
  );
}

function listText({ items }: CelList): string | Failure {
  const parts: string[] = [];
  for (const item of items) {
    const part = member(item);
    if (part instanceof Failure) return part;
    parts.push(part);
  }
  return `[${parts.join(', ')}]`;
}

function mapText(entries: readonly (readonly [CelValue, CelValue])[]): string | Failure {
  const parts: string[] = [];
  for (const [key, value] of entries) {
    const keyText = typeof key === 'string' ? goQuote(key) : spelled(key);
    const valueText = member(value);
    if (keyText instanceof Failure) return keyText;
    if (valueText instanceof Failure) return valueText;
    parts.push(`${keyText}:${valueText}`);
  }
  return `{${parts.sort().join(', ')}}`;
}

/** A value within a list or a map, as an expression would write it. */
function member(value: CelValue): string | Failure {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString())}`;
  if (typeof value === 'number')
    return Number.isFinite(value)
      ? value.toFixed(6)
      : goQuote(Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf');
  if (value instanceof CelObject) return mapText([...value.fields]);
  if (value instanceof TypeValue) return `type(${value.type.name})`;
  if (value instanceof Timestamp || value instanceof Duration)
    return `${value instanceof Timestamp ? 'timestamp' : 'duration'}(${goQuote(String(toText(value)))})`;
  if (
    !isPlain(value) &&
    value !== null &&
    !(value instanceof CelList) &&
    !(value instanceof CelMap)
  )
    return new Failure(`no formatting function for ${typeNameOf(value)}`);
  return spelled(value);
}
