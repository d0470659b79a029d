// What a job and a template of one must be. Rules and texts: upstream's batch validation.

import {
  dnsLabelProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  type LabelSelector,
  labelSelectorFromObject,
  path,
  validateLabelSelector,
} from '@tweendeck/kube';
import { isJsonObject, isPlatformError, jsonEqual } from '@tweendeck/std';
import { copyOf, type Draft, type Fields, numberAt, objectAt, objectIn, textAt } from '../draft.ts';
import { domainPathProblems } from './domain-path.ts';
import {
  immutable,
  immutableProblems,
  negativeProblems,
  selectorImmutable,
} from './field-checks.ts';
import { failurePolicyProblems, successPolicyProblems } from './job-policies.ts';
import {
  podTemplateProblems,
  selectsTemplate,
  shownLabels,
  templateLabels,
} from './pod-template.ts';

/** Problems of a whole job, new or changed. */
export function jobProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  return [
    ...generatedSelectorProblems(draft, previous),
    ...selectingJobProblems(spec, path('spec')),
    ...hostnameProblems(draft),
  ];
}

/** Problems of a change, beside those of {@link jobProblems}. */
export function jobUpdateProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const before = objectAt(previous, 'spec');
  const base = path('spec');
  const fixed = (keys: readonly string[]): readonly FieldError[] =>
    immutableProblems(spec, before, { keys, base });
  return [
    ...selectingJobProblems(spec, base),
    ...completionsProblems(spec, before, base.child('completions')),
    ...selectorImmutable(spec, before, base),
    ...templateUpdateProblems(spec, previous, base.child('template')),
    ...fixed([
      'completionMode',
      'podFailurePolicy',
      'backoffLimitPerIndex',
      'managedBy',
      'successPolicy',
    ]),
  ];
}

/** A job's specification with its selector; templates of jobs have none yet. */
function selectingJobProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const at = base.child('selector');
  const problems = [...jobSpecProblems(spec, base)];
  const selector = spec['selector'];
  if (!isJsonObject(selector)) problems.push(fieldRequired(at));
  // Its shape was checked when the body came in.
  else problems.push(...validateLabelSelector(selector as LabelSelector, at));
  const template = objectAt(spec, 'template');
  // No selector selects nothing.
  const matches =
    isJsonObject(selector) && (selectsTemplate(selector, template) || !parses(selector));
  if (matches) return problems;
  const labels = base.child('template', 'metadata', 'labels');
  const detail = '`selector` does not match template `labels`';
  return [...problems, fieldInvalid(labels, shownLabels(template), detail)];
}

function parses(selector: LabelSelector): boolean {
  try {
    labelSelectorFromObject(selector);
    return true;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return false;
  }
}

/** Labels and selector that the server makes must not be contradicted by the user's. */
function generatedSelectorProblems(
  { metadata, spec }: Draft,
  previous: Draft | undefined,
): readonly FieldError[] {
  const fields = isJsonObject(spec) ? spec : {};
  const { selector } = fields;
  if (fields['manualSelector'] === true || !isJsonObject(selector)) return [];
  const { name = '', uid = '' } = metadata;
  const before = templateLabels(objectAt(objectAt(previous, 'spec'), 'template'));
  const prefixed = ['batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-name'];
  const needsPrefixed = !previous || prefixed.every((key) => before[key] !== undefined);
  const wanted: readonly (readonly [string, string])[] = [
    ['controller-uid', uid],
    ['job-name', name],
    ...(needsPrefixed
      ? ([
          ['batch.kubernetes.io/controller-uid', uid],
          ['batch.kubernetes.io/job-name', name],
        ] as const)
      : []),
  ];
  const labels = templateLabels(objectAt(fields, 'template'));
  const at = path('spec').child('template', 'metadata', 'labels');
  const problems = wanted.flatMap(([key, value]) => {
    if (labels[key] === value) return [];
    const detail = `must be '${value}'`;
    return labels[key] === undefined
      ? [fieldRequired(at.key(key), detail)]
      : [fieldInvalid(at.key(key), labels, detail)];
  });
  const made = { metadata: { labels: Object.fromEntries(wanted) } };
  if (parses(selector) && !selectsTemplate(selector, made)) {
    const detail = '`selector` not auto-generated';
    problems.push(fieldInvalid(path('spec').child('selector'), selector, detail));
  }
  return problems;
}

/** The pod of the last index has the longest host name. */
function hostnameProblems({ metadata, spec }: Draft): readonly FieldError[] {
  const completions = numberAt(spec, 'completions') ?? 0;
  if (textAt(spec, 'completionMode') !== 'Indexed' || completions <= 0) return [];
  const { name = '' } = metadata;
  const longest = `${name}-${completions - 1}`;
  if (dnsLabelProblems(longest).length === 0) return [];
  const detail = `will not able to create pod with invalid DNS label: ${longest}`;
  return [fieldInvalid(path('metadata').child('name'), name, detail)];
}

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
];

/** Problems of a job's specification but for its selector. */
export function jobSpecProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const indexed = textAt(spec, 'completionMode') === 'Indexed';
  const template = objectAt(spec, 'template');
  return [
    ...negativeProblems(spec, counts, base),
    ...(spec['maxFailedIndexes'] !== undefined && spec['backoffLimitPerIndex'] === undefined
      ? [fieldRequired(base.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified')]
      : []),
    ...managerProblems(spec, base.child('managedBy')),
    ...(indexed ? indexedProblems(spec, base) : plainProblems(spec, base)),
    ...failurePolicyProblems(spec, base.child('podFailurePolicy')),
    ...successPolicyProblems(spec, base.child('successPolicy')),
    ...replacementProblems(spec, base.child('podReplacementPolicy')),
    ...podTemplateProblems(template, base.child('template')),
    ...restartProblems(spec, base.child('template', 'spec', 'restartPolicy')),
  ];
}

const managerBytesMax = 63;

function managerProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const manager = spec['managedBy'];
  if (typeof manager !== 'string') return [];
  const problems = [...domainPathProblems(manager, at)];
  if (Buffer.byteLength(manager) > managerBytesMax) {
    problems.push(fieldTooLong(at, managerBytesMax));
  }
  return problems;
}

