// Kubernetes quantities (`500m`, `2Gi`, `1e3`): exact arithmetic, and the canonical text. Rules: apimachinery's api/resource.

import { PlatformError } from '@tweendeck/std';

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** An exact amount. Kubernetes keeps nothing finer than a nano, so an integer number of nanos holds every quantity. */
export interface Quantity {
  readonly nanos: bigint;
  /** How it is printed. */
  readonly format: QuantityFormat;
}

/** Digits a number may have, and the largest exponent: bounds of ours against texts made to cost time. */
const digitsMax = 400;
const exponentMax = 400;

const nano = 1_000_000_000n;
const binaryMax = (2n ** 63n - 1n) * nano;

export const quantityMessages: Readonly<Record<'format' | 'numeric' | 'suffix', string>> = {
  format:
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  numeric: 'unable to parse numeric part of quantity',
  suffix: "unable to parse quantity's suffix",
};

const shape = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

interface Suffix {
  readonly base: 2n | 10n;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** Parses a quantity as JSON carries it, a text or a number. @throws PlatformError QUANTITY_INVALID with Kubernetes' words. */
export function parseQuantity(text: string | number): Quantity {
  const parsed = readQuantity(String(text));
  if (typeof parsed !== 'string') return parsed;
  throw new PlatformError('QUANTITY_INVALID', parsed, {
    hint: 'Write a number with an optional suffix, such as 500m, 2, 1.5Gi or 1e3.',
  });
}

/** What is wrong with a text that should be a quantity, in Kubernetes' words; undefined when it is one. */
export function quantityProblem(text: string | number): string | undefined {
  const parsed = readQuantity(String(text));
  return typeof parsed === 'string' ? parsed : undefined;
}

const int64DigitsMax = 18;

/** How upstream holds an amount: as an integer of 64 bits, as one and a power of ten below it, or as a long decimal. */
export type QuantityHolding = 'integer' | 'fraction' | 'decimal';

/** That depends on how the text was written, not on its value. */
export function quantityHolding(text: string): QuantityHolding {
  const match = shape.exec(text);
  const [, , whole = '', fraction = '', suffixText = ''] = match ?? [];
  const suffix = suffixOf(suffixText);
  if (!match || !suffix) return 'decimal';
  const digits = whole.replace(/^0+/, '') || '0';
  const isDecimal = suffix.base === 10n;
  const precision = isDecimal
    ? int64DigitsMax - digits.length - fraction.length
    : 14 - digits.length - Math.trunc((suffix.exponent * 3) / 10);
  const exponent = isDecimal ? suffix.exponent - fraction.length : 0;
  if (precision < 0 || exponent < -9 || (!isDecimal && fraction !== '')) return 'decimal';
  if (exponent < 0) return 'fraction';
  const factor = isDecimal ? 10n ** BigInt(exponent) : 2n ** BigInt(suffix.exponent);
  const value = BigInt(`${digits}${fraction}`) * factor;
  return BigInt.asIntN(64, value) === value ? 'integer' : 'decimal';
}

function readQuantity(text: string): Quantity | string {
  const match = shape.exec(text);
  if (text === '' || !match) return quantityMessages.format;
  const [, sign = '', whole = '', fraction = '', suffixText = ''] = match;
  const suffix = suffixOf(suffixText);
  if (suffix === undefined) return quantityMessages.suffix;
  if (whole.length + fraction.length > digitsMax) return quantityMessages.numeric;
  // The original takes a suffix alone for nothing of it, except where its fast path cannot hold the suffix.
  const isFast = suffix.base === 2n ? suffix.exponent <= 40 : suffix.exponent >= -9;
  if (whole === '' && fraction === '' && !isFast) return quantityMessages.numeric;
  const size = scale(BigInt(`${whole}${fraction}` || '0'), fraction.length, suffix);
  const format =
    suffix.format === 'BinarySI' && size > 0n && size < nano ? 'DecimalSI' : suffix.format;
  const bounded = suffix.format === 'BinarySI' && size > binaryMax ? binaryMax : size;
  return { nanos: sign === '-' ? -bounded : bounded, format };
}

function suffixOf(text: string): Suffix | undefined {
  const decimal = decimalSuffixes.indexOf(text);
  if (decimal >= 0) return { base: 10n, exponent: (decimal - 3) * 3, format: 'DecimalSI' };
  const binary = binarySuffixes.indexOf(text);
  if (binary > 0) return { base: 2n, exponent: binary * 10, format: 'BinarySI' };
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(text)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > exponentMax) return undefined;
  return { base: 10n, exponent: Number(exponent), format: 'DecimalExponent' };
}

