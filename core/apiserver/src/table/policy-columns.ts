// How disruption budgets and priority classes are shown.

import { numberAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, columnsOf, nameColumn, type TableColumns } from './table.ts';

export const disruptionBudgetColumns: TableColumns = columnsOf([
  nameColumn,
  {
    name: 'Min Available',
    cell: ({ spec }) => String(objectAt({ spec }, 'spec')['minAvailable'] ?? 'N/A'),
  },
  {
    name: 'Max Unavailable',
    cell: ({ spec }) => String(objectAt({ spec }, 'spec')['maxUnavailable'] ?? 'N/A'),
  },
  {
    name: 'Allowed Disruptions',
    type: 'integer',
    cell: ({ status }) => numberAt(status, 'disruptionsAllowed') ?? 0,
  },
  ageColumn,
]);

export const priorityClassColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Value', type: 'integer', cell: (object) => numberAt(object, 'value') ?? 0 },
  { name: 'Global-Default', type: 'boolean', cell: (object) => object['globalDefault'] === true },
  ageColumn,
  { name: 'PreemptionPolicy', cell: (object) => textAt(object, 'preemptionPolicy') },
]);
