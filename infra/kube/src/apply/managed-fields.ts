// `metadata.managedFields` in memory: who owns which fields, since when, by applying or by updating.

import { isJsonObject } from '@tweendeck/std';
import { goJson } from '../go-format.ts';
import type { ManagedFieldsEntry } from '../object.ts';
import type { FieldSet } from './field-set.ts';
import { decodeFieldsV1, encodeFieldsV1 } from './fields-v1.ts';

/** Entries from updates beyond this many are merged, oldest first. */
const updateManagersMax = 10;
const mergedManager = 'ancient-changes';

/** Who changes an object, and how. Appliers are the same whatever version they apply; updaters are not. */
export interface FieldManager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
}

export interface ManagedEntry extends FieldManager {
  /** RFC 3339, whole seconds; entries that took over fields without changing the object have none. */
  readonly time?: string | undefined;
  readonly fields: FieldSet;
}

/** Entries by {@link managerId}. */
export type ManagedEntries = ReadonlyMap<string, ManagedEntry>;

/** Tells field managers apart; spelled as upstream's identifiers are, for their order is seen. */
export function managerId({ manager, operation, apiVersion, subresource }: FieldManager): string {
  const parts = [
    ['manager', manager],
    ['operation', operation],
    ['apiVersion', operation === 'Apply' ? '' : apiVersion],
    ['subresource', subresource ?? ''],
  ] as const;
  const said = parts.filter(([, value]) => value !== '');
  return `{${said.map(([name, value]) => `"${name}":${goJson(value)}`).join(',')}}`;
}

/** Throws SyntaxError for entries that are malformed. */
export function decodeManagedFields(entries: unknown): ManagedEntries {
  const managed = new Map<string, ManagedEntry>();
  if (entries === undefined || entries === null) return managed;
  if (!Array.isArray(entries)) throw new SyntaxError('managedFields has to be a list');
  for (const [index, entry] of entries.entries()) {
    const decoded = decodeEntry(entry, index);
    managed.set(managerId(decoded), decoded);
  }
  return managed;
}

function decodeEntry(entry: unknown, index: number): ManagedEntry {
  if (!isJsonObject(entry)) throw new SyntaxError('a managed fields entry has to be an object');
  const { manager, operation, apiVersion, subresource, time, fieldsType, fieldsV1 } = entry;
  if (operation !== 'Apply' && operation !== 'Update')
    throw new SyntaxError('operation must be `Apply` or `Update`');
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw new SyntaxError('apiVersion must not be empty');
  if (fieldsType === undefined || fieldsType === '')
    throw new SyntaxError(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== 'FieldsV1')
    throw new SyntaxError(
      `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`,
    );
  return {
    manager: typeof manager === 'string' ? manager : '',
    operation,
    apiVersion,
    ...(typeof subresource === 'string' && subresource !== '' ? { subresource } : {}),
    ...(typeof time === 'string' ? { time } : {}),
    fields: decodeFieldsV1(fieldsV1 ?? {}),
  };
}

/** Entries as they stand in `metadata.managedFields`, in upstream's order: appliers first, then by time, name, version. */
export function encodeManagedFields(managed: ManagedEntries): readonly ManagedFieldsEntry[] {
  return [...managed.values()].sort(compareEntries).map((entry) => ({
    ...(entry.manager === '' ? {} : { manager: entry.manager }),
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: encodeFieldsV1(entry.fields),
    ...(entry.subresource === undefined ? {} : { subresource: entry.subresource }),
  }));
}

function compareEntries(left: ManagedEntry, right: ManagedEntry): number {
  return (
    compareTexts(left.operation, right.operation) ||
    secondsOf(left) - secondsOf(right) ||
    compareTexts(left.manager, right.manager) ||
    compareTexts(left.apiVersion, right.apiVersion) ||
    compareTexts(left.subresource ?? '', right.subresource ?? '')
  );
}

function compareTexts(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function secondsOf(entry: ManagedEntry): number {
  return entry.time === undefined ? 0 : Math.floor(Date.parse(entry.time) / 1_000);
}

/** Merges the oldest updaters, version by version, until at most {@link updateManagersMax} are left. */
export function withUpdatersCapped(managed: ManagedEntries): ManagedEntries {
  const updaters = [...managed.entries()]
    .filter(([, entry]) => entry.operation === 'Update')
    .sort(
      ([leftId, left], [rightId, right]) =>
        secondsOf(left) - secondsOf(right) || compareTexts(leftId, rightId),
    );
  const capped = new Map(managed);
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const [id, entry] of updaters) {
    if (count <= updateManagersMax) break;
    const first = firstOfVersion.get(entry.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(entry.apiVersion, id);
      continue;
    }
    const bucket: FieldManager = {
      manager: mergedManager,
      operation: 'Update',
      apiVersion: entry.apiVersion,
    };
    const bucketId = managerId(bucket);
    const into = capped.get(bucketId) ?? capped.get(first);
    if (!capped.has(bucketId)) capped.delete(first);
    capped.delete(id);
    const fields = into ? entry.fields.union(into.fields) : entry.fields;
    capped.set(bucketId, { ...bucket, time: entry.time, fields });
    count--;
  }
  return capped;
}
