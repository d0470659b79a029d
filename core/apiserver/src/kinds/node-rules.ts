// Nodes: defaults, checks, what may change. Rules and texts: upstream's core validation.

import {
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  labelValueProblems,
  parseQuantity,
  path,
  qualifiedNameProblems,
  quantityProblem,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import {
  type Draft,
  type Fields,
  listAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import { nodeColumns } from '../table/common-columns.ts';
import { canonicalAmounts } from './amounts.ts';
import { conditionTimes } from './condition-times.ts';
import { notNegative } from './field-checks.ts';
import type { KindRules } from './kind-rules.ts';
import { rangeProblems } from './path-checks.ts';

/** In Go these are never absent. */
const infoFields = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
];
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export const nodeRules: KindRules = {
  columns: nodeColumns,
  selectable: ['spec.unschedulable'],
  strategy: {
    defaults(draft) {
      const spec = objectIn(draft, 'spec');
      const status = objectIn(draft, 'status');
      const ranges = spec['podCIDRs'];
      if (spec['podCIDR'] && !Array.isArray(ranges)) spec['podCIDRs'] = [spec['podCIDR']];
      else if (!spec['podCIDR'] && Array.isArray(ranges)) setDefault(spec, 'podCIDR', ranges[0]);
      canonicalAmounts(objectAt(status, 'capacity'));
      canonicalAmounts(objectAt(status, 'allocatable'));
      if (status['capacity'] !== undefined) setDefault(status, 'allocatable', status['capacity']);
      conditionTimes(status, ['lastHeartbeatTime', 'lastTransitionTime']);
      const endpoint = objectIn(objectIn(status, 'daemonEndpoints'), 'kubeletEndpoint');
      setDefault(endpoint, 'Port', 0);
      for (const key of infoFields) setDefault(objectIn(status, 'nodeInfo'), key, '');
    },
    validate: nodeProblems,
  },
};

function nodeProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const taints = listAt(spec, 'taints');
  // As upstream has it, though taints are no metadata.
  const taintsAt = path('metadata').child('taints');
  const amounts = ['capacity', 'allocatable'].flatMap((key) =>
    amountProblems(objectAt(draft['status'], key), path('status').child(key)),
  );
  if (!previous) return [...taintProblems(taints, taintsAt), ...amounts, ...rangesProblems(spec)];
  return [
    ...amounts,
    ...addressProblems(draft),
    ...changeProblems(spec, objectAt(previous, 'spec')),
    ...taintProblems(taints, taintsAt),
  ];
}

function amountProblems(amounts: Fields, base: FieldPath): readonly FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const text = String(amount);
    if (quantityProblem(text) !== undefined || parseQuantity(text).nanos >= 0n) return [];
    return [fieldInvalid(base.child(name), text, notNegative)];
  });
}

function taintProblems(taints: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, position) => {
    const at = base.index(position);
    const [key, value] = [textAt(taint, 'key'), textAt(taint, 'value')];
    const effect = textAt(taint, 'effect');
    const problems: FieldError[] = qualifiedNameProblems(key).map((text) =>
      fieldInvalid(at.child('key'), key, text),
    );
    const texts = labelValueProblems(value);
    if (texts.length > 0) problems.push(fieldInvalid(at.child('value'), value, texts.join(';')));
    if (effect === '') problems.push(fieldRequired(at.child('effect')));
    else if (!effects.includes(effect)) {
      problems.push(fieldNotSupported(at.child('effect'), effect, effects));
    }
    if (seen.has(`${effect} ${key}`)) {
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: null };
      const detail = 'taints must be unique by key and effect pair';
      problems.push({ ...fieldDuplicate(at, shown), detail });
    }
    seen.add(`${effect} ${key}`);
    return problems;
  });
}

function rangesProblems({ podCIDRs }: Fields): readonly FieldError[] {
  const ranges = Array.isArray(podCIDRs) ? podCIDRs.map(String) : [];
  const at = path('spec').child('podCIDRs');
  const problems = ranges.flatMap((range, position) => rangeProblems(range, at.index(position)));
  const six = ranges.filter((range) => range.includes(':')).length;
  if (ranges.length < 2 || (ranges.length === 2 && six === 1)) return problems;
  const detail = 'may specify no more than one CIDR for each IP family';
  return [...problems, fieldInvalid(at, ranges, detail)];
}

function addressProblems(draft: Draft): readonly FieldError[] {
  const seen = new Set<string>();
  return listAt(draft['status'], 'addresses').flatMap((entry, position) => {
    const [Type, Address] = [textAt(entry, 'type'), textAt(entry, 'address')];
    const key = `${Type} ${Address}`;
    const at = path('status').child('addresses').index(position);
    const isTaken = seen.has(key);
    seen.add(key);
    return isTaken ? [fieldDuplicate(at, { Type, Address })] : [];
  });
}

function changeProblems(spec: Fields, before: Fields): readonly FieldError[] {
  const problems: FieldError[] = [];
  const ranges = before['podCIDRs'];
  if (Array.isArray(ranges) && ranges.length > 0 && !jsonEqual(ranges, spec['podCIDRs'])) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    problems.push(fieldForbidden(path('spec').child('podCIDRs'), detail));
  }
  const provider = textAt(before, 'providerID');
  if (provider !== '' && provider !== textAt(spec, 'providerID')) {
    const detail = 'node updates may not change providerID except from "" to valid';
    problems.push(fieldForbidden(path('spec').child('providerID'), detail));
  }
  return problems;
}
