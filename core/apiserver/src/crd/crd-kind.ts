// The rules of the kind CustomResourceDefinition itself.

import { objectAt } from '../draft.ts';
import type { KindRules } from '../kinds/kind-rules.ts';
import type { ServedResource } from '../registry.ts';
import { columnsOf, nameColumn } from '../table/table.ts';
import { definitionProblems } from './crd-validation.ts';
import { defaultDefinition, definitionOf } from './definition.ts';
import { updateDefinitionStatus } from './definition-status.ts';

/** Held while objects of the kind are left. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** `served` gives everything that is served now. */
export function definitionRules(served: () => readonly ServedResource[]): KindRules {
  const others = (group: string, plural: string): readonly ServedResource[] =>
    served().filter((each) => each.group === group && each.plural !== plural);
  return {
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
      prepareCreate(draft, { nowMs }) {
        delete draft['status'];
        const { spec } = definitionOf(draft);
        updateDefinitionStatus(draft, { others: others(spec.group, spec.names.plural), nowMs });
      },
      prepareUpdate(draft, _previous, part, { nowMs }) {
        if (part !== 'main') return;
        const { spec } = definitionOf(draft);
        updateDefinitionStatus(draft, { others: others(spec.group, spec.names.plural), nowMs });
      },
      validate: (draft, previous, part) =>
        part === 'main' && Object.keys(objectAt(draft, 'spec')).length > 0
          ? definitionProblems(draft, previous)
          : [],
    },
  };
}
