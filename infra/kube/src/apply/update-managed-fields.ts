// Field ownership after a create, update or patch: whoever changed a field owns it now.

import { isJsonObject } from '@tweendeck/std';
import { ownable, reconciled, transferOwnership } from './field-ownership.ts';
import type { FieldSet } from './field-set.ts';
import {
  decodeManagedFields,
  type FieldManager,
  type ManagedEntries,
  managerId,
  withUpdatersCapped,
} from './managed-fields.ts';
import {
  describeObject,
  type JsonRecord,
  managedFieldsOf,
  withManagedFields,
  withoutManagedFields,
} from './managed-object.ts';
import type { ObjectSchema } from './object-schema.ts';
import { type KindVersions, ObjectVersions } from './object-versions.ts';
import { TypedFault, within } from './typed-fault.ts';
import { validateTyped } from './validate-typed.ts';

export interface ManagedUpdate {
  /** The object as it was; undefined when `after` is created. */
  readonly before: JsonRecord | undefined;
  /** The object as it shall be stored, but for its managed fields. */
  readonly after: JsonRecord;
  /** The `fieldManager` of the request, or what its user agent says. */
  readonly manager: string;
  readonly operation: 'Update';
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
  /** RFC 3339 of now, whole seconds; undefined where upstream notes none. */
  readonly time: string | undefined;
  readonly schema: ObjectSchema;
  /** The other versions that managers may speak; without it, all versions have the schema above. */
  readonly versions?: KindVersions | undefined;
  readonly resetFields?: FieldSet | undefined;
  /**
   * What the endpoint shows of the object, where that is not all of it: while nobody owns any of it, nobody comes to, as
   * in upstream's managers of `scale`.
   */
  readonly shown?: FieldSet | undefined;
}

/**
 * `after` with its managed fields. Never fails: managed fields that cannot be understood are begun anew, and an object
 * that does not fit its schema goes without.
 */
export function updateManagedFields(update: ManagedUpdate): JsonRecord {
  const after = withoutManagedFields(update.after);
  const managed = entriesBefore(update);
  if (managed.size === 0 && update.before !== undefined) return after;
  if (update.shown && !isOwned(update.shown, managed)) return withManagedFields(after, managed);
  try {
    return withManagedFields(after, updatedEntries({ ...update, after }, managed));
  } catch (error) {
    if (error instanceof TypedFault) return after;
    throw error;
  }
}

function isOwned(fields: FieldSet, managed: ManagedEntries): boolean {
  return [...managed.values()].some((entry) => !entry.fields.intersection(fields).isEmpty);
}

/** The entries after an update. Throws {@link TypedFault}. */
export function updatedEntries(update: ManagedUpdate, managed: ManagedEntries): ManagedEntries {
  const before =
    update.before === undefined ? update.schema.empty : withoutManagedFields(update.before);
  const versions = new ObjectVersions(update, update.versions);
  const what = `object (${describeObject(update.after, update.apiVersion)}) to smd typed`;
  within(`failed to convert new ${what}`, () =>
    validateTyped(versions.type, update.after, 'allowed'),
  );
  within(`failed to convert live ${what}`, () => validateTyped(versions.type, before, 'allowed'));
  const { comparison, managed: left } = transferOwnership(
    { versions, before, after: update.after, resetFields: update.resetFields },
    reconciled(managed, versions, before),
    '',
  );
  const fields = ownable(comparison.modified.union(comparison.added), update.resetFields);
  const entries = new Map(left);
  if (!fields.isEmpty) {
    const manager: FieldManager = {
      manager: update.manager === '' ? 'unknown' : update.manager,
      operation: 'Update',
      apiVersion: update.apiVersion,
      ...(update.subresource ? { subresource: update.subresource } : {}),
    };
    const id = managerId(manager);
    const former = left.get(id)?.fields;
    entries.set(id, {
      ...manager,
      time: update.time,
      fields: former ? fields.union(former) : fields,
    });
  }
  return withUpdatersCapped(entries);
}

/** Managed fields that the client sent count, unless by way of a subresource; an empty list begins anew. */
function entriesBefore(update: ManagedUpdate): ManagedEntries {
  const live = (): ManagedEntries => decodedOrNone(managedFieldsOf(update.before));
  if (update.subresource) return live();
  const sent = managedFieldsOf(update.after);
  if (isReset(sent)) return new Map();
  const decoded = decodedOrNone(sent);
  return decoded.size === 0 ? live() : decoded;
}

function isReset(entries: unknown): boolean {
  if (!Array.isArray(entries) || entries.length > 1) return false;
  return entries.length === 0 || (isJsonObject(entries[0]) && Object.keys(entries[0]).length === 0);
}

function decodedOrNone(entries: unknown): ManagedEntries {
  try {
    return decodeManagedFields(entries);
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}
