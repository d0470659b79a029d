// How ownership moves when an object changes: the rules that applying and updating share.

import { compareFields, type FieldComparison, withoutFields } from './compare-fields.ts';
import { FieldSet, fieldSetOf } from './field-set.ts';
import type { ManagedEntries, ManagedEntry } from './managed-fields.ts';
import { withAtomicWhole } from './named-fields.ts';
import type { ObjectVersions } from './object-versions.ts';
import { within } from './typed-fault.ts';

/** Fields that the server alone writes, and so nobody owns. */
const unowned = fieldSetOf(
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName'].map((name) => [
    'metadata',
    name,
  ]),
  ...['generation', 'managedFields', 'resourceVersion'].map((name) => ['metadata', name]),
);

export interface Change {
  readonly versions: ObjectVersions;
  readonly before: unknown;
  readonly after: unknown;
  /** Fields that this request cannot change, such as `status` outside the status subresource. */
  readonly resetFields: FieldSet | undefined;
}

export interface Transfer {
  /** In the version of the request. */
  readonly comparison: FieldComparison;
  /** What others own and the change sets otherwise, by manager. */
  readonly contested: ReadonlyMap<string, FieldSet>;
  /** The entries after the change: the others have lost what is contested and what is gone. */
  readonly managed: ManagedEntries;
}

/** What a change takes from everybody but `self`, the id of who makes it. Throws TypedFault. */
export function transferOwnership(change: Change, managed: ManagedEntries, self: string): Transfer {
  const { versions } = change;
  const comparison = compared(change, versions.current);
  const comparisons = new Map([[versions.current, comparison]]);
  const contested = new Map<string, FieldSet>();
  const left = new Map<string, ManagedEntry>();
  for (const [id, entry] of managed) {
    if (id === self) {
      if (!entry.fields.isEmpty) left.set(id, entry);
      continue;
    }
    const changed = comparisons.get(entry.apiVersion) ?? compared(change, entry.apiVersion);
    if (changed === undefined) continue;
    comparisons.set(entry.apiVersion, changed);
    const taken = entry.fields.intersection(changed.modified.union(changed.added));
    if (!taken.isEmpty) contested.set(id, taken);
    const fields = entry.fields.difference(taken).difference(changed.removed);
    if (!fields.isEmpty) left.set(id, { ...entry, fields });
  }
  return { comparison: comparison ?? nothing, contested, managed: left };
}

const nothing: FieldComparison = {
  added: FieldSet.empty,
  modified: FieldSet.empty,
  removed: FieldSet.empty,
};

/** The change as managers of a version see it; undefined: nobody speaks that version any more. */
function compared(
  { versions, before, after, resetFields }: Change,
  apiVersion: string,
): FieldComparison | undefined {
  within('failed to convert old object', () => versions.typeFor(apiVersion, before));
  const type = within('failed to convert new object', () => versions.typeFor(apiVersion, after));
  if (type === undefined) return undefined;
  const comparison = within('failed to compare objects', () => compareFields(type, before, after));
  const reset = apiVersion === versions.current ? resetFields : undefined;
  return reset ? withoutFields(comparison, reset) : comparison;
}

/** What of a set a manager may own at all. */
export function ownable(fields: FieldSet, resetFields: FieldSet | undefined): FieldSet {
  return (resetFields ? fields.recursiveDifference(resetFields) : fields).difference(unowned);
}

/** Entries from a time when the schema had parts of what is atomic now; without those of versions that are gone. */
export function reconciled(
  managed: ManagedEntries,
  versions: ObjectVersions,
  live: unknown,
): ManagedEntries {
  const entries = new Map<string, ManagedEntry>();
  for (const [id, entry] of managed) {
    const type = versions.typeFor(entry.apiVersion, live);
    if (type) entries.set(id, { ...entry, fields: withAtomicWhole(entry.fields, type) });
  }
  return entries;
}
