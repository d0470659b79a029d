// Where a pod may go: affinities, tolerations, spreading, gates. Rules and texts: upstream's core validation.

import {
  dnsLabelProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  type LabelSelector,
  labelValueProblems,
  qualifiedNameProblems,
  validateLabelSelector,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { nodeSelectorProblems, nodeSelectorTermProblems } from './node-selector-validation.ts';

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

export function affinityProblems(affinity: Fields, base: FieldPath): readonly FieldError[] {
  const nodes = objectAt(affinity, 'nodeAffinity');
  const at = base.child('nodeAffinity');
  return [
    ...(isJsonObject(nodes[required])
      ? nodeSelectorProblems(nodes[required], at.child(required))
      : []),
    ...listAt(nodes, preferred).flatMap((term, position) => {
      const here = at.child(preferred).index(position);
      return [
        ...weightProblems(term, here),
        ...nodeSelectorTermProblems(objectAt(term, 'preference'), here.child('preference')),
      ];
    }),
    ...podTerms(objectAt(affinity, 'podAffinity'), base.child('podAffinity')),
    ...podTerms(objectAt(affinity, 'podAntiAffinity'), base.child('podAntiAffinity')),
  ];
}

function weightProblems(term: Fields, at: FieldPath): readonly FieldError[] {
  const weight = numberAt(term, 'weight') ?? 0;
  if (weight > 0 && weight <= 100) return [];
  return [fieldInvalid(at.child('weight'), weight, 'must be in the range 1-100')];
}

function podTerms(affinity: Fields, base: FieldPath): readonly FieldError[] {
  return [
    ...listAt(affinity, required).flatMap((term, position) =>
      podTermProblems(term, base.child(required).index(position)),
    ),
    ...listAt(affinity, preferred).flatMap((term, position) => {
      const at = base.child(preferred).index(position);
      const inner = objectAt(term, 'podAffinityTerm');
      return [...weightProblems(term, at), ...podTermProblems(inner, at.child('podAffinityTerm'))];
    }),
  ];
}

/** Its shape was checked when the body came in. */
function selectorProblems(fields: Fields, key: string, base: FieldPath): readonly FieldError[] {
  const selector = fields[key];
  return isJsonObject(selector)
    ? validateLabelSelector(selector as LabelSelector, base.child(key))
    : [];
}

function textsAt(fields: Fields, key: string): readonly string[] {
  const list = fields[key];
  return Array.isArray(list) ? list.map(String) : [];
}

function podTermProblems(term: Fields, at: FieldPath): readonly FieldError[] {
  const key = textAt(term, 'topologyKey');
  const field = at.child('topologyKey');
  return [
    ...selectorProblems(term, 'labelSelector', at),
    ...selectorProblems(term, 'namespaceSelector', at),
    ...textsAt(term, 'namespaces').flatMap((name) =>
      dnsLabelProblems(name).map((text) => fieldInvalid(at.child('namespace'), name, text)),
    ),
    ...labelKeyProblems(term, at),
    ...(key === '' ? [fieldRequired(field, 'can not be empty')] : []),
    ...qualifiedNameProblems(key).map((text) => fieldInvalid(field, key, text)),
  ];
}

/** `matchLabelKeys` and `mismatchLabelKeys`. */
function labelKeyProblems(term: Fields, at: FieldPath): readonly FieldError[] {
  const lists = ['matchLabelKeys', 'mismatchLabelKeys'] as const;
  const problems = lists.flatMap((list): readonly FieldError[] => {
    const keys = textsAt(term, list);
    if (keys.length === 0) return [];
    const detail = 'must not be specified when labelSelector is not set';
    if (!isJsonObject(term['labelSelector'])) return [fieldForbidden(at.child(list), detail)];
    return keys.flatMap((key, position) =>
      qualifiedNameProblems(key).map((text) =>
        fieldInvalid(at.child(list).index(position), key, text),
      ),
    );
  });
  const mismatched = textsAt(term, 'mismatchLabelKeys');
  for (const [position, key] of textsAt(term, 'matchLabelKeys').entries()) {
    if (!mismatched.includes(key)) continue;
    const detail = 'exists in both matchLabelKeys and mismatchLabelKeys';
    problems.push(fieldInvalid(at.child('matchLabelKeys').index(position), key, detail));
  }
  return problems;
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const operators = ['Equal', 'Exists'];
const forAll =
  'operator must be Exists when `key` is empty, which means "match all values and all keys"';

export function tolerationProblems(
  tolerations: readonly Fields[],
  base: FieldPath,
): readonly FieldError[] {
  return tolerations.flatMap((toleration, position) => {
    const at = base.index(position);
    const [key, operator] = [textAt(toleration, 'key'), textAt(toleration, 'operator')];
    const [value, effect] = [textAt(toleration, 'value'), textAt(toleration, 'effect')];
    const operatorAt = at.child('operator');
    const problems: FieldError[] = [];
    if (key !== '') {
      for (const text of qualifiedNameProblems(key)) {
        problems.push(fieldInvalid(at.child('key'), key, text));
      }
    } else if (operator !== 'Exists') problems.push(fieldInvalid(operatorAt, operator, forAll));
    if (numberAt(toleration, 'tolerationSeconds') !== undefined && effect !== 'NoExecute') {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      problems.push(fieldInvalid(at.child('effect'), effect, detail));
    }
    if (operator === '' || operator === 'Equal') {
      const texts = labelValueProblems(value);
      if (texts.length > 0) problems.push(fieldInvalid(operatorAt, value, texts.join(';')));
    } else if (operator === 'Exists') {
      const detail = "value must be empty when `operator` is 'Exists'";
      if (value !== '') problems.push(fieldInvalid(operatorAt, value, detail));
    } else problems.push(fieldNotSupported(operatorAt, operator, operators));
    if (effect !== '' && !effects.includes(effect)) {
      problems.push(fieldNotSupported(at.child('effect'), effect, effects));
    }
    return problems;
  });
}

const actions = ['DoNotSchedule', 'ScheduleAnyway'];
const policies = ['Honor', 'Ignore'];

export function spreadProblems(
  constraints: readonly Fields[],
  base: FieldPath,
): readonly FieldError[] {
  const keyOf = (constraint: Fields): string =>
    `{${textAt(constraint, 'topologyKey')}, ${textAt(constraint, 'whenUnsatisfiable')}}`;
  return constraints.flatMap((constraint, position) => {
    const at = base.index(position);
    const skew = numberAt(constraint, 'maxSkew') ?? 0;
    const action = textAt(constraint, 'whenUnsatisfiable');
    const domains = numberAt(constraint, 'minDomains');
    const isRepeated = constraints
      .slice(position + 1)
      .some((each) => keyOf(each) === keyOf(constraint));
    const problems: FieldError[] = [];
    if (skew <= 0) problems.push(fieldInvalid(at.child('maxSkew'), skew, positive));
    if (textAt(constraint, 'topologyKey') === '') {
      problems.push(fieldRequired(at.child('topologyKey'), 'can not be empty'));
    }
    if (!actions.includes(action)) {
      problems.push(fieldNotSupported(at.child('whenUnsatisfiable'), action, actions));
    }
    if (isRepeated) {
      problems.push(
        fieldDuplicate(at.child('{topologyKey, whenUnsatisfiable}'), keyOf(constraint)),
      );
    }
    const domainsAt = at.child('minDomains');
    if (domains !== undefined && domains <= 0) {
      problems.push(fieldInvalid(domainsAt, domains, positive));
    }
    if (domains !== undefined && action !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`;
      problems.push(fieldInvalid(domainsAt, domains, detail));
    }
    for (const key of ['nodeAffinityPolicy', 'nodeTaintsPolicy']) {
      const policy = constraint[key];
      if (typeof policy === 'string' && !policies.includes(policy)) {
        problems.push(fieldNotSupported(at.child(key), policy, policies));
      }
    }
    problems.push(...labelKeyProblems(constraint, at));
    return [...problems, ...selectorProblems(constraint, 'labelSelector', at)];
  });
}

const positive = 'must be greater than zero';

export function gateProblems(gates: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const seen = new Set<string>();
  return gates.flatMap((gate, position) => {
    const name = textAt(gate, 'name');
    const at = base.index(position);
    const problems = qualifiedNameProblems(name).map((text) => fieldInvalid(at, name, text));
    if (seen.has(name)) problems.push(fieldDuplicate(at, name));
    seen.add(name);
    return problems;
  });
}
