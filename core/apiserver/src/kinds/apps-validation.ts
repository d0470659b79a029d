// What deployments, replica sets, stateful sets and daemon sets must be. Rules and texts: upstream's apps validation.

import {
  dnsLabelProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  goSelector,
  goStruct,
  type LabelSelector,
  labelSelectorFromObject,
  path,
  validateLabelSelector,
  validateLabels,
} from '@tweendeck/kube';
import { isJsonObject, isPlatformError, jsonEqual } from '@tweendeck/std';
import { copyOf, type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { annotationProblems } from '../metadata.ts';
import { claimSpecProblems } from './claim-validation.ts';
import { negativeProblems, selectorImmutable } from './field-checks.ts';
import { above100Problems, intOrPercentProblems, intOrPercentValue } from './int-or-percent.ts';
import {
  podTemplateProblems,
  selectsTemplate,
  shownLabels,
  templateLabels,
} from './pod-template.ts';

const base: FieldPath = path('spec');

export function deploymentProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  return [
    ...negativeProblems(spec, ['replicas'], base),
    ...selectingProblems(spec, 'deployment'),
    ...endlessTemplateProblems(spec, 'ReplicaSet'),
    ...rolloutProblems(objectAt(spec, 'strategy'), base.child('strategy')),
    ...negativeProblems(spec, ['minReadySeconds', 'revisionHistoryLimit'], base),
    ...deadlineProblems(spec, base.child('progressDeadlineSeconds')),
    ...selectorUnchanged(spec, previous),
  ];
}

export function replicaSetProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  return [
    ...negativeProblems(spec, ['replicas', 'minReadySeconds'], base),
    ...selectingProblems(spec, 'deployment'),
    ...endlessTemplateProblems(spec, 'ReplicaSet'),
    ...selectorUnchanged(spec, previous),
  ];
}

function selectorUnchanged(spec: Fields, previous: Draft | undefined): readonly FieldError[] {
  if (!previous) return [];
  return selectorImmutable(spec, objectAt(previous, 'spec'), base);
}

/** The selector, by itself. */
function selectingProblems(spec: Fields, kind: string): readonly FieldError[] {
  const at = base.child('selector');
  const selector = spec['selector'];
  if (!isJsonObject(selector)) return [fieldRequired(at)];
  return [
    // Its shape was checked when the body came in.
    ...validateLabelSelector(selector as LabelSelector, at),
    ...emptyProblems(selector, at, kind),
  ];
}

function isEmpty(selector: Fields): boolean {
  const labels = Object.keys(objectAt(selector, 'matchLabels'));
  return labels.length === 0 && listAt(selector, 'matchExpressions').length === 0;
}

function emptyProblems(selector: Fields, at: FieldPath, kind: string): readonly FieldError[] {
  if (!isEmpty(selector)) return [];
  return [fieldInvalid(at, goSelector(selector), `empty selector is invalid for ${kind}`)];
}

function parses(selector: Fields): boolean {
  try {
    labelSelectorFromObject(selector);
    return true;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return false;
  }
}

/** The template of pods that run for ever, as a selector must find them. */
function endlessTemplateProblems(spec: Fields, kind: string): readonly FieldError[] {
  const selector = spec['selector'];
  const template = objectAt(spec, 'template');
  const at = base.child('template');
  if (isJsonObject(selector) && !parses(selector)) {
    return [fieldInvalid(base.child('selector'), goSelector(selector), 'invalid label selector')];
  }
  return [
    ...(isJsonObject(selector) ? matchProblems(selector, template) : unselected(template)),
    ...podTemplateProblems(template, at),
    ...endlessProblems(template, kind),
  ];
}

const unmatched = '`selector` does not match template `labels`';
const labelsAt: FieldPath = base.child('template', 'metadata', 'labels');

/** No selector selects nothing. */
function unselected(template: Fields): readonly FieldError[] {
  return [fieldInvalid(labelsAt, shownLabels(template), unmatched)];
}

function matchProblems(selector: Fields, template: Fields): readonly FieldError[] {
  if (isEmpty(selector) || selectsTemplate(selector, template)) return [];
  return unselected(template);
}

function endlessProblems(template: Fields, kind: string): readonly FieldError[] {
  const spec = objectAt(template, 'spec');
  const at = base.child('template', 'spec');
  const problems: FieldError[] = [];
  const policy = textAt(spec, 'restartPolicy');
  if (policy !== 'Always') {
    problems.push(fieldNotSupported(at.child('restartPolicy'), policy, ['Always']));
  }
  if (spec['activeDeadlineSeconds'] !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    problems.push(fieldForbidden(at.child('activeDeadlineSeconds'), detail));
  }
  return problems;
}

