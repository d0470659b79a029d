// How deployments, replica sets and stateful sets are shown.

import { type LabelSelector, labelSelectorFromObject } from '@tweendeck/kube';
import { isPlatformError } from '@tweendeck/std';
import { type Draft, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, type Column, columnsOf, nameColumn, type TableColumns } from './table.ts';

const specNumber = ({ spec }: Draft, key: string): number => numberAt(spec, key) ?? 0;
const statusNumber = ({ status }: Draft, key: string): number => numberAt(status, key) ?? 0;

function containersText({ spec }: Draft, key: 'name' | 'image'): string {
  const inner = objectAt(objectAt(spec, 'template'), 'spec');
  return listAt(inner, 'containers')
    .map((container) => textAt(container, key))
    .join(',');
}

const containers: Column = {
  name: 'Containers',
  priority: 1,
  cell: (object) => containersText(object, 'name'),
};
const images: Column = {
  name: 'Images',
  priority: 1,
  cell: (object) => containersText(object, 'image'),
};
const selector: Column = {
  name: 'Selector',
  priority: 1,
  cell: ({ spec }) => selectorText(objectAt(spec, 'selector')),
};
const readyOfDesired: Column = {
  name: 'Ready',
  cell: (object) => `${statusNumber(object, 'readyReplicas')}/${specNumber(object, 'replicas')}`,
};

/** A selector in one line; `<none>` for none. */
function selectorText(value: object): string {
  try {
    // It was checked when it was written; what cannot be read is shown as an error, not thrown.
    return labelSelectorFromObject(value as LabelSelector).toString() || '<none>';
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return '<error>';
  }
}

export const deploymentColumns: TableColumns = columnsOf([
  nameColumn,
  readyOfDesired,
  {
    name: 'Up-to-date',
    type: 'integer',
    cell: (object) => statusNumber(object, 'updatedReplicas'),
  },
  {
    name: 'Available',
    type: 'integer',
    cell: (object) => statusNumber(object, 'availableReplicas'),
  },
  ageColumn,
  containers,
  images,
  selector,
]);

export const replicaSetColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Desired', type: 'integer', cell: (object) => specNumber(object, 'replicas') },
  { name: 'Current', type: 'integer', cell: (object) => statusNumber(object, 'replicas') },
  { name: 'Ready', type: 'integer', cell: (object) => statusNumber(object, 'readyReplicas') },
  ageColumn,
  containers,
  images,
  selector,
]);

export const statefulSetColumns: TableColumns = columnsOf([
  nameColumn,
  readyOfDesired,
  ageColumn,
  containers,
  images,
]);
