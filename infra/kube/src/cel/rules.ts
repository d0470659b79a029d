// The `x-kubernetes-validations` of a schema: where they stand, what is wrong with them, and what they say of an object.

import { Optional } from '@marcbachmann/cel-js';
import { isJsonObject, jsonEqual } from '@tweendeck/std';

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
import { type Old, oldItem, oldMember } from '../schema/correlation.ts';
import { type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { CostExceeded, CostMeter, type Sizes } from './budget.ts';
import { celEnvironment } from './library.ts';
import { type CompiledRule, compileRule } from './rule.ts';
import { type CelType, declareType, dynamicType } from './values.ts';

/** Units of work that all rules may do on one object: about a second of one processor at the very worst. */
const ruleCostMax = 1_000_000;

const messageBytesMax = 5_120;

/** A place of a schema with rules at it or below it. */
interface RuleNode {
  readonly schema: JsonSchema;
  readonly at: FieldPath;
  readonly type: CelType | undefined;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly additional: RuleNode | undefined;
  readonly items: RuleNode | undefined;
  /** The highest place above whose parts have no old value of their own. */
  readonly uncorrelated: FieldPath | undefined;
}

/** The compiled rules of a schema. Not for use by two evaluations at once; evaluation never waits. */
export interface CompiledRules {
  /** What is wrong with the rules, below the schema's own path. */
  readonly problems: readonly FieldError[];
  /** What the rules say of an object; `old` is given on update. Stops when the work exceeds {@link ruleCostMax}. */
  validate(value: unknown, old?: Old): readonly FieldError[];
}

/** What every rule may use; each place with rules has its own clone. */
const library = celEnvironment();

/** Compiles every rule of a schema that stands at `base`. `whole`: it describes whole objects, whose names rules may read. */
export function compileRules(
  schema: JsonSchema,
  base: FieldPath,
  { whole }: { readonly whole: boolean },
): CompiledRules {
  const meter = new CostMeter();
  const sizes: Sizes = new WeakMap();
  const root = buildNode(schema, {
    at: base,
    whole,
    uncorrelated: undefined,
    meter,
    sizes,
  });
  return {
    problems: root ? problemsOf(root) : [],
    validate(value, old) {
      if (!root) return [];
      meter.refill(ruleCostMax);
      const errors: FieldError[] = [];
      try {
        evaluateNode(root, { value, old, at: path(), errors, meter, sizes });
      } catch (error) {
        if (!(error instanceof OutOfBudget)) throw error;
      }
      return errors;
    },
  };
}

interface Building {
  readonly at: FieldPath;
  readonly whole: boolean;
  readonly uncorrelated: FieldPath | undefined;
  readonly meter: CostMeter;
  readonly sizes: Sizes;
}

function buildNode(schema: JsonSchema, building: Building): RuleNode | undefined {
  const { at, uncorrelated } = building;
  const child = (each: JsonSchema, below: FieldPath, correlates: boolean): RuleNode | undefined =>
    buildNode(each, {
      ...building,
      whole: false,
      at: below,
      uncorrelated: uncorrelated ?? (correlates ? undefined : at),
    });
  const granular = schema['x-kubernetes-map-type'] !== 'atomic';
  const properties = new Map<string, RuleNode>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = child(property, at.child('properties').key(name), granular);
    if (node) properties.set(name, node);
  }
  const additional =
    typeof schema.additionalProperties === 'object'
      ? child(schema.additionalProperties, at.child('additionalProperties'), granular)
      : undefined;
  const items = schema.items
    ? child(schema.items, at.child('items'), schema['x-kubernetes-list-type'] === 'map')
    : undefined;
  const own = schema['x-kubernetes-validations'] ?? [];
  if (own.length === 0 && properties.size === 0 && !additional && !items) return undefined;
  const compiled =
    own.length > 0 ? compileOwn(schema, own, building) : { type: undefined, rules: [] };
  return { schema, at, properties, additional, items, uncorrelated, ...compiled };
}

