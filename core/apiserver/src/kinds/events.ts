// Events: stored once, in core's form, and served as core's and as events.k8s.io's.

import {
  type FieldError,
  fieldInvalid,
  fieldRequired,
  path,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, objectAt, objectIn, setDefault, textAt } from '../draft.ts';
import type { Strategy } from '../strategy.ts';
import { eventColumns } from '../table/common-columns.ts';
import type { KindRules } from './kind-rules.ts';

const involved = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
] as const;

const strategy: Partial<Strategy> = {
  createOnUpdate: true,
  validate: eventProblems,
};

export const eventRules: KindRules = {
  columns: eventColumns,
  selectable: [
    ...involved.map((field) => `involvedObject.${field}`),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  selectableAs: { source: 'source.component' },
  strategy: {
    ...strategy,
    defaults(draft) {
      objectIn(draft, 'involvedObject');
      objectIn(draft, 'source');
      setDefault(draft, 'firstTimestamp', null);
      setDefault(draft, 'lastTimestamp', null);
      setDefault(draft, 'eventTime', null);
      setDefault(draft, 'reportingComponent', '');
      setDefault(draft, 'reportingInstance', '');
    },
  },
};

export const eventsEventRules: KindRules = {
  columns: eventColumns,
  strategy: {
    ...strategy,
    defaults(draft) {
      setDefault(draft, 'eventTime', null);
    },
  },
  storedAs: {
    group: '',
    apiVersion: 'v1',
    toStored,
    fromStored,
    selectable: {
      ...Object.fromEntries(
        involved.map((field) => [`regarding.${field}`, `involvedObject.${field}`]),
      ),
      reason: 'reason',
      reportingController: 'reportingComponent',
      type: 'type',
    },
  },
};

/** Names that differ: events.k8s.io's, then core's. */
const renamed = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;

function toStored(draft: Draft): Draft {
  const stored = rename(
    draft,
    renamed.map(([from, to]) => [from, to]),
  );
  stored.apiVersion = 'v1';
  objectIn(stored, 'involvedObject');
  objectIn(stored, 'source');
  setDefault(stored, 'firstTimestamp', null);
  setDefault(stored, 'lastTimestamp', null);
  return stored;
}

function fromStored(draft: Draft): Draft {
  const served = rename(
    draft,
    renamed.map(([to, from]) => [from, to]),
  );
  served.apiVersion = 'events.k8s.io/v1';
  return served;
}

function rename(draft: Draft, names: readonly (readonly [from: string, to: string])[]): Draft {
  const table = new Map(names);
  const { apiVersion, kind, metadata, ...rest } = draft;
  const fields: Fields = {};
  for (const [key, value] of Object.entries(rest)) fields[table.get(key) ?? key] = value;
  return { apiVersion, kind, metadata, ...fields };
}

/** Rules and texts: upstream's ValidateEventCreate, which tells fields by core's names whatever was sent. */
function eventProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const isNew = draft.apiVersion === 'events.k8s.io/v1';
  if (isNew && previous) return [];
  const about = draft['involvedObject'] ?? draft['regarding'];
  const namespace = textAt(about, 'namespace');
  const own = draft.metadata.namespace ?? '';
  const reported = Boolean(draft['eventTime']);
  const lone = namespace === '' && (own === 'default' || (reported && own === 'kube-system'));
  const problems: FieldError[] = [];
  const mismatched = reported ? namespace === '' && !lone : namespace !== own && !lone;
  if (mismatched) {
    const at = path('involvedObject').child('namespace');
    problems.push(fieldInvalid(at, namespace, 'does not match event.namespace'));
  }
  if (reported) problems.push(...reportProblems(draft, isNew));
  if (!isNew) return problems;
  const type = textAt(draft, 'type');
  if (!reported) problems.push(fieldRequired(path('eventTime')));
  if (type !== 'Normal' && type !== 'Warning') {
    problems.push(fieldInvalid(path('type'), '', `has invalid value: ${type}`));
  }
  for (const [key, shown] of oldFields) {
    const value = draft[key];
    const isSet = isJsonObject(value)
      ? Object.values(value).some((each) => each !== '')
      : Boolean(value);
    if (isSet) problems.push(fieldInvalid(path(shown), '', 'needs to be unset'));
  }
  return problems;
}

const oldFields = [
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['deprecatedSource', 'source'],
] as const;

/** What an event of the new kind has to say. */
function reportProblems(draft: Draft, isNew: boolean): readonly FieldError[] {
  const field = path(isNew ? 'reportingController' : 'reportingComponent');
  const controller = textAt(draft, isNew ? 'reportingController' : 'reportingComponent');
  const message = textAt(draft, isNew ? 'note' : 'message');
  const problems: FieldError[] = [];
  if (controller === '') problems.push(fieldRequired(field));
  for (const text of qualifiedNameProblems(controller)) {
    problems.push(fieldInvalid(field, controller, text));
  }
  for (const key of ['reportingInstance', 'action', 'reason']) {
    const length = textAt(draft, key).length;
    if (length === 0) problems.push(fieldRequired(path(key)));
    if (length > 128) problems.push(fieldInvalid(path(key), '', 'can have at most 128 characters'));
  }
  if (message.length > 1_024) {
    problems.push(fieldInvalid(path('message'), '', 'can have at most 1024 characters'));
  }
  return problems;
}

/** When an event last happened, in milliseconds of the wall clock. */
export function eventTimeMs(event: Draft): number {
  const series = objectAt(event, 'series');
  const stamps = [
    series['lastObservedTime'],
    event['lastTimestamp'],
    event['eventTime'],
    event.metadata.creationTimestamp,
  ];
  return Math.max(
    0,
    ...stamps.map((stamp) => (typeof stamp === 'string' ? Date.parse(stamp) || 0 : 0)),
  );
}
