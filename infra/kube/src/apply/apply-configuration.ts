// Server-side apply: merges what a manager wants into the live object, and keeps the books on who owns what.

import { jsonEqual } from '@tweendeck/std';
import { parseApiVersion } from '../resource.ts';
import { ApiError } from '../status.ts';
import { type ApplyConflict, conflictsOf } from './apply-conflict.ts';
import { fieldsOf } from './extract-fields.ts';
import { ownable, reconciled, transferOwnership } from './field-ownership.ts';
import type { FieldSet } from './field-set.ts';
import { kubectlManager, lastAppliedFields, withLastApplied } from './last-applied.ts';
import {
  decodeManagedFields,
  type FieldManager,
  type ManagedEntries,
  managerId,
} from './managed-fields.ts';
import {
  describeObject,
  type JsonRecord,
  managedFieldsOf,
  withManagedFields,
  withoutManagedFields,
} from './managed-object.ts';
import { mergeTyped } from './merge-typed.ts';
import type { ObjectSchema } from './object-schema.ts';
import { type KindVersions, ObjectVersions } from './object-versions.ts';
import { pruneFields, withoutEmptied } from './prune-fields.ts';
import { TypedFault, within } from './typed-fault.ts';
import { updatedEntries } from './update-managed-fields.ts';
import { validateTyped } from './validate-typed.ts';

export interface ApplyRequest {
  /** The stored object; undefined when there is none yet. */
  readonly live: JsonRecord | undefined;
  /** What the manager wants; `metadata.managedFields` has to be absent. */
  readonly applied: JsonRecord;
  readonly manager: string;
  /** Takes over what others own with other values, instead of answering with the conflicts. */
  readonly force: boolean;
  /** Version and kind of the request; those of `applied` have to be the same. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly subresource?: string | undefined;
  /** RFC 3339 of now, whole seconds. */
  readonly time: string;
  readonly schema: ObjectSchema;
  /** The other versions that managers may speak; without it, all versions have the schema above. */
  readonly versions?: KindVersions | undefined;
  /** Fields that this request cannot change, such as `status` outside the status subresource. */
  readonly resetFields?: FieldSet | undefined;
}

export type ApplyResult =
  | {
      readonly outcome: 'applied';
      /** The merged object with its managed fields, before defaults and validation; `live` itself when nothing changes. */
      readonly object: JsonRecord;
      readonly changed: boolean;
    }
  | { readonly outcome: 'conflict'; readonly conflicts: readonly ApplyConflict[] };

/**
 * Applies a configuration as structured-merge-diff does. Throws {@link ApiError} 400 for another version or for managed
 * fields in the configuration, and 500, as kube-apiserver does, for one that does not fit the schema. Changes no input.
 */
export function applyConfiguration(request: ApplyRequest): ApplyResult {
  refuseOtherKind(request);
  const self: FieldManager = {
    manager: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Apply',
    apiVersion: request.apiVersion,
    ...(request.subresource ? { subresource: request.subresource } : {}),
  };
  const before = withoutManagedFields(request.live ?? {});
  const versions = new ObjectVersions(request, request.versions);
  const managed = entriesBefore(request, before);
  refuseUnfit(request);
  typed(`failed to create typed live object (${describeObject(before, request.apiVersion)})`, () =>
    validateTyped(versions.type, before, 'allowed'),
  );
  const attempt = (force: boolean): Merged =>
    typed('', () => merged({ ...request, force, self, before, managed, versions }));
  const result = attempt(request.force);
  if (result.outcome === 'applied' || request.manager !== kubectlManager)
    return finished(request, self, before, result);
  const allowed = lastAppliedFields(before, request.schema.type, request.apiVersion);
  const conflicts = result.conflicts.filter(({ path }) => !allowed.has(path));
  if (conflicts.length > 0) return { outcome: 'conflict', conflicts };
  return finished(request, self, before, attempt(true));
}

interface Merging extends Omit<ApplyRequest, 'versions'> {
  readonly versions: ObjectVersions;
  readonly self: FieldManager;
  readonly before: JsonRecord;
  readonly managed: ManagedEntries;
}

