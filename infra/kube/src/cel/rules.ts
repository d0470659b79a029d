// The `x-kubernetes-validations` of a schema: where they stand, and what they say of an object.

import { isJsonObject } from '@tweendeck/std';
import {
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  path,
} from '../field-error.ts';
import type { ValidationRule } from '../generated/kinds.ts';
import type { Correlation } from '../schema/correlation.ts';
import { type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { CostExceeded } from './evaluate.ts';
import { scopeOf } from './expression.ts';
import { fieldPathOf } from './field-path.ts';
import { type CompiledRule, compileRule } from './rule.ts';
import { problemsOfRules } from './rule-problems.ts';
import { type Declared, declareSchema, isDeclarable } from './schema-values.ts';
import { optionalType } from './type.ts';
import { Failure, looked, Optional, type Outcome } from './value.ts';

/** Upstream's limits: of one evaluation, and of all that an object is put to. */
const evaluationCostMax = 1_000_000;
const objectCostMax = 10_000_000;

const messageBytesMax = 5_120;
const requestBytesMax = 3 * 1_024 * 1_024;

/** A place of a schema with rules at it or below it. */
export interface RuleNode {
  readonly schema: JsonSchema;
  readonly at: FieldPath;
  /** How rules see values here; undefined: they cannot, or there are none. */
  readonly self: Declared | undefined;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly additional: RuleNode | undefined;
  readonly items: RuleNode | undefined;
  /** The highest place above whose parts have no old value of their own. */
  readonly uncorrelated: FieldPath | undefined;
  /** How many values there can be here in one object. */
  readonly occurrencesMax: number;
}

/** The compiled rules of a schema. Evaluation never waits. */
export interface CompiledRules {
  /** What is wrong with the rules, but for their texts. `schemaErrors`: rules of schemas with errors are left out. */
  problems(schemaErrors: readonly FieldError[]): readonly FieldError[];
  /**
   * What the rules say of an object; `old` is given on update. Stops when the object has cost too much. `ratchets`: errors
   * of what did not change are let pass.
   */
  validate(
    value: unknown,
    old?: Correlation,
    options?: { readonly ratchets: boolean },
  ): readonly FieldError[];
}

/** Compiles every rule of a schema that stands at `base`. `whole`: it describes whole objects, whose names rules may read. */
export function compileRules(
  schema: JsonSchema,
  base: FieldPath,
  { whole }: { readonly whole: boolean },
): CompiledRules {
  const root = buildNode(schema, { at: base, whole, uncorrelated: undefined, countMax: 1 });
  return {
    problems(schemaErrors) {
      if (!root) return [];
      const atRoot = `${base.child('nullable')}`; // upstream looks at that one elsewhere
      const wrong = schemaErrors.flatMap((error) =>
        error.field === atRoot ? [] : [`${reporterOf(error)}.`],
      );
      const isBlocked = (at: FieldPath): boolean =>
        wrong.some((field) => field.startsWith(`${at}.`) || field.startsWith(`${at}[`));
      return problemsOfRules({ ...root, at: base }, isBlocked);
    },
    validate(value, old, { ratchets } = { ratchets: false }) {
      if (!root) return [];
      const errors: FieldError[] = [];
      const budget = { left: objectCostMax };
      try {
        const kept = ratchets ? old : undefined;
        evaluateNode(root, { value, old, kept, above: undefined, at: path(), errors, budget });
      } catch (error) {
        if (!(error instanceof OutOfBudget)) throw error;
      }
      return errors;
    },
  };
}

const toldByParents =
  /parent array|in x-kubernetes-list-map-keys, so|as item of a list|cannot be nullable when/;
const toldByHolder = /mutual exclusive/;

/** The place, or one below it, whose check found an error: some errors of items and the like are found by what holds them. */
function reporterOf({ field, detail = '' }: FieldError): string {
  if (toldByHolder.test(detail)) return field.replace(/\.additionalProperties$/, '');
  if (!toldByParents.test(detail)) return field;
  return field.replace(/\.(?:items\.(?:properties\[[^\]]*\]\.)?[^.[]+|additionalProperties)$/, '');
}

interface Building {
  readonly at: FieldPath;
  readonly whole: boolean;
  readonly uncorrelated: FieldPath | undefined;
  /** How many values there can be here; undefined: nobody says. */
  readonly countMax: number | undefined;
}

function buildNode(schema: JsonSchema, building: Building): RuleNode | undefined {
  const { at, uncorrelated, countMax } = building;
  const childCountMax = countOf(schema, countMax);
  const child = (each: JsonSchema, below: FieldPath, correlates: boolean): RuleNode | undefined =>
    buildNode(each, {
      whole: each['x-kubernetes-embedded-resource'] === true,
      at: below,
      uncorrelated: uncorrelated ?? (correlates ? undefined : at),
      countMax: childCountMax,
    });
  const correlates = [undefined, 'atomic', 'granular'].includes(schema['x-kubernetes-map-type']);
  const properties = new Map<string, RuleNode>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = child(property, at.child('properties').key(name), correlates);
    if (node) properties.set(name, node);
  }
  const additional =
    typeof schema.additionalProperties === 'object'
      ? child(schema.additionalProperties, at.child('additionalProperties'), correlates)
      : undefined;
  const items = schema.items
    ? child(schema.items, at.child('items'), schema['x-kubernetes-list-type'] === 'map')
    : undefined;
  const own = schema['x-kubernetes-validations'] ?? [];
  if (own.length === 0 && properties.size === 0 && !additional && !items) return undefined;
  const self =
    own.length > 0 ? declareSchema(schema, { name: 'selfType', whole: building.whole }) : undefined;
  const rules = self ? compileOwn(own, self) : [];
  const occurrencesMax = countMax ?? Math.floor(requestBytesMax / ((self?.bytesMin ?? 0) + 1));
  return { schema, at, self, rules, properties, additional, items, uncorrelated, occurrencesMax };
}

