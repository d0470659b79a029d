// The rules of the kind CustomResourceDefinition itself.

import { objectAt } from '../draft.ts';
import type { KindRules } from '../kinds/kind-rules.ts';
import { columnsOf, nameColumn } from '../table/table.ts';
import { definitionProblems } from './crd-validation.ts';
import { defaultDefinition } from './definition.ts';
import { newStatus, noteStored } from './definition-status.ts';

/** Held while objects of the kind are left. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export const definitionRules: KindRules = {
  columns: columnsOf([
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      cell: ({ metadata }) => metadata.creationTimestamp ?? '',
    },
  ]),
  strategy: {
    unconditionalUpdate: false,
    generation: 'counted',
    finalizersOnDelete: [cleanupFinalizer],
    defaults: defaultDefinition,
    prepareCreate(draft) {
      draft['status'] = newStatus(draft);
    },
    prepareUpdate(draft, _previous, part) {
      if (part === 'main') noteStored(draft);
    },
    validate: (draft, previous, part) =>
      part === 'main' && Object.keys(objectAt(draft, 'spec')).length > 0
        ? definitionProblems(draft, previous)
        : [],
  },
};
