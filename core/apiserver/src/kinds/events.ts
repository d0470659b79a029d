// Events: stored once, in core's form, and served as core's and as events.k8s.io's.

import { type FieldError, fieldInvalid, path } from '@tweendeck/kube';
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
  validate: (draft) => eventProblems(draft),
};

export const eventRules: KindRules = {
  columns: eventColumns,
  selectable: [
    ...involved.map((field) => `involvedObject.${field}`),
    'reason',
    'reportingComponent',
    'source.component',
    'type',
  ],
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

/** An event lies in the namespace of what it is about; one about a cluster-scoped object in `default`. */
function eventProblems(draft: Draft): readonly FieldError[] {
  const about = draft['involvedObject'] ?? draft['regarding'];
  if (!isJsonObject(about)) return [];
  const namespace = textAt(about, 'namespace');
  const own = draft.metadata.namespace ?? '';
  if (namespace === own || (namespace === '' && ['default', 'kube-system'].includes(own)))
    return [];
  const field = 'involvedObject' in draft ? 'involvedObject' : 'regarding';
  return [
    fieldInvalid(path(field).child('namespace'), namespace, 'does not match event.namespace'),
  ];
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
