// Deployments, replica sets and stateful sets: what they share is a selector, a template and a number.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  type LabelSelector,
  labelSelectorFromObject,
  path,
  validateLabelSelector,
  validateLabels,
} from '@tweendeck/kube';
import { isJsonObject, isPlatformError, jsonEqual } from '@tweendeck/std';
import {
  type Draft,
  type Fields,
  listAt,
  numberAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import type { ScalePaths } from '../registry.ts';
import type { Part } from '../strategy.ts';
import {
  deploymentColumns,
  replicaSetColumns,
  statefulSetColumns,
} from '../table/workload-columns.ts';
import type { KindRules } from './kind-rules.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { podSpecProblems } from './pod-validation.ts';

const scale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

export const deploymentRules: KindRules = {
  columns: deploymentColumns,
  scale,
  strategy: {
    generation: 'counted',
    defaults: defaultDeployment,
    prepareCreate: clearStatus,
    validate: (draft, previous, part) => [
      ...workloadProblems(draft, previous, part),
      ...(part === 'status' ? [] : rolloutProblems(objectAt(draft, 'spec'), path('spec'))),
    ],
  },
};

export const replicaSetRules: KindRules = {
  columns: replicaSetColumns,
  scale,
  selectable: ['status.replicas'],
  strategy: {
    generation: 'counted',
    defaults: (draft) => defaultTemplate(objectIn(draft, 'spec')),
    prepareCreate: clearStatus,
    validate: workloadProblems,
  },
};

export const statefulSetRules: KindRules = {
  columns: statefulSetColumns,
  scale,
  strategy: {
    generation: 'counted',
    defaults: defaultStatefulSet,
    prepareCreate: clearStatus,
    validate: (draft, previous, part) => [
      ...workloadProblems(draft, previous, part),
      ...(part === 'status' ? [] : statefulProblems(draft, previous)),
    ],
  },
};

function clearStatus(draft: Draft): void {
  draft['status'] = {};
}

function defaultTemplate(spec: Fields): void {
  setDefault(spec, 'replicas', 1);
  const template = objectIn(spec, 'template');
  objectIn(template, 'metadata');
  defaultPodSpec(objectIn(template, 'spec'));
}

function defaultDeployment(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  defaultTemplate(spec);
  const strategy = objectIn(spec, 'strategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    const rolling = objectIn(strategy, 'rollingUpdate');
    setDefault(rolling, 'maxUnavailable', '25%');
    setDefault(rolling, 'maxSurge', '25%');
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'progressDeadlineSeconds', 600);
}

function defaultStatefulSet(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  defaultTemplate(spec);
  if (!spec['podManagementPolicy']) spec['podManagementPolicy'] = 'OrderedReady';
  const strategy = objectIn(spec, 'updateStrategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    setDefault(objectIn(strategy, 'rollingUpdate'), 'partition', 0);
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  const retention = objectIn(spec, 'persistentVolumeClaimRetentionPolicy');
  setDefault(retention, 'whenDeleted', 'Retain');
  setDefault(retention, 'whenScaled', 'Retain');
  setDefault(spec, 'serviceName', '');
  for (const claim of listAt(spec, 'volumeClaimTemplates')) {
    setDefault(claim, 'apiVersion', 'v1');
    setDefault(claim, 'kind', 'PersistentVolumeClaim');
    setDefault(objectIn(claim, 'spec'), 'volumeMode', 'Filesystem');
    setDefault(objectIn(claim, 'status'), 'phase', 'Pending');
  }
}

function workloadProblems(
  draft: Draft,
  previous: Draft | undefined,
  part: Part,
): readonly FieldError[] {
  if (part === 'status') return countProblems(objectAt(draft, 'status'), path('status'));
  const base = path('spec');
  const spec = objectAt(draft, 'spec');
  return [
    ...countProblems(spec, base),
    ...selectorProblems(spec, base),
    ...templateProblems(spec, base),
    ...immutableProblems(spec, previous, base),
  ];
}

const counts = [
  'replicas',
  'minReadySeconds',
  'revisionHistoryLimit',
  'readyReplicas',
  'availableReplicas',
  'updatedReplicas',
  'observedGeneration',
];

function countProblems(fields: Fields, base: FieldPath): readonly FieldError[] {
  return counts.flatMap((key) => {
    const value = numberAt(fields, key);
    if (value === undefined || value >= 0) return [];
    return [fieldInvalid(base.child(key), value, 'must be greater than or equal to 0')];
  });
}

function selectorProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const selector = spec['selector'];
  const at = base.child('selector');
  if (!isJsonObject(selector)) return [fieldRequired(at)];
  // Its shape was checked when the body came in.
  const problems = validateLabelSelector(selector as LabelSelector, at);
  if (problems.length > 0) return problems;
  const empty =
    Object.keys(objectAt(selector, 'matchLabels')).length === 0 &&
    listAt(selector, 'matchExpressions').length === 0;
  if (empty) return [fieldInvalid(at, selector, 'empty selector is invalid for deployment')];
  return matchProblems(selector as LabelSelector, spec, base);
}

function matchProblems(
  selector: LabelSelector,
  spec: Fields,
  base: FieldPath,
): readonly FieldError[] {
  const labels = objectAt(objectAt(objectAt(spec, 'template'), 'metadata'), 'labels');
  try {
    // Values that are no strings were refused when the body came in.
    if (labelSelectorFromObject(selector).matches(labels as Record<string, string>)) return [];
  } catch (error) {
    if (!isPlatformError(error)) throw error;
  }
  const at = base.child('template', 'metadata', 'labels');
  return [fieldInvalid(at, labels, '`selector` does not match template `labels`')];
}

function templateProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const template = objectAt(spec, 'template');
  const at = base.child('template');
  const metadata = objectAt(template, 'metadata');
  // As above: a map of strings.
  const labels = objectAt(metadata, 'labels') as Record<string, string>;
  return [
    ...validateLabels(labels, at.child('metadata', 'labels')),
    ...podSpecProblems(objectAt(template, 'spec'), at.child('spec'), {
      restartPolicies: ['Always'],
    }),
  ];
}

