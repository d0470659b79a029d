// Jobs: defaults, the selector the server makes, what may change. Rules: upstream's batch/v1 defaults and job strategy.

import { dnsSubdomainProblems } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, objectAt, objectIn, setDefault } from '../draft.ts';
import { jobColumns } from '../table/batch-columns.ts';
import { conditionTimes } from './condition-times.ts';
import { jobStatusProblems } from './job-status-validation.ts';
import { jobProblems, jobUpdateProblems } from './job-validation.ts';
import type { KindRules } from './kind-rules.ts';
import { nameWarnings } from './name-warnings.ts';
import { defaultPodTemplate, templateLabels } from './pod-template.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

export const jobRules: KindRules = {
  columns: jobColumns,
  selectable: ['status.successful'],
  selectableAs: { 'status.successful': 'status.succeeded' },
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'counted',
    orphaningWarning:
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    defaults: defaultJob,
    prepareCreate(draft) {
      const follows = jsonEqual(draft.metadata.labels ?? {}, labelsOfTemplate(draft));
      selectByUid(draft);
      // As upstream, where labels taken from the template stay its labels, and reading fills them in again.
      if (follows) draft.metadata.labels = { ...labelsOfTemplate(draft) };
      draft['status'] = {};
    },
    validate(draft, previous, part) {
      if (part === 'status') return previous ? jobStatusProblems(draft, previous) : [];
      if (!previous) return jobProblems(draft);
      return [...jobProblems(draft, previous), ...jobUpdateProblems(draft, previous)];
    },
    warnings: ({ metadata, spec }) => [
      ...nameWarnings(metadata.name ?? ''),
      ...podTemplateWarnings(objectAt(spec, 'template'), 'spec.template'),
    ],
  },
};

function defaultJob(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  defaultJobSpec(spec);
  const unset = (key: string): boolean => spec[key] === undefined || spec[key] === null;
  if (unset('completions') && unset('parallelism')) spec['completions'] = 1;
  setDefault(spec, 'parallelism', 1);
  setDefault(spec, 'backoffLimit', unset('backoffLimitPerIndex') ? 6 : 2 ** 31 - 1);
  takeTemplateLabels(draft);
  setDefault(spec, 'completionMode', 'NonIndexed');
  setDefault(spec, 'suspend', false);
  const only = unset('podFailurePolicy') ? 'TerminatingOrFailed' : 'Failed';
  setDefault(spec, 'podReplacementPolicy', only);
  setDefault(spec, 'manualSelector', false);
  conditionTimes(draft['status'], ['lastProbeTime', 'lastTransitionTime']);
}

/** A job without labels of its own has those of its pods. */
function takeTemplateLabels(draft: Draft): void {
  const labels = labelsOfTemplate(draft);
  if (Object.keys(draft.metadata.labels ?? {}).length > 0) return;
  if (Object.keys(labels).length > 0) draft.metadata.labels = { ...labels };
}

function labelsOfTemplate({ spec }: Draft): Record<string, string> {
  return templateLabels(objectAt(spec, 'template'));
}

/** What a job and the template of one have in common. */
export function defaultJobSpec(spec: Fields): void {
  defaultPodTemplate(spec);
  for (const rule of listAt(spec['podFailurePolicy'], 'rules')) {
    for (const pattern of listAt(rule, 'onPodConditions')) {
      if (!pattern['status']) pattern['status'] = 'True';
    }
  }
}

/** Pods of a job carry its uid, and its selector asks for that, unless the user wants to select otherwise. */
function selectByUid(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  if (spec['manualSelector'] === true) return;
  const { name = '', uid = '' } = draft.metadata;
  const labels = objectIn(objectIn(objectIn(spec, 'template'), 'metadata'), 'labels');
  for (const key of ['job-name', 'batch.kubernetes.io/job-name']) setDefault(labels, key, name);
  for (const key of ['controller-uid', uidLabel]) setDefault(labels, key, uid);
  setDefault(objectIn(objectIn(spec, 'selector'), 'matchLabels'), uidLabel, uid);
}

const uidLabel = 'batch.kubernetes.io/controller-uid';
