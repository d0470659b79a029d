// Numbers that may be shares: `3` or `"25%"`. Texts: upstream's apps validation.

import { type FieldError, type FieldPath, fieldInvalid } from '@tweendeck/kube';
import { notNegative } from './field-checks.ts';

const percent = /^[0-9]+%$/;
const percentText =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A number that is not negative, or a share. */
export function intOrPercentProblems(value: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof value === 'string') {
    return percent.test(value) ? [] : [fieldInvalid(at, value, percentText)];
  }
  return typeof value === 'number' && value < 0 ? [fieldInvalid(at, value, notNegative)] : [];
}

/** A share of more than everything. */
export function above100Problems(value: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof value !== 'string' || !percent.test(value)) return [];
  if (Number.parseInt(value, 10) <= 100) return [];
  return [fieldInvalid(at, value, 'must not be greater than 100%')];
}

/** The number before the sign of a share, or the number itself. */
export function intOrPercentValue(value: unknown): number {
  if (typeof value === 'number') return value;
  const text = String(value ?? 0);
  if (percent.test(text)) return Number.parseInt(text, 10);
  return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
}