function rolloutProblems(strategy: Fields, at: FieldPath): readonly FieldError[] {
  const type = textAt(strategy, 'type');
  const rolling = strategy['rollingUpdate'];
  if (type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return isJsonObject(rolling) ? [fieldForbidden(at.child('rollingUpdate'), detail)] : [];
  }
  if (type !== 'RollingUpdate') {
    return [fieldNotSupported(at, goStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  }
  const { maxUnavailable, maxSurge } = isJsonObject(rolling) ? rolling : {};
  const field = at.child('rollingUpdate');
  const zero = intOrPercentValue(maxUnavailable) === 0 && intOrPercentValue(maxSurge) === 0;
  const none = 'may not be 0 when `maxSurge` is 0';
  return [
    ...intOrPercentProblems(maxUnavailable, field.child('maxUnavailable')),
    ...intOrPercentProblems(maxSurge, field.child('maxSurge')),
    ...(zero ? [fieldInvalid(field.child('maxUnavailable'), maxUnavailable, none)] : []),
    ...above100Problems(maxUnavailable, field.child('maxUnavailable')),
  ];
}

function deadlineProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const deadline = numberAt(spec, 'progressDeadlineSeconds');
  if (deadline === undefined) return [];
  return [
    ...negativeProblems(spec, ['progressDeadlineSeconds'], base),
    ...(deadline <= (numberAt(spec, 'minReadySeconds') ?? 0)
      ? [fieldInvalid(at, deadline, 'must be greater than minReadySeconds')]
      : []),
  ];
}

/** A strategy as upstream prints it: with the names of its Go fields. */
function goStrategy(strategy: Fields): unknown {
  const rolling = strategy['rollingUpdate'];
  return goStruct([
    ['Type', strategy['type'] ?? ''],
    ['RollingUpdate', isJsonObject(rolling) ? goPartition(rolling) : null],
  ]);
}

function goPartition(rolling: Fields): unknown {
  return goStruct([
    ['Partition', rolling['partition'] ?? 0],
    ['MaxUnavailable', rolling['maxUnavailable'] ?? null],
  ]);
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

export function statefulSetProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const problems = statefulSpecProblems(spec, previous ? 'update' : 'create');
  if (!previous) return problems;
  const before = objectAt(previous, 'spec');
  const changed = [...new Set([...Object.keys(spec), ...Object.keys(before)])].some(
    (key) => !statefulChangeable.has(key) && !jsonEqual(spec[key], before[key]),
  );
  return changed ? [...problems, fieldForbidden(base, statefulDetail)] : problems;
}

function statefulSpecProblems(spec: Fields, when: 'create' | 'update'): readonly FieldError[] {
  const selector = spec['selector'];
  const serviceName = textAt(spec, 'serviceName');
  const at = base.child('selector');
  return [
    ...managementProblems(textAt(spec, 'podManagementPolicy'), base.child('podManagementPolicy')),
    ...statefulStrategyProblems(objectAt(spec, 'updateStrategy'), base.child('updateStrategy')),
    ...retentionProblems(spec, base.child('persistentVolumeClaimRetentionPolicy')),
    ...(when === 'create' ? claimProblems(spec, base.child('volumeClaimTemplates')) : []),
    ...negativeProblems(spec, ['replicas', 'minReadySeconds'], base),
    ...negativeProblems(objectAt(spec, 'ordinals'), ['start'], base.child('ordinals')),
    ...(when === 'create' && serviceName !== ''
      ? dnsLabelProblems(serviceName).map((text) =>
          fieldInvalid(base.child('serviceName'), serviceName, text),
        )
      : []),
    ...(isJsonObject(selector) ? selectingProblems(spec, 'statefulset') : [fieldRequired(at)]),
    ...statefulTemplateProblems(spec),
    ...endlessProblems(objectAt(spec, 'template'), 'StatefulSet'),
  ];
}

function managementProblems(policy: string, at: FieldPath): readonly FieldError[] {
  if (policy === '') return [fieldRequired(at)];
  if (policy === 'OrderedReady' || policy === 'Parallel') return [];
  return [fieldInvalid(at, policy, "must be 'OrderedReady' or 'Parallel'")];
}

function statefulStrategyProblems(strategy: Fields, at: FieldPath): readonly FieldError[] {
  const type = textAt(strategy, 'type');
  const rolling = strategy['rollingUpdate'];
  const field = at.child('rollingUpdate');
  if (type === '') return [fieldRequired(at)];
  if (type === 'OnDelete') {
    const detail = "only allowed for updateStrategy 'RollingUpdate'";
    return isJsonObject(rolling) ? [fieldInvalid(field, goPartition(rolling), detail)] : [];
  }
  if (type === 'RollingUpdate')
    return negativeProblems(objectAt(strategy, 'rollingUpdate'), ['partition'], field);
  return [fieldInvalid(at, goStrategy(strategy), "must be 'RollingUpdate' or 'OnDelete'")];
}

function retentionProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const policy = objectAt(spec, 'persistentVolumeClaimRetentionPolicy');
  return ['whenDeleted', 'whenScaled'].flatMap((key) => {
    const value = textAt(policy, key);
    if (value === 'Retain' || value === 'Delete') return [];
    return [fieldNotSupported(at.child(key), value, ['Retain', 'Delete'])];
  });
}

function claimProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  return listAt(spec, 'volumeClaimTemplates').flatMap((claim, index) =>
    claimSpecProblems(objectAt(claim, 'spec'), at.index(index).child('spec')),
  );
}

/** Validated as it will be made: with the volumes of its claims, and without what the controller sets. */
function statefulTemplateProblems(spec: Fields): readonly FieldError[] {
  const selector = spec['selector'];
  if (isJsonObject(selector) && !parses(selector)) {
    return [fieldInvalid(base.child('selector'), goSelector(selector), '')];
  }
  const template = copyOf(objectAt(spec, 'template'));
  const pod = objectAt(template, 'spec');
  delete pod['subdomain'];
  delete pod['hostname'];
  const templates = listAt(spec, 'volumeClaimTemplates');
  const claims = [...new Set(templates.map((claim) => textAt(claim['metadata'], 'name')))];
  if (claims.length > 0) {
    pod['volumes'] = [
      ...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
      ...listAt(pod, 'volumes').filter((volume) => !claims.includes(textAt(volume, 'name'))),
    ];
  }
  const at = base.child('template');
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  return [
    ...(isJsonObject(selector) ? matchProblems(selector, template) : unselected(template)),
    ...podTemplateProblems(template, at),
    ...validateLabels(templateLabels(template), at.child('labels')),
    // Texts to texts, as in every object's metadata.
    ...annotationProblems(annotations as Record<string, string>, at.child('annotations')),
  ];
}

export function daemonSetProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const selector = spec['selector'];
  const template = objectAt(spec, 'template');
  const at = base.child('selector');
  const given = isJsonObject(selector) ? selector : {};
  // Its shape was checked when the body came in.
  const selecting = validateLabelSelector(given as LabelSelector, at);
  const matches = isJsonObject(selector) && selectsTemplate(given, template);
  return [
    ...selectorUnchanged(spec, previous),
    ...selecting,
    ...(parses(given) && !matches && !(isJsonObject(selector) && isEmpty(given))
      ? unselected(template)
      : []),
    ...(isJsonObject(selector) ? emptyProblems(given, at, 'daemonset') : []),
    ...podTemplateProblems(template, base.child('template')),
    ...endlessProblems(template, 'DaemonSet'),
    ...negativeProblems(spec, ['minReadySeconds'], base),
    ...daemonStrategyProblems(objectAt(spec, 'updateStrategy'), base.child('updateStrategy')),
    ...negativeProblems(spec, ['revisionHistoryLimit'], base),
  ];
}

function daemonStrategyProblems(strategy: Fields, at: FieldPath): readonly FieldError[] {
  const type = textAt(strategy, 'type');
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') {
    return [fieldNotSupported(at, goStrategy(strategy), ['RollingUpdate', 'OnDelete'])];
  }
  const rolling = strategy['rollingUpdate'];
  const field = at.child('rollingUpdate');
  if (!isJsonObject(rolling)) return [fieldRequired(field)];
  const { maxUnavailable, maxSurge } = rolling;
  const [atUnavailable, atSurge] = [field.child('maxUnavailable'), field.child('maxSurge')];
  const unavailable = intOrPercentValue(maxUnavailable) !== 0;
  const surge = intOrPercentValue(maxSurge) !== 0;
  const problems = [
    ...intOrPercentProblems(maxUnavailable, atUnavailable),
    ...intOrPercentProblems(maxSurge, atSurge),
    ...above100Problems(maxUnavailable, atUnavailable),
    ...above100Problems(maxSurge, atSurge),
  ];
  if (unavailable && surge) {
    const detail = 'may not be set when maxUnavailable is non-zero';
    problems.push(fieldInvalid(atSurge, maxSurge, detail));
  }
  if (!unavailable && !surge) {
    problems.push(fieldRequired(atUnavailable, 'cannot be 0 when maxSurge is 0'));
  }
  return problems;
}
