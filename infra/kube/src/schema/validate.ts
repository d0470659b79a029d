// Validates values against a schema as Kubernetes' kube-openapi does: same checks, same order, same texts, same choice of errors.

import { jsonEqual } from '@tweendeck/std';

import {
  type FieldError,
  fieldErrorText,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
} from '../field-error.ts';
import { goJson, goNumber, goQuote } from '../go-format.ts';
import { Pattern } from '../regex/pattern.ts';
import type { Correlation } from './correlation.ts';
import { formatCheck } from './formats.ts';
import { type JsonKind, jsonKind } from './json-kind.ts';
import { type JsonSchema, propertyOf } from './json-schema.ts';

/** Errors found, and how many checks passed: of several failed alternatives the one that got furthest is reported. */
interface Outcome {
  readonly errors: readonly FieldError[];
  readonly matches: number;
}

interface Place {
  readonly path: string;
  /** An unchanged value keeps its old errors: whoever did not break it need not mend it. */
  readonly old: Correlation | undefined;
}

/** A compiled check of one node. */
export type Validator = (value: unknown, place: Place) => Outcome;

export interface ValidatorOptions {
  /** As upstream looks at defaults: values are of the format that is said even where nobody knows it. */
  readonly ofDefaults?: boolean;
}

type Check = (value: unknown, place: Place, kind: JsonKind) => Outcome;

const passed: Outcome = { errors: [], matches: 0 };

function failed(...errors: FieldError[]): Outcome {
  return { errors, matches: 0 };
}

/** Compiles a schema. Children are compiled when first met. Bad patterns fail when used: checkSchema finds them before. */
export function compileValidator(schema: JsonSchema, options: ValidatorOptions = {}): Validator {
  const type = typeCheck(schema, options);
  const common = enumCheck(schema);
  const checks: readonly (readonly [readonly JsonKind[] | undefined, Check])[] = [
    ...(type ? ([[undefined, type]] as const) : []),
    [undefined, logicCheck(schema, options)],
    [['string'], stringCheck(schema)],
    ...formatChecks(schema),
    [['integer', 'number'], numberCheck(schema)],
    [['array'], arrayCheck(schema, options)],
    [undefined, common],
    [['object'], objectCheck(schema, options)],
  ];
  return (value, place) => {
    const kind = jsonKind(value);
    if (kind === 'null')
      return ratcheted(merge([type?.(value, place, kind), common(value, place, kind)]), place);
    let matches = 1;
    let found: FieldError[] | undefined;
    for (const [kinds, check] of checks) {
      if (kinds && !kinds.includes(kind)) continue;
      const { errors, matches: passes } = check(value, place, kind);
      matches += passes + 1;
      if (errors.length > 0) found = [...(found ?? []), ...errors];
    }
    return ratcheted({ matches, errors: found ? distinct(found) : passed.errors }, place);
  };
}

function ratcheted(outcome: Outcome, { old }: Place): Outcome {
  return outcome.errors.length > 0 && old?.isUnchanged ? passed : outcome;
}

function merge(outcomes: readonly (Outcome | undefined)[]): Outcome {
  let matches = 0;
  let errors: FieldError[] | undefined;
  for (const outcome of outcomes) {
    if (!outcome) continue;
    matches += outcome.matches;
    if (outcome.errors.length > 0) errors = [...(errors ?? []), ...outcome.errors];
  }
  return { matches, errors: errors ? distinct(errors) : passed.errors };
}

function distinct(errors: readonly FieldError[]): readonly FieldError[] {
  if (errors.length < 2) return errors;
  return [...new Map(errors.map((error) => [fieldErrorText(error), error])).values()];
}

function typeCheck(schema: JsonSchema, { ofDefaults }: ValidatorOptions): Check | undefined {
  const own = schema.type === undefined ? [] : [schema.type];
  const types = schema['x-kubernetes-int-or-string'] && !ofDefaults ? ['integer', 'string'] : own;
  const format = ofDefaults || formatCheck(schema.format) ? schema.format : undefined;
  const isOfNumbers = types.includes('integer') || types.includes('number');
  if (types.length === 0 && !format) return undefined;
  return (_value, { path }, kind) => {
    if (kind === 'null')
      return schema.nullable || types.length === 0
        ? fitting
        : wrongType(path, types.join(','), kind);
    if (types.includes(kind) || (kind === 'integer' && types.includes('number'))) return fitting;
    if (format) {
      // Upstream takes texts and lists for values of any format.
      const isText = kind === 'string' || kind === 'array';
      if (!isText && formatName(kind) !== format) return wrongType(path, format, formatName(kind));
      if (isText && !isOfNumbers) return fitting;
    }
    return wrongType(path, types.join(','), kind);
  };
}

const fitting: Outcome = { errors: [], matches: 1 };

/** The format a server infers from a number. */
function formatName(kind: JsonKind): string {
  return kind === 'integer' ? 'int64' : kind === 'number' ? 'float64' : '';
}

