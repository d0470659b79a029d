// What is wrong with the rules of a schema: texts, types, places and cost.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInternal,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../field-error.ts';
import type { ValidationRule } from '../generated/kinds.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { fieldPathOf } from './field-path.ts';
import { type CompiledRule, printedRule } from './rule.ts';
import type { RuleNode } from './rules.ts';
import { isDeclarable } from './schema-values.ts';

/** Upstream's limits on what rules may be estimated to cost. */
const ruleCostMax = 10_000_000;
const schemaCostMax = 100_000_000;
const dearestTold = 4;

interface Dear {
  readonly at: FieldPath;
  readonly cost: number;
}

/** Which rules cannot be looked at: those whose schemas are wrong, there or below. */
type IsBlocked = (at: FieldPath) => boolean;

/** Everything wrong with rules at or below a place, but for their texts. */
export function problemsOfRules(root: RuleNode, isBlocked: IsBlocked): FieldError[] {
  const costs: Dear[] = [];
  const problems = problemsOf(root, { isBlocked, costs });
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= schemaCostMax) return problems;
  const dearest = costs
    .filter(({ cost }) => cost >= schemaCostMax / 100)
    .sort((left, right) => right.cost - left.cost)
    .slice(0, dearestTold);
  const told =
    'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  return [
    ...problems,
    ...dearest.map(({ at }) => fieldForbidden(at, told)),
    fieldForbidden(root.at, tooDear(what, total / schemaCostMax)),
  ];
}

function tooDear(what: string, excess: number): string {
  const factor =
    excess > 100 ? 'more than 100' : excess < 1.5 ? excess.toFixed(6) : excess.toFixed(1);
  return `${what} exceeds budget by factor of ${factor}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/**
 * How rules see a place at or below the first with rules: as it is declared; not at all, for what is around it has no such
 * parts; or not at all, for it, or something around it, cannot be declared.
 */
type Sight = 'declared' | 'undeclared' | 'failed' | undefined;

interface Around {
  readonly schema: JsonSchema;
  readonly sight: Sight;
  readonly part: 'properties' | 'additionalProperties' | 'items';
}

function sightOf({ schema }: RuleNode, around: Around | undefined): Sight {
  const isWithin = around?.sight !== undefined;
  if (!isWithin && (schema['x-kubernetes-validations'] ?? []).length === 0) return undefined;
  if (around === undefined) return 'declared'; // a whole object
  if (around.sight === 'failed') return 'failed';
  const { type, 'x-kubernetes-int-or-string': isEither } = around.schema;
  if (isWithin && around.part !== 'properties') {
    const holder = around.part === 'items' ? 'array' : 'object';
    return type === holder && !isEither && isDeclarable(schema) ? 'declared' : 'undeclared';
  }
  return isDeclarable(schema) ? 'declared' : 'failed';
}

interface Looking {
  readonly isBlocked: IsBlocked;
  readonly costs: Dear[];
}

function problemsOf(node: RuleNode, looking: Looking, around?: Around): FieldError[] {
  const { schema } = node;
  const sight = sightOf(node, around);
  const below = (part: Around['part'], children: readonly (RuleNode | undefined)[]): FieldError[] =>
    children.flatMap((child) => (child ? problemsOf(child, looking, { schema, sight, part }) : []));
  const errors = [
    ...below('properties', [...node.properties.values()]),
    ...below('additionalProperties', [node.additional]),
    ...below('items', [node.items]),
  ];
  const at = node.at.child('x-kubernetes-validations');
  const own = schema['x-kubernetes-validations'] ?? [];
  if (own.length === 0 || looking.isBlocked(node.at)) return errors;
  if (sight === 'undeclared')
    return [...errors, fieldInternal(at, 'failed to convert to declType for CEL validation rules')];
  if (sight === 'failed' || !node.self) {
    const detail =
      'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';
    return [...errors, fieldInternal(at, detail)];
  }
  return [
    ...errors,
    ...node.rules.flatMap((rule, index) =>
      ruleProblems(rule, node, { at: at.index(index), costs: looking.costs }),
    ),
  ];
}

function ruleProblems(
  rule: CompiledRule,
  { uncorrelated, occurrencesMax }: RuleNode,
  { at, costs }: { readonly at: FieldPath; readonly costs: Dear[] },
): FieldError[] {
  const { source } = rule;
  const errors: FieldError[] = [];
  const cost = rule.expression ? rule.costMax * occurrencesMax : 0;
  costs.push({ at: at.child('rule'), cost });
  if (cost > ruleCostMax)
    errors.push(
      fieldForbidden(at.child('rule'), tooDear('estimated rule cost', cost / ruleCostMax)),
    );
  for (const { keyword, detail } of rule.problems)
    errors.push(fieldInvalid(at.child(keyword), printedRule(source), detail));
  if (rule.message) {
    const messageAt = at.child('messageExpression');
    costs.push({ at: messageAt, cost: rule.messageCostMax });
    if (rule.messageCostMax > ruleCostMax) {
      const excess = rule.messageCostMax / ruleCostMax;
      errors.push(fieldForbidden(messageAt, tooDear('estimated messageExpression cost', excess)));
    }
  }
  if (rule.usesOldSelf && uncorrelated) {
    const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
    errors.push(fieldInvalid(at.child('rule'), source.rule, detail));
  } else if (!rule.usesOldSelf && source.optionalOldSelf !== undefined) {
    const detail = 'may not be set if oldSelf is not used in rule';
    errors.push(fieldInvalid(at.child('optionalOldSelf'), source.optionalOldSelf, detail));
  }
  return errors;
}

const reasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];
const hasBreaks = /[\n\r]/;

/** What is wrong with the rules of one schema before they are compiled. */
export function ruleTextProblems(schema: JsonSchema, base: FieldPath): FieldError[] {
  const at = base.child('x-kubernetes-validations');
  const own = schema['x-kubernetes-validations'] ?? [];
  return own.flatMap((rule, index) => textProblems(rule, schema, at.index(index)));
}

function textProblems(rule: ValidationRule, schema: JsonSchema, at: FieldPath): FieldError[] {
  const { message, messageExpression, reason, fieldPath } = rule;
  const errors: FieldError[] = [];
  const said = message?.trim() ?? '';
  const text = (rule.rule ?? '').trim();
  if (text === '') errors.push(fieldRequired(at.child('rule'), 'rule is not specified'));
  else if (message && said === '')
    errors.push(fieldInvalid(at.child('message'), message, 'must be non-empty if specified'));
  else if (hasBreaks.test(said))
    errors.push(fieldInvalid(at.child('message'), message, 'must not contain line breaks'));
  else if (hasBreaks.test(text) && said === '') {
    const detail = 'message must be specified if rule contains line breaks';
    errors.push(fieldRequired(at.child('message'), detail));
  }
  if (messageExpression && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(fieldRequired(at.child('messageExpression'), detail));
  }
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(fieldNotSupported(at.child('reason'), reason, reasons));
  if (!fieldPath) return errors;
  const pathAt = at.child('fieldPath');
  if (fieldPath.trim() === '')
    errors.push(fieldInvalid(pathAt, fieldPath, 'must be non-empty if specified'));
  if (hasBreaks.test(fieldPath))
    errors.push(fieldInvalid(pathAt, fieldPath, 'must not contain line breaks'));
  if (!fieldPathOf(fieldPath, schema))
    errors.push(fieldInvalid(pathAt, fieldPath, 'must be a valid path'));
  return errors;
}