const indexedMax = 100_000;
const manyIndexes = 10_000;

function indexedProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  const completions = numberAt(spec, 'completions');
  const parallelism = numberAt(spec, 'parallelism') ?? 0;
  const failedMax = numberAt(spec, 'maxFailedIndexes');
  const atFailed = base.child('maxFailedIndexes');
  const tooMany = (field: FieldPath, value: number, detail: string): void => {
    problems.push(fieldInvalid(field, value, `must be less than or equal to ${detail}`));
  };
  if (completions === undefined) {
    const detail = 'when completion mode is Indexed';
    problems.push(fieldRequired(base.child('completions'), detail));
  }
  if (parallelism > indexedMax) {
    const detail = `${indexedMax} when completion mode is Indexed`;
    tooMany(base.child('parallelism'), parallelism, detail);
  }
  if (completions !== undefined && failedMax !== undefined && failedMax > completions) {
    tooMany(atFailed, failedMax, 'completions');
  }
  if (failedMax !== undefined && failedMax > indexedMax) {
    tooMany(atFailed, failedMax, String(indexedMax));
  }
  if ((completions ?? 0) <= indexedMax || spec['backoffLimitPerIndex'] === undefined) {
    return problems;
  }
  if (failedMax === undefined) {
    const detail = `must be specified when completions is above ${indexedMax}`;
    problems.push(fieldRequired(atFailed, detail));
  }
  const when = `${manyIndexes} when completions are above ${indexedMax} and used with backoff limit per index`;
  if (parallelism > manyIndexes) tooMany(base.child('parallelism'), parallelism, when);
  if (failedMax !== undefined && failedMax > manyIndexes) tooMany(atFailed, failedMax, when);
  return problems;
}

function plainProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const mode = spec['completionMode'];
  if (mode !== undefined && mode !== 'NonIndexed') {
    const modes = ['NonIndexed', 'Indexed'];
    return [fieldNotSupported(base.child('completionMode'), mode, modes)];
  }
  return ['backoffLimitPerIndex', 'maxFailedIndexes']
    .filter((key) => spec[key] !== undefined)
    .map((key) => fieldInvalid(base.child(key), spec[key], 'requires indexed completion mode'));
}

function replacementProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const policy = spec['podReplacementPolicy'];
  if (policy === undefined) return [];
  const allowed =
    spec['podFailurePolicy'] === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  return allowed.includes(String(policy)) ? [] : [fieldNotSupported(at, policy, allowed)];
}

function restartProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const policy = textAt(objectAt(objectAt(spec, 'template'), 'spec'), 'restartPolicy');
  if (policy === 'Always' || policy === '') {
    return [fieldRequired(at, 'valid values: "OnFailure", "Never"')];
  }
  if (policy !== 'OnFailure' && policy !== 'Never') {
    return [fieldNotSupported(at, policy, ['OnFailure', 'Never'])];
  }
  if (policy === 'Never' || spec['podFailurePolicy'] === undefined) return [];
  const detail = 'only "Never" is supported when podFailurePolicy is specified';
  return [fieldInvalid(at, policy, detail)];
}

/** Indexed jobs may grow and shrink, together with what runs at once; others keep their number. */
function completionsProblems(spec: Fields, before: Fields, at: FieldPath): readonly FieldError[] {
  const completions = spec['completions'];
  if (jsonEqual(completions ?? null, before['completions'] ?? null)) return [];
  if (textAt(spec, 'completionMode') !== 'Indexed') {
    return [fieldInvalid(at, completions ?? null, immutable)];
  }
  if (completions === undefined || completions === spec['parallelism']) return [];
  const detail = 'can only be modified in tandem with spec.parallelism';
  return [fieldInvalid(at, completions, detail)];
}

/** The template of a job that is suspended and never ran may still be told where to run. */
function templateUpdateProblems(
  spec: Fields,
  previous: Draft,
  at: FieldPath,
): readonly FieldError[] {
  const before = objectAt(previous, 'spec');
  const was = copyOf(objectAt(before, 'template'));
  const is = objectAt(spec, 'template');
  const startTime = objectAt(previous, 'status')['startTime'];
  if (before['suspend'] === true && startTime === undefined) takePlacement(was, is);
  return jsonEqual(is, was) ? [] : [fieldInvalid(at, is, immutable)];
}

function takePlacement(to: Fields, from: Fields): void {
  const spec = objectIn(to, 'spec');
  const wanted = objectAt(from, 'spec');
  for (const key of ['nodeSelector', 'tolerations', 'schedulingGates']) take(spec, wanted, key);
  for (const key of ['annotations', 'labels']) {
    take(objectIn(to, 'metadata'), objectAt(from, 'metadata'), key);
  }
  const affinity = objectIn(spec, 'affinity');
  take(affinity, objectAt(wanted, 'affinity'), 'nodeAffinity');
  if (Object.keys(affinity).length === 0 && wanted['affinity'] === undefined) {
    delete spec['affinity'];
  }
}

function take(to: Fields, from: Fields, key: string): void {
  if (from[key] === undefined) delete to[key];
  else to[key] = from[key];
}