function wrongType(path: string, wanted: string, found: string): Outcome {
  const detail = `${path} in body must be of type ${wanted}: ${goQuote(found)}`;
  return failed(fieldTypeInvalid(path, found, detail));
}

function enumCheck({ enum: values }: JsonSchema): Check {
  if (!values || values.length === 0) return () => passed;
  const printed = values.map((value) => (typeof value === 'string' ? value : goJson(value)));
  return (value, { path }) =>
    values.some((each) => jsonEqual(each, value) || isCutTo(each, value))
      ? passed
      : failed(fieldNotSupported(path, value, printed));
}

/** Upstream converts the value to the type of the one it is compared with: 1.5 is 1. */
function isCutTo(integer: unknown, value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(integer) && Math.trunc(value) === integer;
}

function stringCheck({ minLength, maxLength, pattern }: JsonSchema): Check {
  let compiled: Pattern | undefined;
  const matches = (text: string): boolean => {
    if (pattern === undefined || pattern === '') return true;
    compiled ??= new Pattern(pattern);
    return compiled.test(text);
  };
  return (value, { path }) => {
    const text = String(value);
    if (maxLength !== undefined && text.length > maxLength && runes(text) > maxLength) {
      return failed(fieldTooLong(path, maxLength));
    }
    if (minLength !== undefined && runes(text) < minLength) {
      const detail = `${path} in body should be at least ${minLength} chars long`;
      return failed(fieldInvalid(path, text, detail));
    }
    if (matches(text)) return passed;
    return failed(fieldInvalid(path, text, `${path} in body should match '${pattern}'`));
  };
}

