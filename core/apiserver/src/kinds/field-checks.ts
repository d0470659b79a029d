// Small checks of single fields that many kinds share, in apimachinery's words.

import {
  type FieldError,
  type FieldPath,
  fieldInvalid,
  goSelector,
  type NameCheck,
  parseQuantity,
  quantityProblem,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { type Fields, numberAt, textAt } from '../draft.ts';

export const notNegative = 'must be greater than or equal to 0';
export const immutable = 'field is immutable';

/** The fields named that are numbers below 0. */
export function negativeProblems(
  fields: Fields,
  keys: readonly string[],
  base: FieldPath,
): readonly FieldError[] {
  return keys.flatMap((key) => {
    const value = numberAt(fields, key);
    if (value === undefined || value >= 0) return [];
    return [fieldInvalid(base.child(key), value, notNegative)];
  });
}

/** The fields named that differ from what they were. */
export function immutableProblems(
  fields: Fields,
  previous: Fields,
  { keys, base }: { readonly keys: readonly string[]; readonly base: FieldPath },
): readonly FieldError[] {
  return keys
    .filter((key) => !jsonEqual(fields[key] ?? null, previous[key] ?? null))
    .map((key) => fieldInvalid(base.child(key), fields[key] ?? null, immutable));
}

/** A selector that differs from what it was. */
export function selectorImmutable(
  fields: Fields,
  previous: Fields,
  base: FieldPath,
): readonly FieldError[] {
  const { selector } = fields;
  if (jsonEqual(selector ?? null, previous['selector'] ?? null)) return [];
  const shown = isJsonObject(selector) ? goSelector(selector) : null;
  return [fieldInvalid(base.child('selector'), shown, immutable)];
}

/** What a name check says of a field; an empty field is not asked about. */
export function namedProblems(
  fields: Fields,
  key: string,
  { base, check }: { readonly base: FieldPath; readonly check: NameCheck },
): readonly FieldError[] {
  const value = textAt(fields, key);
  if (value === '') return [];
  return check(value).map((text) => fieldInvalid(base.child(key), value, text));
}

/** Amounts of a list that are below nothing, shown as whole numbers. Rule: upstream's validateBasicResource. */
export function basicAmountProblems(amounts: Fields, base: FieldPath): readonly FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const text = String(amount);
    if (quantityProblem(text) !== undefined) return [];
    const { nanos } = parseQuantity(text);
    if (nanos > -1_000_000_000n) return [];
    const whole = Number(nanos / 1_000_000_000n);
    return [fieldInvalid(base.key(name), whole, 'must be a valid resource quantity')];
  });
}
