// Who owns which field: keeps `metadata.managedFields` for every kind of write, and merges what is applied.

import {
  applyConfiguration,
  conflictError,
  type FieldSet,
  fieldSetOf,
  type ManagedUpdate,
  type ObjectSchema,
  updateManagedFields,
} from '@tweendeck/kube';
import { isJsonObject, timestampOf } from '@tweendeck/std';
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
    after: previous || writing.resource.custom ? next : withoutNulls(next),
    operation: 'Update',
    schema,
    ...common(writing, part),
    ...(part === 'scale' ? ofScale(writing) : {}),
  });
  takeManagedFields(next.metadata, metadata);
}

/** Who only scales was never noted with a time upstream, and not at all while the replicas are nobody's, as defaults are. */
function ofScale({ resource: { scale } }: Writing): Partial<ManagedUpdate> {
  return { time: undefined, shown: scale && fieldSetOf(scale.specReplicas) };
}

/**
 * A new object is held against an empty one of its kind, in which fields that are not there are null: those that are null
 * in both are nobody's. Elements of lists have no such counterpart.
 */
function withoutNulls(object: Draft): Draft {
  return pruned(object) as Draft; // with fewer fields
}

function pruned(value: unknown): unknown {
  if (
    !isJsonObject(value) ||
    !Object.values(value).some((each) => each === null || isJsonObject(each))
  ) {
    return value;
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, pruned(inner)]));
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
