// An object and its `metadata.managedFields`: taking them off and putting them on, on copies.

import { isJsonObject } from '@tweendeck/std';
import { parseApiVersion } from '../resource.ts';
import { encodeManagedFields, type ManagedEntries } from './managed-fields.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

export function metadataOf(object: JsonRecord | undefined): JsonRecord {
  const metadata = object?.['metadata'];
  return isJsonObject(metadata) ? metadata : {};
}

/** As they stand in the object, unchecked. */
export function managedFieldsOf(object: JsonRecord | undefined): unknown {
  return metadataOf(object)['managedFields'];
}

export function withoutManagedFields(object: JsonRecord): JsonRecord {
  if (!('managedFields' in metadataOf(object))) return object;
  const { managedFields: _, ...metadata } = metadataOf(object);
  return { ...object, metadata };
}

/** With the list left out when nobody owns anything. */
export function withManagedFields(object: JsonRecord, managed: ManagedEntries): JsonRecord {
  if (managed.size === 0) return withoutManagedFields(object);
  const managedFields = encodeManagedFields(managed);
  return { ...object, metadata: { ...metadataOf(object), managedFields } };
}

/** How faults name an object: `namespace/name; group/version, Kind=Kind`. */
export function describeObject(object: JsonRecord, apiVersion: string): string {
  const { namespace = '', name = '' } = metadataOf(object);
  const { group, version } = parseApiVersion(apiVersion);
  return `${String(namespace)}/${String(name)}; ${group}/${version}, Kind=${String(object['kind'])}`;
}