function compileOwn(
  schema: JsonSchema,
  own: readonly ValidationRule[],
  { whole, meter, sizes }: Building,
): { readonly type: CelType; readonly rules: readonly CompiledRule[] } {
  const environment = library.clone();
  const type = declareType(environment, schema, { name: 'object', whole }) ?? dynamicType;
  environment.registerVariable('self', type.name);
  const plain = environment.clone().registerVariable('oldSelf', type.name);
  const optional = environment.clone();
  optional.registerVariable('oldSelf', `optional<${type.name}>`);
  const rules = own.map((rule) =>
    compileRule(rule, rule.optionalOldSelf ? optional : plain, { meter, sizes }),
  );
  return { type, rules };
}

function problemsOf(node: RuleNode): FieldError[] {
  const below = [...node.properties.values(), node.additional, node.items];
  return [
    ...node.rules.flatMap((rule, index) =>
      ruleProblems(rule, node, node.at.child('x-kubernetes-validations').index(index)),
    ),
    ...below.flatMap((child) => (child ? problemsOf(child) : [])),
  ];
}

function ruleProblems(rule: CompiledRule, node: RuleNode, at: FieldPath): FieldError[] {
  const { source } = rule;
  const errors = textProblems(source, at);
  if (source.fieldPath && !fieldPathOf(source.fieldPath, node.schema)) {
    errors.push(fieldInvalid(at.child('fieldPath'), source.fieldPath, 'must be a valid path'));
  }
  if (errors.length > 0) return errors;
  for (const { keyword, detail } of rule.problems) {
    errors.push(fieldInvalid(at.child(keyword), source, detail));
  }
  if (rule.usesOldSelf && node.uncorrelated) {
    const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${node.uncorrelated}`;
    errors.push(fieldInvalid(at.child('rule'), source.rule, detail));
  } else if (!rule.usesOldSelf && source.optionalOldSelf !== undefined && rule.evaluate) {
    const detail = 'may not be set if oldSelf is not used in rule';
    errors.push(fieldInvalid(at.child('optionalOldSelf'), source.optionalOldSelf, detail));
  }
  return errors;
}

function textProblems(
  { rule, message, messageExpression }: ValidationRule,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const said = message?.trim() ?? '';
  const hasBreaks = /[\n\r]/;
  if (rule.trim() === '') errors.push(fieldRequired(at.child('rule'), 'rule is not specified'));
  else if (message && said === '') {
    errors.push(fieldInvalid(at.child('message'), message, 'must be non-empty if specified'));
  } else if (hasBreaks.test(said)) {
    errors.push(fieldInvalid(at.child('message'), message, 'must not contain line breaks'));
  } else if (hasBreaks.test(rule.trim()) && said === '') {
    const detail = 'message must be specified if rule contains line breaks';
    errors.push(fieldRequired(at.child('message'), detail));
  }
  if (messageExpression && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(fieldRequired(at.child('messageExpression'), detail));
  }
  return errors;
}

class OutOfBudget extends Error {
  override name = 'OutOfBudget';
}

interface Evaluation {
  readonly value: unknown;
  readonly old: Old | undefined;
  readonly at: FieldPath;
  readonly errors: FieldError[];
  readonly meter: CostMeter;
  readonly sizes: Sizes;
}

function evaluateNode(node: RuleNode, evaluation: Evaluation): void {
  const { value, at, old } = evaluation;
  const { schema } = node;
  if (value === null || value === undefined) return;
  if (node.rules.length > 0) evaluateRules(node, evaluation);
  if (Array.isArray(value)) {
    const { items } = node;
    if (!items) return;
    for (const [index, item] of value.entries()) {
      evaluateNode(items, {
        ...evaluation,
        value: item,
        old: oldItem(old, item, schema),
        at: at.index(index),
      });
    }
  } else if (isJsonObject(value)) {
    const correlated = schema['x-kubernetes-map-type'] === 'atomic' ? undefined : old;
    for (const key of Object.keys(value)) {
      const property = node.properties.get(key);
      const isOwn = propertyOf(schema, key) !== undefined;
      const child = property ?? (isOwn ? undefined : node.additional);
      if (!child) continue;
      const below = property ? at.child(key) : at.key(key);
      evaluateNode(child, {
        ...evaluation,
        value: value[key],
        old: oldMember(correlated, key),
        at: below,
      });
    }
  }
}

function evaluateRules(node: RuleNode, evaluation: Evaluation): void {
  const { value, old, sizes } = evaluation;
  const convert = (each: unknown): unknown => node.type?.convert(each, sizes);
  const self = convert(value);
  const hasOld = old !== undefined && old.value !== null && old.value !== undefined;
  const oldSelf = hasOld ? convert(old.value) : undefined;
  const unchanged = hasOld && jsonEqual(value, old.value);
  for (const rule of node.rules) {
    const { optionalOldSelf } = rule.source;
    if (!rule.evaluate || (rule.usesOldSelf && !hasOld && !optionalOldSelf)) continue;
    if (unchanged && !rule.usesOldSelf) continue; // it could only find what was there before
    const optional = hasOld ? Optional.of(oldSelf) : Optional.none();
    const context = {
      self,
      ...(optionalOldSelf ? { oldSelf: optional } : hasOld ? { oldSelf } : {}),
    };
    const error = evaluateRule(rule, node, { ...evaluation, context });
    if (error) evaluation.errors.push(error);
  }
}

function evaluateRule(
  rule: CompiledRule,
  { schema }: RuleNode,
  { at, context, meter, errors }: Evaluation & { readonly context: Record<string, unknown> },
): FieldError | undefined {
  const { source } = rule;
  const type = schema.type ?? '';
  try {
    const holds = rule.evaluate?.(context) === true;
    if (holds && !meter.exhausted) return undefined;
    // CEL's logic may swallow an error of one side, that of the meter too: what counts is the meter.
    if (meter.exhausted) throw new CostExceeded();
  } catch (error) {
    if (meter.exhausted) {
      const detail =
        'validation failed due to running out of cost budget, no further validation rules will be run';
      errors.push(fieldInvalid(at, type, detail));
      throw new OutOfBudget();
    }
    return fieldInvalid(at, type, runtimeDetail(error, source));
  }
  const blamed = blamedPath(source, schema, at);
  return failure(source, { at: blamed, type, detail: messageOf(rule, context) });
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
function messageOf({ message, source }: CompiledRule, context: Record<string, unknown>): string {
  const fallback = source.message?.trim() || `failed rule: ${source.rule.trim()}`;
  if (!message) return fallback;
  try {
    const text = String(message(context)).trim();
    const fits = text !== '' && !/[\n\r]/.test(text) && Buffer.byteLength(text) <= messageBytesMax;
    return fits ? text : fallback;
  } catch {
    return fallback; // the rule has failed all the same, and its message has to be told somehow
  }
}

/** What the library says of a failed evaluation, in Kubernetes' words. */
function runtimeDetail(error: unknown, { rule, message }: ValidationRule): string {
  const text = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
  const told = message?.trim() || rule.trim();
  if (/^(?:no such overload|found no matching overload)/.test(text)) {
    return `'no such overload': call arguments did not match a supported operator, function or macro signature for rule: ${told}`;
  }
  const summary = text
    .replace(/^No such key: index out of bounds, index (-?\d+).*$/, 'index out of bounds: $1')
    .replace(/^No such key: /, 'no such key: ')
    .replace(/^integer overflow: .*$/, 'integer overflow');
  return `${summary} evaluating rule: ${told}`;
}

/** `.spec.replicas` or `.labels['a.b']`, followed through the schema; undefined: it leads nowhere. */
function fieldPathOf(text: string, root: JsonSchema): FieldPath | undefined {
  const step = /(?:\.([A-Za-z_][A-Za-z0-9_-]*))|(?:\['((?:[^'\\]|\\.)*)'\])/y;
  let schema: JsonSchema | undefined = root;
  let found = path();
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    const name = match?.[1] ?? match?.[2]?.replaceAll(/\\(.)/g, '$1');
    if (name === undefined || !schema) return undefined;
    const property: JsonSchema | undefined = propertyOf(schema, name);
    if (property) found = found.child(name);
    else if (typeof schema.additionalProperties === 'object') found = found.key(name);
    else return undefined;
    schema = property ?? (schema.additionalProperties as JsonSchema); // the branch above saw that it is a schema
  }
  return found;
}
