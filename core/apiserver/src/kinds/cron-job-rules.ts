// Cron jobs: defaults and validation. Rules and texts: upstream's batch/v1 defaults and batch validation.

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  isTimeZone,
  parseCronSchedule,
  path,
} from '@tweendeck/kube';
import { type Draft, type Fields, objectAt, objectIn, setDefault, textAt } from '../draft.ts';
import { cronJobColumns } from '../table/batch-columns.ts';
import { negativeProblems } from './field-checks.ts';
import { defaultJobSpec } from './job-rules.ts';
import { jobSpecProblems } from './job-validation.ts';
import type { KindRules } from './kind-rules.ts';
import { nameWarnings } from './name-warnings.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

export const cronJobRules: KindRules = {
  columns: cronJobColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'counted',
    defaults: defaultCronJob,
    prepareCreate(draft) {
      draft['status'] = {};
    },
    validate(draft, previous, part) {
      if (part === 'status') return [];
      return [...cronJobProblems(draft, previous), ...(previous ? [] : nameProblems(draft))];
    },
    warnings: ({ metadata, spec }) => [
      ...nameWarnings(metadata.name ?? ''),
      ...podTemplateWarnings(
        objectAt(objectAt(objectAt(spec, 'jobTemplate'), 'spec'), 'template'),
        'spec.jobTemplate.spec.template',
      ),
    ],
  },
};

function defaultCronJob(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  if (!spec['concurrencyPolicy']) spec['concurrencyPolicy'] = 'Allow';
  setDefault(spec, 'suspend', false);
  setDefault(spec, 'successfulJobsHistoryLimit', 3);
  setDefault(spec, 'failedJobsHistoryLimit', 1);
  const template = objectIn(spec, 'jobTemplate');
  objectIn(template, 'metadata');
  defaultJobSpec(objectIn(template, 'spec'));
}

const nameLengthMax = 52;

/** Jobs are named after their cron job, with eleven characters more. */
function nameProblems({ metadata: { name = '' } }: Draft): readonly FieldError[] {
  if (Buffer.byteLength(name) <= nameLengthMax) return [];
  const detail = `must be no more than ${nameLengthMax} characters`;
  return [fieldInvalid(path('metadata').child('name'), name, detail)];
}

function cronJobProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const before = previous && objectAt(previous, 'spec');
  const base = path('spec');
  return [
    ...scheduleProblems(spec, before, base.child('schedule')),
    ...negativeProblems(spec, ['startingDeadlineSeconds'], base),
    ...(before && before['timeZone'] === spec['timeZone']
      ? []
      : timeZoneProblems(spec['timeZone'], base.child('timeZone'))),
    ...policyProblems(textAt(spec, 'concurrencyPolicy'), base.child('concurrencyPolicy')),
    ...templateProblems(spec, base.child('jobTemplate', 'spec')),
    ...negativeProblems(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], base),
  ];
}

function scheduleProblems(
  spec: Fields,
  before: Fields | undefined,
  at: FieldPath,
): readonly FieldError[] {
  const schedule = textAt(spec, 'schedule');
  if (schedule === '') return [fieldRequired(at)];
  const problems: FieldError[] = [];
  const parsed = parseCronSchedule(schedule);
  if (!parsed.ok) problems.push(fieldInvalid(at, schedule, parsed.problem));
  if (!schedule.includes('TZ')) return problems;
  const had = textAt(before, 'schedule').includes('TZ');
  if (!had) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    problems.push(fieldInvalid(at, schedule, detail));
  } else if (spec['timeZone'] !== undefined) {
    const detail = 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    problems.push(fieldInvalid(at, schedule, detail));
  }
  return problems;
}

const zonePart = /^[A-Za-z.\-_0-9+]{1,14}$/;

function timeZoneProblems(zone: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof zone !== 'string') return [];
  if (zone === '') return [fieldInvalid(at, zone, 'timeZone must be nil or non-empty string')];
  const wrong = (part: string): boolean =>
    part === '.' || part === '..' || part.startsWith('-') || !zonePart.test(part);
  if (zone.split('/').some(wrong)) return [fieldInvalid(at, zone, `unknown time zone ${zone}`)];
  const problems: FieldError[] = [];
  if (zone.toLowerCase() === 'local') {
    const detail =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    problems.push(fieldInvalid(at, zone, detail));
  }
  if (zone !== 'Local' && !isTimeZone(zone)) {
    problems.push(fieldInvalid(at, zone, `unknown time zone ${zone}`));
  }
  return problems;
}

const policies = ['Allow', 'Forbid', 'Replace'];

function policyProblems(policy: string, at: FieldPath): readonly FieldError[] {
  if (policy === '') return [fieldRequired(at)];
  return policies.includes(policy) ? [] : [fieldNotSupported(at, policy, policies)];
}

function templateProblems(cron: Fields, at: FieldPath): readonly FieldError[] {
  const spec = objectAt(objectAt(cron, 'jobTemplate'), 'spec');
  const problems = [...jobSpecProblems(spec, at)];
  if (spec['selector'] !== undefined) {
    const detail = '`selector` will be auto-generated';
    problems.push(fieldInvalid(at.child('selector'), spec['selector'], detail));
  }
  if (spec['manualSelector'] === true) {
    problems.push(fieldNotSupported(at.child('manualSelector'), true, ['nil', 'false']));
  }
  return problems;
}
