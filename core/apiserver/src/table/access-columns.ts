// How bindings of roles and webhook configurations are shown.

import { type Draft, listAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, type Column, columnsOf, nameColumn, type TableColumns } from './table.ts';

const wide = (name: string, cell: Column['cell']): Column => ({ name, priority: 1, cell });

const subjectsOf = (binding: Draft, kind: string): string =>
  listAt(binding, 'subjects')
    .filter((subject) => subject['kind'] === kind)
    .map((subject) =>
      kind === 'ServiceAccount'
        ? `${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`
        : textAt(subject, 'name'),
    )
    .join(', ');

export const bindingColumns: TableColumns = columnsOf([
  nameColumn,
  {
    name: 'Role',
    cell: (binding) => {
      const role = objectAt(binding, 'roleRef');
      return `${textAt(role, 'kind')}/${textAt(role, 'name')}`;
    },
  },
  ageColumn,
  wide('Users', (binding) => subjectsOf(binding, 'User')),
  wide('Groups', (binding) => subjectsOf(binding, 'Group')),
  wide('ServiceAccounts', (binding) => subjectsOf(binding, 'ServiceAccount')),
]);

export const webhookColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Webhooks', type: 'integer', cell: (object) => listAt(object, 'webhooks').length },
  ageColumn,
]);
