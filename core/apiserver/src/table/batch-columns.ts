// How jobs and cron jobs are shown.

import { type Draft, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import {
  ageColumn,
  ageSince,
  columnsOf,
  durationText,
  nameColumn,
  type TableColumns,
} from './table.ts';
import { selectorText, templateColumns } from './workload-columns.ts';

export const jobColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Status', cell: jobStatus },
  { name: 'Completions', cell: completionsText },
  { name: 'Duration', cell: durationCell },
  ageColumn,
  ...templateColumns(({ spec }) => objectAt(spec, 'template')),
  {
    name: 'Selector',
    priority: 1,
    cell: ({ spec }) => selectorText(objectAt(spec, 'selector')),
  },
]);

export const cronJobColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Schedule', cell: ({ spec }) => textAt(spec, 'schedule') },
  { name: 'Timezone', cell: ({ spec }) => textAt(spec, 'timeZone') || '<none>' },
  {
    name: 'Suspend',
    type: 'boolean',
    cell: ({ spec }) => (objectAt({ spec }, 'spec')['suspend'] === true ? 'True' : 'False'),
  },
  { name: 'Active', type: 'integer', cell: ({ status }) => listAt(status, 'active').length },
  {
    name: 'Last Schedule',
    cell({ status }, nowMs) {
      const last = textAt(status, 'lastScheduleTime');
      return last === '' ? '<none>' : ageSince(last, nowMs);
    },
  },
  ageColumn,
  ...templateColumns((object) => objectAt(jobTemplateSpec(object), 'template')),
  {
    name: 'Selector',
    priority: 1,
    cell: (object) => selectorText(jobTemplateSpec(object)['selector']),
  },
]);

function jobTemplateSpec({ spec }: Draft): Record<string, unknown> {
  return objectAt(objectAt(spec, 'jobTemplate'), 'spec');
}

const words = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'];

function jobStatus({ metadata, status }: Draft): string {
  const holds = (type: string): boolean =>
    listAt(status, 'conditions').find((each) => each['type'] === type)?.['status'] === 'True';
  if (holds('Complete')) return 'Complete';
  if (holds('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  return words.find(holds) ?? 'Running';
}

function completionsText({ spec, status }: Draft): string {
  const succeeded = numberAt(status, 'succeeded') ?? 0;
  const completions = numberAt(spec, 'completions');
  if (completions !== undefined) return `${succeeded}/${completions}`;
  const parallelism = numberAt(spec, 'parallelism') ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: Draft, nowMs: number): string {
  const started = textAt(status, 'startTime');
  const ended = textAt(status, 'completionTime');
  if (started === '') return '';
  return durationText((ended === '' ? nowMs : Date.parse(ended)) - Date.parse(started));
}