function immutableProblems(
  spec: Fields,
  previous: Draft | undefined,
  base: FieldPath,
): readonly FieldError[] {
  if (!previous) return [];
  const before = objectAt(objectAt(previous, 'spec'), 'selector');
  if (jsonEqual(spec['selector'], before) || previous.kind === 'StatefulSet') return [];
  return [fieldInvalid(base.child('selector'), spec['selector'], 'field is immutable')];
}

function rolloutProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const strategy = objectAt(spec, 'strategy');
  const at = base.child('strategy');
  const type = textAt(strategy, 'type');
  if (type !== 'Recreate' && type !== 'RollingUpdate') {
    return [fieldNotSupported(at.child('type'), type, ['Recreate', 'RollingUpdate'])];
  }
  const rolling = strategy['rollingUpdate'];
  const problems: FieldError[] = [];
  if (type === 'Recreate' && isJsonObject(rolling)) {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    problems.push(fieldForbidden(at.child('rollingUpdate'), detail));
  }
  if (type === 'RollingUpdate' && isJsonObject(rolling)) {
    problems.push(...amountProblems(rolling, at.child('rollingUpdate')));
  }
  const deadline = numberAt(spec, 'progressDeadlineSeconds');
  if (deadline !== undefined && deadline <= (numberAt(spec, 'minReadySeconds') ?? 0)) {
    const field = base.child('progressDeadlineSeconds');
    problems.push(fieldInvalid(field, deadline, 'must be greater than minReadySeconds'));
  }
  return problems;
}

function amountProblems(rolling: Fields, at: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  for (const key of ['maxUnavailable', 'maxSurge']) {
    const value = rolling[key];
    const field = at.child(key);
    if (typeof value === 'number' && value < 0) {
      problems.push(fieldInvalid(field, value, 'must be greater than or equal to 0'));
    } else if (typeof value === 'string' && !/^\d+%$/.test(value)) {
      const detail = `a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`;
      problems.push(fieldInvalid(field, value, detail));
    }
  }
  const zero = (value: unknown): boolean => value === 0 || value === '0%';
  if (problems.length === 0 && zero(rolling['maxUnavailable']) && zero(rolling['maxSurge'])) {
    const field = at.child('maxUnavailable');
    problems.push(
      fieldInvalid(field, rolling['maxUnavailable'], 'may not be 0 when `maxSurge` is 0'),
    );
  }
  return problems;
}

const statefulChangeable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

const statefulDetail =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function statefulProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const base = path('spec');
  const spec = objectAt(draft, 'spec');
  const problems: FieldError[] = [];
  const policy = textAt(spec, 'podManagementPolicy');
  if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    const detail = "must be 'OrderedReady' or 'Parallel'";
    problems.push(fieldInvalid(base.child('podManagementPolicy'), policy, detail));
  }
  const strategy = objectAt(spec, 'updateStrategy');
  const type = textAt(strategy, 'type');
  const at = base.child('updateStrategy');
  if (type !== 'RollingUpdate' && type !== 'OnDelete') {
    problems.push(fieldInvalid(at, strategy, "must be 'RollingUpdate' or 'OnDelete'"));
  }
  const partition = numberAt(objectAt(strategy, 'rollingUpdate'), 'partition') ?? 0;
  if (partition < 0) {
    const field = at.child('rollingUpdate', 'partition');
    problems.push(fieldInvalid(field, partition, 'must be greater than or equal to 0'));
  }
  if (!previous) return problems;
  const before = objectAt(previous, 'spec');
  const changed = [...new Set([...Object.keys(spec), ...Object.keys(before)])].some(
    (key) => !statefulChangeable.has(key) && !jsonEqual(spec[key], before[key]),
  );
  if (changed) problems.push(fieldForbidden(base, statefulDetail));
  return problems;
}
