// How deployments, replica sets and stateful sets are shown.

import { type LabelSelector, labelSelectorFromObject } from '@tweendeck/kube';
import { isJsonObject, isPlatformError } from '@tweendeck/std';
import { type Draft, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, type Column, columnsOf, nameColumn, type TableColumns } from './table.ts';

const specNumber = ({ spec }: Draft, key: string): number => numberAt(spec, key) ?? 0;
const statusNumber = ({ status }: Draft, key: string): number => numberAt(status, key) ?? 0;

/** Names and images of the containers of a template, for the wide form. */
export function templateColumns(templateOf: (object: Draft) => object): readonly Column[] {
  const text = (object: Draft, key: 'name' | 'image'): string =>
    listAt(objectAt(templateOf(object), 'spec'), 'containers')
      .map((container) => textAt(container, key))
      .join(',');
  return [
    { name: 'Containers', priority: 1, cell: (object) => text(object, 'name') },
    { name: 'Images', priority: 1, cell: (object) => text(object, 'image') },
  ];
}

const containers = templateColumns(({ spec }) => objectAt(spec, 'template'));
const selector: Column = {
  name: 'Selector',
  priority: 1,
  cell: ({ spec }) => selectorText(objectAt(spec, 'selector')),
};
const readyOfDesired: Column = {
  name: 'Ready',
  cell: (object) => `${statusNumber(object, 'readyReplicas')}/${specNumber(object, 'replicas')}`,
};

/** A selector in one line; `<none>` for one that selects everything or is not there. */
export function selectorText(value: unknown): string {
  if (!isJsonObject(value)) return '<none>';
  try {
    // It was checked when it was written; what cannot be read is shown as an error, not thrown.
    return labelSelectorFromObject(value as LabelSelector).toString() || '<none>';
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return '<error>';
  }
}

/** Of the kind whose objects are templates and nothing else. */
export const podTemplateColumns: TableColumns = columnsOf([
  nameColumn,
  ...templateColumns((object) => objectAt(object, 'template')).map((column) => ({
    ...column,
    priority: 0,
  })),
  {
    name: 'Pod Labels',
    cell: (object) => {
      const labels = objectAt(objectAt(objectAt(object, 'template'), 'metadata'), 'labels');
      const texts = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
      return texts.toSorted().join(',') || '<none>';
    },
  },
]);

export const deploymentColumns: TableColumns = columnsOf([
  nameColumn,
  readyOfDesired,
  { name: 'Up-to-date', cell: (object) => statusNumber(object, 'updatedReplicas') },
  { name: 'Available', cell: (object) => statusNumber(object, 'availableReplicas') },
  ageColumn,
  ...containers,
  selector,
]);

export const replicaSetColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Desired', type: 'integer', cell: (object) => specNumber(object, 'replicas') },
  { name: 'Current', type: 'integer', cell: (object) => statusNumber(object, 'replicas') },
  { name: 'Ready', type: 'integer', cell: (object) => statusNumber(object, 'readyReplicas') },
  ageColumn,
  ...containers,
  selector,
]);

export const daemonSetColumns: TableColumns = columnsOf([
  nameColumn,
  {
    name: 'Desired',
    type: 'integer',
    cell: (object) => statusNumber(object, 'desiredNumberScheduled'),
  },
  {
    name: 'Current',
    type: 'integer',
    cell: (object) => statusNumber(object, 'currentNumberScheduled'),
  },
  { name: 'Ready', type: 'integer', cell: (object) => statusNumber(object, 'numberReady') },
  {
    name: 'Up-to-date',
    type: 'integer',
    cell: (object) => statusNumber(object, 'updatedNumberScheduled'),
  },
  { name: 'Available', type: 'integer', cell: (object) => statusNumber(object, 'numberAvailable') },
  { name: 'Node Selector', cell: nodeSelectorText },
  ageColumn,
  ...containers,
  selector,
]);

function nodeSelectorText({ spec }: Draft): string {
  const pod = objectAt(objectAt(spec, 'template'), 'spec');
  const wanted = Object.entries(objectAt(pod, 'nodeSelector')).toSorted();
  return wanted.map(([key, value]) => `${key}=${String(value)}`).join(',') || '<none>';
}

export const statefulSetColumns: TableColumns = columnsOf([
  nameColumn,
  readyOfDesired,
  ageColumn,
  ...containers,
]);
