// How ownership moves when an object changes: the rules that applying and updating share.

import { compareFields, type FieldComparison, withoutFields } from './compare-fields.ts';
import { FieldSet, fieldSetOf } from './field-set.ts';
import type { ManagedEntries, ManagedEntry } from './managed-fields.ts';
import { withAtomicWhole } from './named-fields.ts';
import type { SchemaType } from './schema-type.ts';

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
  readonly type: SchemaType;
  readonly before: unknown;
  readonly after: unknown;
  /** Fields that this request cannot change, such as `status` outside the status subresource. */
  readonly resetFields: FieldSet | undefined;
}

export interface Transfer {
  readonly comparison: FieldComparison;
  /** What others own and the change sets otherwise, by manager. */
  readonly contested: ReadonlyMap<string, FieldSet>;
  /** The entries after the change: the others have lost what is contested and what is gone. */
  readonly managed: ManagedEntries;
}

/** What a change takes from everybody but `self`, the id of who makes it. Throws TypedFault. */
export function transferOwnership(change: Change, managed: ManagedEntries, self: string): Transfer {
  const compared = compareFields(change.type, change.before, change.after);
  const comparison = change.resetFields ? withoutFields(compared, change.resetFields) : compared;
  const written = comparison.modified.union(comparison.added);
  const contested = new Map<string, FieldSet>();
  const left = new Map<string, ManagedEntry>();
  for (const [id, entry] of managed) {
    const taken = id === self ? FieldSet.empty : entry.fields.intersection(written);
    if (!taken.isEmpty) contested.set(id, taken);
    const fields =
      id === self ? entry.fields : entry.fields.difference(taken).difference(comparison.removed);
    if (!fields.isEmpty) left.set(id, { ...entry, fields });
  }
  return { comparison, contested, managed: left };
}

/** What of a set a manager may own at all. */
export function ownable(fields: FieldSet, resetFields: FieldSet | undefined): FieldSet {
  return (resetFields ? fields.recursiveDifference(resetFields) : fields).difference(unowned);
}

/** Entries from a time when the schema had parts of what is atomic now. */
export function reconciled(managed: ManagedEntries, type: SchemaType): ManagedEntries {
  return new Map(
    [...managed].map(([id, entry]) => [
      id,
      { ...entry, fields: withAtomicWhole(entry.fields, type) },
    ]),
  );
}
