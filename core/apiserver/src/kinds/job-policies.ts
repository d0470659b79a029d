// When a job's failures and successes count otherwise than usual. Rules and texts: upstream's batch validation.

import {
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  goQuotedList,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { countIndexes } from './completion-indexes.ts';
import { negativeProblems } from './field-checks.ts';

const rulesMax = 20;
const patternsMax = 20;
const exitCodesMax = 255;
const indexesBytesMax = 64 * 1024;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const operators = ['In', 'NotIn'];
const statuses = ['False', 'True', 'Unknown'];

export function failurePolicyProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const policy = spec['podFailurePolicy'];
  if (!isJsonObject(policy)) return [];
  const rules = listAt(policy, 'rules');
  const base = at.child('rules');
  const pod = objectAt(objectAt(spec, 'template'), 'spec');
  const containers = [...listAt(pod, 'containers'), ...listAt(pod, 'initContainers')];
  const names = new Set(containers.map((each) => textAt(each, 'name')));
  return [
    ...tooMany(rules.length, rulesMax, base),
    ...rules.flatMap((rule, index) => [
      ...actionProblems(rule, spec, base.index(index).child('action')),
      ...exitCodeProblems(rule['onExitCodes'], names, base.index(index).child('onExitCodes')),
      ...conditionProblems(rule, base.index(index).child('onPodConditions')),
      ...oneOfProblems(rule, base.index(index)),
    ]),
  ];
}

function tooMany(items: number, itemsMax: number, at: FieldPath): readonly FieldError[] {
  return items > itemsMax ? [fieldTooMany(at, { items, itemsMax })] : [];
}

function chosen(value: string, values: readonly string[], at: FieldPath): readonly FieldError[] {
  if (value === '') return [fieldRequired(at, `valid values: ${goQuotedList(values)}`)];
  return values.includes(value) ? [] : [fieldNotSupported(at, value, values)];
}

function actionProblems(rule: Fields, spec: Fields, at: FieldPath): readonly FieldError[] {
  const action = textAt(rule, 'action');
  if (action === 'FailIndex' && spec['backoffLimitPerIndex'] === undefined) {
    return [fieldInvalid(at, action, 'requires the backoffLimitPerIndex to be set')];
  }
  return chosen(action, actions, at);
}

function oneOfProblems(rule: Fields, at: FieldPath): readonly FieldError[] {
  const codes = isJsonObject(rule['onExitCodes']);
  const conditions = listAt(rule, 'onPodConditions').length > 0;
  if (codes !== conditions) return [];
  const detail = codes
    ? 'specifying both OnExitCodes and OnPodConditions is not supported'
    : 'specifying one of OnExitCodes and OnPodConditions is required';
  return [fieldInvalid(at, undefined, detail)];
}

function conditionProblems(rule: Fields, at: FieldPath): readonly FieldError[] {
  const patterns = listAt(rule, 'onPodConditions');
  return [
    ...tooMany(patterns.length, patternsMax, at),
    ...patterns.flatMap((pattern, index) => {
      const type = textAt(pattern, 'type');
      const base = at.index(index);
      return [
        ...qualifiedNameProblems(type).map((text) => fieldInvalid(base.child('type'), type, text)),
        ...chosen(textAt(pattern, 'status'), statuses, base.child('status')),
      ];
    }),
  ];
}

function exitCodeProblems(
  requirement: unknown,
  names: ReadonlySet<string>,
  at: FieldPath,
): readonly FieldError[] {
  if (!isJsonObject(requirement)) return [];
  const operator = textAt(requirement, 'operator');
  const name = requirement['containerName'];
  const problems = [...chosen(operator, operators, at.child('operator'))];
  if (typeof name === 'string' && !names.has(name)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    problems.push(fieldInvalid(at.child('containerName'), name, detail));
  }
  return [...problems, ...valueProblems(requirement['values'], operator, at.child('values'))];
}

function valueProblems(given: unknown, operator: string, at: FieldPath): readonly FieldError[] {
  const values: readonly unknown[] = Array.isArray(given) ? given : [];
  const problems: FieldError[] = [];
  if (values.length === 0) {
    problems.push(fieldInvalid(at, given ?? null, 'at least one value is required'));
  }
  problems.push(...tooMany(values.length, exitCodesMax, at));
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      problems.push(fieldInvalid(at.index(index), value, 'must not be 0 for the In operator'));
    }
    if (values.indexOf(value) < index) problems.push(fieldDuplicate(at.index(index), value));
  }
  const ordered = values.every(
    (value, index) => index === 0 || Number(values[index - 1]) <= Number(value),
  );
  return ordered ? problems : [...problems, fieldInvalid(at, values, 'must be ordered')];
}

export function successPolicyProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const policy = spec['successPolicy'];
  if (!isJsonObject(policy)) return [];
  if (textAt(spec, 'completionMode') !== 'Indexed') {
    return [fieldInvalid(at, policy, 'requires indexed completion mode')];
  }
  const rules = listAt(policy, 'rules');
  const base = at.child('rules');
  const none = 'at least one rules must be specified when the successPolicy is specified';
  return [
    ...(rules.length === 0 ? [fieldRequired(base, none)] : []),
    ...tooMany(rules.length, rulesMax, base),
    ...rules.flatMap((rule, index) => successRuleProblems(rule, spec, base.index(index))),
  ];
}

function successRuleProblems(rule: Fields, spec: Fields, at: FieldPath): readonly FieldError[] {
  const completions = numberAt(spec, 'completions') ?? 0;
  const count = numberAt(rule, 'succeededCount');
  const indexes = rule['succeededIndexes'];
  const problems: FieldError[] = [];
  if (count === undefined && indexes === undefined) {
    const detail = 'at least one of succeededCount or succeededIndexes must be specified';
    problems.push(fieldRequired(at, detail));
  }
  let total = 0;
  if (typeof indexes === 'string') {
    const field = at.child('succeededIndexes');
    if (Buffer.byteLength(indexes) > indexesBytesMax) {
      problems.push(fieldTooLong(field, indexesBytesMax));
    }
    const counted = countIndexes(indexes, completions);
    if (typeof counted === 'number') total = counted;
    else {
      const detail = `error parsing succeededIndexes: ${counted.problem}`;
      problems.push(fieldInvalid(field, indexes, detail));
    }
  }
  if (count === undefined) return problems;
  const field = at.child('succeededCount');
  problems.push(...negativeProblems(rule, ['succeededCount'], at));
  const most = 'must be less than or equal to';
  if (count > completions) {
    const detail = `${most} ${completions} (the number of specified completions)`;
    problems.push(fieldInvalid(field, count, detail));
  }
  if (indexes !== undefined && count > total) {
    const detail = `${most} ${total} (the number of indexes in the specified succeededIndexes field)`;
    problems.push(fieldInvalid(field, count, detail));
  }
  return problems;
}