/** How many values a part of a schema can have, when the schema has at most `countMax` itself. */
function countOf(schema: JsonSchema, countMax: number | undefined): number | undefined {
  if (countMax === undefined) return undefined;
  const { type, additionalProperties, maxProperties, maxItems } = schema;
  const each =
    type === 'object' && additionalProperties ? maxProperties : type === 'array' ? maxItems : 1;
  return each === undefined ? undefined : countMax * Math.max(each, 0);
}

function compileOwn(own: readonly ValidationRule[], self: Declared): readonly CompiledRule[] {
  const scope = (oldSelf: Declared['type']) =>
    scopeOf(
      new Map([
        ['self', self.type],
        ['oldSelf', oldSelf],
      ]),
      [self],
    );
  const plain = scope(self.type);
  const optional = scope(optionalType(self.type));
  return own.map((rule) => compileRule(rule, rule.optionalOldSelf ? optional : plain, self));
}

class OutOfBudget extends Error {
  override name = 'OutOfBudget';
}

interface Evaluation {
  readonly value: unknown;
  /** Where rules find the old value. */
  readonly old: Correlation | undefined;
  /** By which errors of what did not change are let pass: here, or at the nearest place above that has an old value. */
  readonly kept: Correlation | undefined;
  readonly above: Correlation | undefined;
  readonly at: FieldPath;
  /** Whether no type leads here, as below what may be an integer or a text: rules that stand here all the same fail. */
  readonly isUntyped?: boolean;
  readonly errors: FieldError[];
  readonly budget: { left: number };
}

function evaluateNode(node: RuleNode, evaluation: Evaluation): void {
  const { value, at, old, kept, above } = evaluation;
  const { schema } = node;
  if (value === null || value === undefined) return;
  evaluateRules(node, evaluation);
  const isUntyped = evaluation.isUntyped || schema['x-kubernetes-int-or-string'] === true;
  const below = (part: Pick<Evaluation, 'value' | 'old' | 'at' | 'kept'>): Evaluation => ({
    ...evaluation,
    above: kept ?? above,
    isUntyped,
    ...part,
  });
  if (Array.isArray(value)) {
    const { items } = node;
    if (!items) return;
    for (const [index, item] of value.entries()) {
      const place = { value: item, at: at.index(index) };
      evaluateNode(items, below({ ...place, old: old?.item(item), kept: kept?.item(item) }));
    }
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const property = node.properties.get(key);
      const isOwn = propertyOf(schema, key) !== undefined;
      const child = property ?? (isOwn ? undefined : node.additional);
      // Upstream has no rules at and below what it has no type for.
      const isMap = typeof schema.additionalProperties === 'object';
      const isHidden = property && (isMap || isUntyped || !isDeclarable(property.schema));
      if (!child || isHidden) continue;
      const place = { value: value[key], at: property ? at.child(key) : at.key(key) };
      evaluateNode(child, below({ ...place, old: old?.member(key), kept: kept?.member(key) }));
    }
  }
}