type Merged =
  | { readonly outcome: 'applied'; readonly object: JsonRecord; readonly managed: ManagedEntries }
  | { readonly outcome: 'conflict'; readonly conflicts: readonly ApplyConflict[] };

function merged({ self, before, versions, ...request }: Merging): Merged {
  const { type } = versions;
  const { resetFields } = request;
  const id = managerId(self);
  const managed = reconciled(request.managed, versions, before);
  const last = managed.get(id);
  const mergedObject = within('failed to merge config', () =>
    mergeTyped(type, before, request.applied),
  );
  const wanted = fieldsOf(type, request.applied);
  const fields = resetFields ? wanted.recursiveDifference(resetFields) : wanted;
  const entries = new Map(managed).set(id, { ...self, time: last?.time, fields });
  const after = within('failed to prune fields', () =>
    pruneFields(versions, mergedObject, { last, owned: entries.values() }),
  );
  const transfer = transferOwnership({ versions, before, after, resetFields }, entries, id);
  if (!request.force && transfer.contested.size > 0) {
    const contested = [...transfer.contested].flatMap(([owner, taken]) => {
      const entry = entries.get(owner);
      return entry ? [[entry, taken] as const] : [];
    });
    return { outcome: 'conflict', conflicts: conflictsOf(contested) };
  }
  const left = new Map(transfer.managed);
  const own = ownable(fields, undefined);
  if (own.isEmpty) left.delete(id);
  else left.set(id, { ...self, time: last?.time, fields: own });
  const kept =
    request.schema.emptied === 'zero' ? withoutEmptied(type, after, mergedObject) : after;
  const object = kept as JsonRecord; // a merge of objects is one
  return { outcome: 'applied', object, managed: left };
}

/** The time moves with the object only; an apply that changes neither object nor ownership gives back `live`. */
function finished(
  request: ApplyRequest,
  self: FieldManager,
  before: JsonRecord,
  result: Merged,
): ApplyResult {
  if (result.outcome === 'conflict') return result;
  const entries = new Map(result.managed);
  const own = entries.get(managerId(self));
  const changed = request.live === undefined || !jsonEqual(before, result.object);
  if (own && changed) entries.set(managerId(self), { ...own, time: request.time });
  const managedObject = withManagedFields(changed ? result.object : before, entries);
  const object =
    request.manager === kubectlManager
      ? withLastApplied(managedObject, request.applied)
      : managedObject;
  if (request.live !== undefined && jsonEqual(object, request.live))
    return { outcome: 'applied', object: request.live, changed: false };
  return { outcome: 'applied', object, changed: true };
}

/** What is in an object that nobody applied to yet belongs to a manager made up for it. */
function entriesBefore(request: ApplyRequest, before: JsonRecord): ManagedEntries {
  let managed: ManagedEntries;
  try {
    managed = decodeManagedFields(managedFieldsOf(request.live));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ApiError(500, '', `failed to decode managed fields: ${error.message}`);
  }
  if (managed.size > 0 || request.live === undefined) return managed;
  return typed('failed to create manager for existing fields', () =>
    updatedEntries(
      {
        ...request,
        before: undefined,
        after: before,
        manager: 'before-first-apply',
        operation: 'Update',
      },
      managed,
    ),
  );
}

function refuseOtherKind({ applied, apiVersion, kind }: ApplyRequest): void {
  const { apiVersion: saidVersion = '', kind: saidKind = '' } = applied;
  if (saidVersion === apiVersion && saidKind === kind) return;
  const { group, version } = parseApiVersion(String(saidVersion));
  const said = `${group}/${version}, Kind=${String(saidKind)}`;
  throw new ApiError(400, 'BadRequest', `invalid object type: ${said}`);
}

function refuseUnfit({ applied, apiVersion, schema }: ApplyRequest): void {
  const entries = managedFieldsOf(applied);
  if (entries !== undefined && entries !== null)
    throw new ApiError(400, 'BadRequest', 'metadata.managedFields must be nil');
  typed(`failed to create typed patch object (${describeObject(applied, apiVersion)})`, () =>
    validateTyped(schema.type, applied),
  );
}

function typed<Value>(what: string, make: () => Value): Value {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypedFault)
      throw new ApiError(500, '', what === '' ? error.message : `${what}: ${error.message}`);
    throw error;
  }
}