/** Characters as Kubernetes counts them: code points. */
function runes(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function formatChecks({ format }: JsonSchema): readonly (readonly [readonly JsonKind[], Check])[] {
  const check = formatCheck(format);
  if (!check) return [];
  return [
    [
      ['string'],
      (value, { path }) => {
        const text = String(value);
        if (check(text)) return passed;
        const detail = `${path} in body must be of type ${format}: ${goQuote(text)}`;
        return failed(fieldTypeInvalid(path, text, detail));
      },
    ],
  ];
}

function numberCheck(schema: JsonSchema): Check {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  return (value, { path }, kind) => {
    const number = value as number | bigint; // the check runs for numbers only
    const errors: FieldError[] = [];
    const complain = (detail: string): void => {
      errors.push(fieldInvalid(path, number, `${path} in body should be ${detail}`));
    };
    // Upstream cuts limits to integers where values are.
    const cut = (limit: number): number => (kind === 'integer' ? Math.trunc(limit) : limit);
    const factor = multipleOf === undefined ? undefined : cut(multipleOf);
    if (factor !== undefined && factor <= 0) {
      const detail = `factor MultipleOf declared for ${path} must be positive: ${goNumber(factor)}`;
      errors.push(fieldInvalid(path, factor, detail));
    } else if (factor !== undefined && !isMultiple(number, factor)) {
      complain(`a multiple of ${goNumber(factor)}`);
    }
    const [least, most] = [minimum, maximum].map((each) => (each !== undefined ? cut(each) : each));
    if (most !== undefined && (exclusiveMaximum ? number >= most : number > most)) {
      complain(`less than ${exclusiveMaximum ? '' : 'or equal to '}${goNumber(most)}`);
    }
    if (least !== undefined && (exclusiveMinimum ? number <= least : number < least)) {
      complain(`greater than ${exclusiveMinimum ? '' : 'or equal to '}${goNumber(least)}`);
    }
    return { errors, matches: 1 };
  };
}

function isMultiple(value: number | bigint, factor: number): boolean {
  const quotient = factor < 1 ? (1 / factor) * Number(value) : Number(value) / factor;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
}

function arrayCheck(schema: JsonSchema, options: ValidatorOptions): Check {
  const { items, minItems, maxItems, uniqueItems } = schema;
  let itemValidator: Validator | undefined;
  return (value, { path, old }) => {
    const list = value as readonly unknown[]; // the check runs for arrays only
    const outcomes: Outcome[] = [];
    if (items) {
      itemValidator ??= compileValidator(items, options);
      for (const [index, item] of list.entries()) {
        const place = { path: `${path}[${index}]`, old: old?.item(item) };
        outcomes.push(itemValidator(item, place));
      }
    }
    const errors: FieldError[] = [];
    if (minItems !== undefined && list.length < minItems) {
      const detail = `${path} in body should have at least ${minItems} items`;
      errors.push(fieldInvalid(path, list.length, detail));
    }
    if (maxItems !== undefined && list.length > maxItems) {
      errors.push(fieldTooMany(path, { items: list.length, itemsMax: maxItems }));
    }
    if (uniqueItems && hasRepetition(list)) {
      errors.push(fieldInvalid(path, '', `${path} in body shouldn't contain duplicates`));
    }
    return merge([...outcomes, { errors, matches: 1 }]);
  };
}

function hasRepetition(list: readonly unknown[]): boolean {
  return new Set(list.map(goJson)).size < list.length;
}

function objectCheck(schema: JsonSchema, options: ValidatorOptions): Check {
  const { additionalProperties, required, minProperties, maxProperties } = schema;
  const validators = new Map<JsonSchema, Validator>();
  const validatorOf = (child: JsonSchema): Validator => {
    const known = validators.get(child) ?? compileValidator(child, options);
    validators.set(child, known);
    return known;
  };
  return (value, { path, old }) => {
    const object = value as Readonly<Record<string, unknown>>; // the check runs for objects only
    const keys = Object.keys(object);
    const errors: FieldError[] = [];
    let matches = 0;
    if (minProperties !== undefined && keys.length < minProperties) {
      const detail = `${path} in body should have at least ${minProperties} properties`;
      errors.push(fieldInvalid(path, keys.length, detail));
    }
    if (maxProperties !== undefined && keys.length > maxProperties) {
      errors.push(fieldTooMany(path, { items: keys.length, itemsMax: maxProperties }));
    }
    for (const key of keys) {
      const own = propertyOf(schema, key);
      if (!own && additionalProperties === false) {
        errors.push(fieldInvalid(path, key, `${path}.${key} in body is a forbidden property`));
      }
      const child =
        own ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
      if (!child) continue;
      const outcome = validatorOf(child)(
        object[key],
        memberPlace(own ? join(path, key) : `${path}.${key}`, key, old),
      );
      matches += outcome.matches;
      errors.push(...outcome.errors);
    }
    for (const name of required ?? []) {
      if (!Object.hasOwn(object, name)) errors.push(fieldRequired(join(path, name)));
    }
    return errors.length > 0 ? { errors: distinct(errors), matches } : { errors, matches };
  };
}

function memberPlace(path: string, key: string, old: Correlation | undefined): Place {
  const isEnvelope = path === key && (key === 'kind' || key === 'apiVersion');
  return { path, old: isEnvelope ? undefined : old?.member(key) };
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function logicCheck({ allOf, anyOf, oneOf, not }: JsonSchema, options: ValidatorOptions): Check {
  const compile = (each: JsonSchema): Validator => compileValidator(each, options);
  if (!allOf && !anyOf && !oneOf && !not) return () => ({ errors: [], matches: 1 });
  const all = allOf?.map(compile) ?? [];
  const any = anyOf?.map(compile) ?? [];
  const one = oneOf?.map(compile) ?? [];
  const none = not && compile(not);
  return (value, place) =>
    merge([
      ...checkAny(any, value, place),
      ...checkOne(one, value, place),
      ...checkAll(all, value, place),
      none && none(value, place).errors.length === 0
        ? logicFailure(place, 'must not validate the schema (not)')
        : undefined,
      { errors: [], matches: 1 },
    ]);
}

/** Failures of whole alternatives name no field: that is how the server prints them. */
function logicFailure({ path }: Place, message: string): Outcome {
  return failed(fieldInvalid('', '', `${goQuote(path)} ${message}`));
}

function furthest(outcomes: readonly Outcome[]): Outcome | undefined {
  let best: Outcome | undefined;
  for (const outcome of outcomes) if (!best || outcome.matches > best.matches) best = outcome;
  return best;
}

function checkAny(
  validators: readonly Validator[],
  value: unknown,
  place: Place,
): (Outcome | undefined)[] {
  if (validators.length === 0) return [];
  const outcomes: Outcome[] = [];
  for (const validator of validators) {
    const outcome = validator(value, place);
    if (outcome.errors.length === 0) return [outcome];
    outcomes.push(outcome);
  }
  return [logicFailure(place, 'must validate at least one schema (anyOf)'), furthest(outcomes)];
}

function checkOne(
  validators: readonly Validator[],
  value: unknown,
  place: Place,
): (Outcome | undefined)[] {
  if (validators.length === 0) return [];
  const outcomes = validators.map((validator) => validator(value, place));
  const valid = outcomes.filter((outcome) => outcome.errors.length === 0);
  if (valid.length === 1) return valid;
  const found =
    valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
  return [
    logicFailure(place, `must validate one and only one schema (oneOf). ${found}`),
    valid.length === 0 ? furthest(outcomes) : undefined,
  ];
}

function checkAll(
  validators: readonly Validator[],
  value: unknown,
  place: Place,
): (Outcome | undefined)[] {
  if (validators.length === 0) return [];
  const outcomes = validators.map((validator) => validator(value, place));
  const validCount = outcomes.filter((outcome) => outcome.errors.length === 0).length;
  if (validCount === outcomes.length) return outcomes;
  const hint = validCount === 0 ? '. None validated' : '';
  return [...outcomes, logicFailure(place, `must validate all the schemas (allOf)${hint}`)];
}