/** Nanos of digits * 10^-places * base^exponent, rounded up: who asks for little gets something. */
function scale(digits: bigint, places: number, { base, exponent }: Suffix): bigint {
  const binary = base === 2n ? 2n ** BigInt(exponent) : 1n;
  const shift = 9 - places + (base === 10n ? exponent : 0);
  if (shift >= 0) return digits * binary * 10n ** BigInt(shift);
  return divideAwayFromZero(digits * binary, 10n ** BigInt(-shift));
}

function divideAwayFromZero(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (quotient * divisor === dividend) return quotient;
  return dividend > 0n ? quotient + 1n : quotient - 1n;
}

/** The canonical text: no fraction, the largest suffix that keeps it exact. Binary amounts below 1Ki print as decimal. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  if (format === 'BinarySI' && fitsBinary(nanos)) return formatBinary(nanos / nano);
  return formatDecimal(nanos, format === 'DecimalExponent' ? 'DecimalExponent' : 'DecimalSI');
}

function fitsBinary(nanos: bigint): boolean {
  const size = nanos < 0n ? -nanos : nanos;
  return size >= 1_024n * nano && size % nano === 0n;
}

function formatBinary(amount: bigint): string {
  let rest = amount;
  let step = 0;
  while (rest % 1_024n === 0n && step < binarySuffixes.length - 1) {
    rest /= 1_024n;
    step++;
  }
  return `${rest}${binarySuffixes[step] ?? ''}`;
}

function formatDecimal(nanos: bigint, format: QuantityFormat): string {
  let rest = nanos;
  let exponent = -9;
  while (rest % 1_000n === 0n) {
    rest /= 1_000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
  // Beyond E there is no suffix, and upstream prints none: 9000E comes back as 9.
  return `${rest}${decimalSuffixes[exponent / 3 + 3] ?? ''}`;
}

/** Negative, zero or positive as `left` is less than, equal to or more than `right`; formats do not count. */
export function compareQuantities(left: Quantity, right: Quantity): number {
  return left.nanos < right.nanos ? -1 : left.nanos > right.nanos ? 1 : 0;
}

/** The sum, in the format of `left` unless that is zero. */
export function addQuantities(left: Quantity, right: Quantity): Quantity {
  const format = left.nanos === 0n ? right.format : left.format;
  return { nanos: left.nanos + right.nanos, format };
}

/** The difference, in the format of `left` unless that is zero. */
export function subtractQuantities(left: Quantity, right: Quantity): Quantity {
  const format = left.nanos === 0n ? right.format : left.format;
  return { nanos: left.nanos - right.nanos, format };
}

/** The integer next to the amount, away from zero. */
export function quantityValue(quantity: Quantity): bigint {
  return divideAwayFromZero(quantity.nanos, nano);
}

/** Thousandths, rounded away from zero: milli-CPUs. */
export function quantityMilliValue(quantity: Quantity): bigint {
  return divideAwayFromZero(quantity.nanos, 1_000_000n);
}

/** An integer amount as a quantity. @throws RangeError for a number that is no integer. */
export function quantityOf(
  amount: number | bigint,
  format: QuantityFormat = 'DecimalSI',
): Quantity {
  return { nanos: BigInt(amount) * nano, format };
}
