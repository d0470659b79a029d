// Who owns which field: keeps `metadata.managedFields` for every kind of write, and merges what is applied.

import {
  applyConfiguration,
  conflictError,
  type FieldSet,
  fieldSetOf,
  type ObjectSchema,
  updateManagedFields,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import type { Draft, DraftMeta, Fields } from './draft.ts';
import type { ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';
import type { Part } from './strategy.ts';
import type { Writing } from './writing.ts';

/** Fields that an endpoint cannot change belong to nobody who asks for them there. */
const resetByMain: FieldSet = fieldSetOf(['status']);
const resetByStatus: FieldSet = fieldSetOf(['spec'], ['metadata', 'deletionTimestamp']);
const resetByCustomStatus: FieldSet = fieldSetOf(['spec']); // metadata is left as it is, and owned all the same

function resetFields(resource: ServedResource, part: Part): FieldSet | undefined {
  if (!resource.strategy.statusApart) return undefined;
  if (part === 'status') return resource.custom ? resetByCustomStatus : resetByStatus;
  return resetByMain;
}

interface Ownership {
  readonly previous: Draft | undefined;
  readonly next: Draft;
  readonly part: Part;
}

function common(writing: Writing, part: Part) {
  const { resource, clock, options } = writing;
  return {
    manager: options.fieldManager,
    apiVersion: apiVersionText(resource),
    subresource: part === 'main' ? undefined : part,
    time: timestampOf(clock.nowMs()),
    resetFields: resetFields(resource, part),
    versions: resource.versions,
  };
}

/** Accounts for a create or update: gives `next` its managed fields. */
export function ownByUpdate(writing: Writing, { previous, next, part }: Ownership): void {
  const schema = writing.resource.objectSchema();
  if (!schema) return;
  const { metadata } = updateManagedFields({
    before: previous,
    after: writing.resource.custom ? next : withoutNulls(next),
    operation: 'Update',
    schema,
    ...common(writing, part),
    // Who only scales was never noted with a time upstream.
    ...(part === 'scale' ? { time: undefined } : {}),
  });
  takeManagedFields(next.metadata, metadata);
}

/** Fields of built-in kinds that are null are not there: nobody owns them. */
function withoutNulls<Value>(value: Value): Value {
  if (!hasNull(value)) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item)) as Value; // a list stays one
  const entries = Object.entries(value as object).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls(inner)])) as Value; // with fewer fields
}

function hasNull(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === null;
  return Object.values(value).some(hasNull);
}

function takeManagedFields(target: DraftMeta, source: unknown): void {
  // Only managedFields differ from what was handed in.
  const { managedFields } = source as DraftMeta;
  if (managedFields === undefined) delete target.managedFields;
  else target.managedFields = managedFields;
}

export interface Applying {
  /** Undefined when there is no object yet. */
  readonly live: Draft | undefined;
  readonly applied: Fields;
  readonly part: Part;
  readonly schema: ObjectSchema;
}

/** The object after an apply, with its managed fields; `live` itself when nothing changes. @throws ApiError Conflict. */
export function mergeApplied(writing: Writing, applying: Applying): Readonly<Fields> {
  const { live, applied, part, schema } = applying;
  const result = applyConfiguration({
    live,
    applied,
    kind: writing.resource.kind,
    schema,
    force: writing.options.force,
    ...common(writing, part),
  });
  if (result.outcome === 'conflict') throw conflictError(result.conflicts);
  return result.object;
}
