// What a definition says of itself: its names accepted or taken by another, its versions stored.

import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionCondition,
  joinErrorTexts,
} from '@tweendeck/kube';
import { jsonEqual, timestampOf } from '@tweendeck/std';
import { type Draft, type Fields, objectIn } from '../draft.ts';
import type { ServedResource } from '../registry.ts';
import { definitionOf } from './definition.ts';

type Names = CustomResourceDefinition['spec']['names'];

/** What a new definition says: which version is stored, and nothing yet of its names. */
export function newStatus(draft: Draft): Fields {
  return { conditions: null, acceptedNames: noNames, storedVersions: storedIn(draft) };
}

/** Adds the version that is stored now to those that were. */
export function noteStored(draft: Draft): void {
  const { status } = definitionOf(draft);
  const storedVersions = [...new Set([...(status?.storedVersions ?? []), ...storedIn(draft)])];
  if (jsonEqual(storedVersions, status?.storedVersions)) return;
  objectIn(draft, 'status')['storedVersions'] = storedVersions;
}

function storedIn(draft: Draft): readonly string[] {
  const { versions } = definitionOf(draft).spec;
  return versions.filter(({ storage }) => storage).map(({ name }) => name);
}

type Wanted = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>;

/** Writes `status` from what is declared and what else is served. Names once accepted stay. */
export function updateDefinitionStatus(
  draft: Draft,
  { others, nowMs }: { readonly others: readonly ServedResource[]; readonly nowMs: number },
): void {
  const { spec, status } = definitionOf(draft);
  const { acceptedNames, conflict } = judged(spec.names, status?.acceptedNames ?? noNames, others);
  const present = status?.conditions ?? [];
  const established =
    conflict === undefined ||
    present.some(({ type, status: value }) => type === 'Established' && value === 'True');
  const wanted: readonly Wanted[] = [
    conflict === undefined
      ? namesAccepted
      : { type: 'NamesAccepted', status: 'False', ...conflict },
    established ? isEstablished : notEstablished,
  ];
  const next = {
    conditions: [
      ...wanted.map((condition) => withTime(condition, present, nowMs)),
      ...present.filter(({ type }) => !wanted.some((each) => each.type === type)),
    ],
    acceptedNames,
    storedVersions: status?.storedVersions ?? [],
  };
  if (!jsonEqual(next, draft['status'])) draft['status'] = next;
}

const namesAccepted: Wanted = {
  ...{ type: 'NamesAccepted', status: 'True', reason: 'NoConflicts' },
  message: 'no conflicts found',
};
const isEstablished: Wanted = {
  ...{ type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
  message: 'the initial names have been accepted',
};
const notEstablished: Wanted = {
  ...{ type: 'Established', status: 'False', reason: 'NotAccepted' },
  message: 'not all names are accepted',
};

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

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** Each name is accepted by itself, unless another resource of the group has it; of several conflicts the last is told. As upstream's naming controller. */
function judged(
  names: Names,
  accepted: Names,
  others: readonly ServedResource[],
): { readonly acceptedNames: Names; readonly conflict: Conflict | undefined } {
  const resources = new Set(
    others.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]),
  );
  const kinds = new Set(others.flatMap(({ kind, listKind }) => [kind, listKind]));
  let conflict: Conflict | undefined;
  const tell = (reason: string, taken: readonly string[]): void => {
    const texts = taken.map((name) => `${JSON.stringify(name)} is already in use`);
    conflict = { reason, message: joinErrorTexts(texts) };
  };
  const chosen: Record<string, unknown> = { ...accepted };
  for (const [field, reason, used] of [
    ['plural', 'PluralConflict', resources],
    ['singular', 'SingularConflict', resources],
    ['shortNames', 'ShortNamesConflict', resources],
    ['kind', 'KindConflict', kinds],
    ['listKind', 'ListKindConflict', kinds],
  ] as const) {
    const own = [accepted[field] ?? []].flat();
    const taken = [names[field] ?? []]
      .flat()
      .filter((name) => !own.includes(name) && used.has(name));
    if (taken.length > 0) tell(reason, taken);
    else if (names[field] === undefined) delete chosen[field];
    else chosen[field] = names[field];
  }
  if (names.categories === undefined) delete chosen['categories'];
  else chosen['categories'] = names.categories;
  return { acceptedNames: chosen as unknown as Names, conflict }; // each field is one of names
}
