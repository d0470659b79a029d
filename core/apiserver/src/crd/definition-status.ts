// What a definition says of itself: its names accepted or taken by another, its versions stored.

import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '@tweendeck/kube';
import { jsonEqual, timestampOf } from '@tweendeck/std';
import type { Draft } from '../draft.ts';
import type { ServedResource } from '../registry.ts';
import { definitionOf } from './definition.ts';

type Names = CustomResourceDefinition['spec']['names'];

/** Writes `status` from what is declared and what else is served. */
export function updateDefinitionStatus(
  draft: Draft,
  { others, nowMs }: { readonly others: readonly ServedResource[]; readonly nowMs: number },
): void {
  const { spec, status } = definitionOf(draft);
  const conflict = namesConflict(spec.names, others);
  const stored = spec.versions.filter(({ storage }) => storage).map(({ name }) => name);
  const acceptedNames: Names =
    conflict === undefined ? spec.names : (status?.acceptedNames ?? noNames);
  const established =
    conflict === undefined ||
    status?.conditions?.some(
      ({ type, status: value }) => type === 'Established' && value === 'True',
    );
  const wanted: readonly Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>[] = [
    conflict === undefined
      ? {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
        }
      : { type: 'NamesAccepted', status: 'False', ...conflict },
    established
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : {
          type: 'Established',
          status: 'False',
          reason: 'NotAccepted',
          message: 'not all names are accepted',
        },
  ];
  const present = status?.conditions ?? [];
  const next = {
    conditions: [
      ...wanted.map((condition) => withTime(condition, present, nowMs)),
      ...present.filter(({ type }) => !wanted.some((each) => each.type === type)),
    ],
    acceptedNames,
    storedVersions: [...new Set([...(status?.storedVersions ?? []), ...stored])],
  };
  if (!jsonEqual(next, draft['status'])) draft['status'] = next;
}

const noNames: Names = { plural: '', kind: '' };

function withTime(
  condition: Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>,
  present: readonly CustomResourceDefinitionCondition[],
  nowMs: number,
): CustomResourceDefinitionCondition {
  const known = present.find(({ type }) => type === condition.type);
  const kept = known?.status === condition.status ? known.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: kept ?? timestampOf(nowMs) };
}

/** The first name that another resource of the same group has. */
function namesConflict(
  names: Names,
  others: readonly ServedResource[],
): { readonly reason: string; readonly message: string } | undefined {
  const resources = new Set(
    others.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]),
  );
  const kinds = new Set(others.flatMap(({ kind, listKind }) => [kind, listKind]));
  const checks = [
    ['PluralConflict', names.plural, resources],
    ['SingularConflict', names.singular, resources],
    ...(names.shortNames ?? []).map((name) => ['ShortNamesConflict', name, resources] as const),
    ['KindConflict', names.kind, kinds],
    ['ListKindConflict', names.listKind, kinds],
  ] as const;
  for (const [reason, name, taken] of checks) {
    if (name && taken.has(name))
      return { reason, message: `${JSON.stringify(name)} is already in use` };
  }
  return undefined;
}