function evaluateRules(node: RuleNode, evaluation: Evaluation): void {
  const { value, old, kept, above, at, errors } = evaluation;
  const { self, schema } = node;
  if ((schema['x-kubernetes-validations'] ?? []).length === 0) return;
  if (!self || evaluation.isUntyped) {
    errors.push(fieldInvalid(at, schema.type ?? '', noDeclaration));
    return;
  }
  const hasOld = old !== undefined && old.old !== null && old.old !== undefined;
  const plain = new Map<string, Outcome>([['self', looked(self.convert(value))]]);
  const oldSelf = hasOld ? self.convert(old.old) : undefined;
  if (oldSelf !== undefined) plain.set('oldSelf', looked(oldSelf));
  const optional = new Map(plain).set('oldSelf', new Optional(oldSelf));
  for (const rule of node.rules) {
    const { optionalOldSelf } = rule.source;
    if (rule.usesOldSelf && !hasOld && !optionalOldSelf) continue;
    const variables = optionalOldSelf ? optional : plain;
    const error = evaluateRule(rule, node, { ...evaluation, variables, plain });
    // Whoever did not break it need not mend it, but for transitions and what cannot be evaluated.
    const ratchets = error?.ratchets && !rule.usesOldSelf && (kept ?? above)?.isUnchanged;
    if (error && !ratchets) errors.push(error.error);
  }
}

const noDeclaration =
  'rule compiler initialization error: failed to convert to declType for CEL validation rules';

interface RuleEvaluation extends Evaluation {
  readonly variables: ReadonlyMap<string, Outcome>;
  /** As message expressions see them. */
  readonly plain: ReadonlyMap<string, Outcome>;
}

/** What a rule says, unless it holds. */
function evaluateRule(
  rule: CompiledRule,
  { schema }: RuleNode,
  evaluation: RuleEvaluation,
): { readonly error: FieldError; readonly ratchets: boolean } | undefined {
  const { at, variables, errors, budget } = evaluation;
  const { source, expression } = rule;
  const type = schema.type ?? '';
  if (!expression) {
    if (source.rule.trim() === '') return undefined;
    const detail = `rule compile error: ${rule.problems[0]?.detail}`;
    return { error: fieldInvalid(at, type, detail), ratchets: false };
  }
  const stop = (detail: string): never => {
    errors.push(fieldInvalid(at, type, detail));
    throw new OutOfBudget();
  };
  if (budget.left <= 0) stop(outOfBudget);
  const { outcome, cost } = expression.evaluate(variables, evaluationCostMax);
  if (cost > budget.left) stop(outOfBudget);
  budget.left -= cost;
  if (outcome instanceof Failure) {
    const told = (source.message || source.rule).trim();
    if (outcome.message === new CostExceeded().message)
      stop(
        `'${outcome.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${told}`,
      );
    return { error: fieldInvalid(at, type, failureText(outcome, told)), ratchets: false };
  }
  if (outcome === true) return undefined;
  const blamed = blamedPath(source, schema, at);
  const detail = messageOf(rule, evaluation);
  return { error: failure(source, { at: blamed, type, detail }), ratchets: true };
}

const outOfBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run';

function failureText({ message }: Failure, told: string): string {
  return message.startsWith('no such overload')
    ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${told}`
    : `${message} evaluating rule: ${told}`;
}

function blamedPath({ fieldPath }: ValidationRule, schema: JsonSchema, at: FieldPath): FieldPath {
  const below = fieldPath ? fieldPathOf(fieldPath, schema) : undefined;
  return below ? at.child(String(below)) : at;
}

function failure(
  { reason }: ValidationRule,
  { at, type, detail }: { readonly at: FieldPath; readonly type: string; readonly detail: string },
): FieldError {
  if (reason === 'FieldValueForbidden') return fieldForbidden(at, detail);
  if (reason === 'FieldValueRequired') return fieldRequired(at, detail);
  if (reason === 'FieldValueDuplicate') return fieldDuplicate(at, type);
  return fieldInvalid(at, type, detail);
}

/** The message expression's text, unless it fails, is empty, too long or breaks lines; then the message; then the rule. */
function messageOf({ message, source }: CompiledRule, { plain, budget }: RuleEvaluation): string {
  const fallback = source.message ? source.message.trim() : `failed rule: ${source.rule.trim()}`;
  if (!message) return fallback;
  const { outcome, cost } = message.evaluate(plain, evaluationCostMax);
  budget.left -= cost;
  if (typeof outcome !== 'string') return fallback;
  const text = outcome.trim();
  const fits = text !== '' && !/[\n\r]/.test(text) && Buffer.byteLength(text) <= messageBytesMax;
  return fits ? text : fallback;
}
