// What all writes share: who writes what, under which options, and how the outcome is answered.

import type { ApiResponse, UserInfo } from '@tweendeck/kube';
import { isPlatformError, type Logger, type Random } from '@tweendeck/std';
import type { Mutation } from '@tweendeck/store';
import type { Access } from './access/access.ts';
import type { Draft } from './draft.ts';
import { objectTooLarge } from './failures.ts';
import type { Reading } from './read.ts';
import type { ServedResource } from './registry.ts';
import { renderObject } from './rendering.ts';
import { bytesResponse } from './response.ts';
import { encodeForStore, StoredObject } from './stored-object.ts';
import type { WriteOptions } from './write-options.ts';

/** What is about to be done to an object, for those who may change or refuse it. */
export interface Intent {
  readonly writing: Writing;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** Empty for the object itself. */
  readonly subresource: string;
  /** Empty while a new object has none yet. */
  readonly name: string;
  /** As it shall be, in the served version; not to be changed. Undefined when it shall go. */
  readonly object: Draft | undefined;
  /** As it is, in the served version; not to be changed. Undefined when it is new. */
  readonly previous: Draft | undefined;
  /** The kind of `object` where it is not the resource's: a Scale, a Binding. */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
  /** What a delete says besides. */
  readonly deleteOptions?: Readonly<Record<string, unknown>>;
}

/** Hooks into the rest of the server that a write may need. */
export interface Admission {
  /** Whether hooks for writes of this resource may take their time, so that nobody should wait for his turn meanwhile. */
  readonly waits?: (resource: ServedResource) => boolean;
  /** Changes what somebody wants to write before the server completes and checks it. @returns The changed copy; undefined: as it is. @throws ApiError. */
  readonly mutate?: (intent: Intent) => Draft | undefined | Promise<Draft | undefined>;
  /** The last word on what is about to be stored or deleted. @throws ApiError. */
  readonly check?: (intent: Intent) => void | Promise<void>;
  /** Before a new object is looked at: may there be one at all in its namespace? @throws ApiError. */
  readonly admitPlace: (resource: ServedResource, draft: Draft) => void;
  /** Before anything is stored: address allocation. Dispose of the result once the write is done or failed. @throws ApiError. */
  readonly admitCreate: (resource: ServedResource, draft: Draft) => Disposable;
  readonly admitUpdate: (resource: ServedResource, draft: Draft, previous: Draft) => Disposable;
}

export interface Writing extends Reading {
  readonly random: Random;
  readonly log: Logger;
  readonly user: UserInfo;
  readonly access: Access;
  readonly options: WriteOptions;
  readonly admission: Admission;
  /** Notes for the audit log. */
  readonly annotate: (key: string, value: string) => void;
  /** Warnings for the client, collected on the way. */
  readonly warnings: string[];
}

/** The context that strategies get. */
export function contextOf({ user, clock }: Writing): { user: UserInfo; nowMs: number } {
  return { user, nowMs: clock.nowMs() };
}

/** In the stored version. */
export function toStored(resource: ServedResource, draft: Draft): Draft {
  return resource.toStored ? resource.toStored(draft) : draft;
}

/** In the served version. */
export function toServed(resource: ServedResource, stored: Draft): Draft {
  return resource.fromStored ? resource.fromStored(stored) : stored;
}

/** Stores a draft (in the stored version). @returns What was stored, or undefined when the key was not at `expectedRevision`. */
export async function store(
  { state, resource, options }: Writing,
  {
    key,
    draft,
    expectedRevision,
  }: { readonly key: string; readonly draft: Draft; readonly expectedRevision: number },
): Promise<StoredObject | undefined> {
  const value = encodeForStore(draft);
  if (value.byteLength > objectBytesMax) throw objectTooLarge();
  if (options.dryRun) return new StoredObject(key, value, expectedRevision);
  const storeKey = `${resource.storagePrefix}${key}`;
  const revision = await commit(
    { state },
    {
      operation: 'put',
      key: storeKey,
      value,
      expectedRevision,
      reclaims: draft.metadata.deletionTimestamp !== undefined, // leads to a delete
    },
  );
  if (revision === undefined) return undefined;
  const cached = state.resource(resource.storagePrefix).get(key);
  return cached?.revision === revision ? cached : new StoredObject(key, value, revision);
}

/** As much as etcd takes, with a little for what it puts around an object. */
const objectBytesMax = 1_572_864 - 1_024;

/** Commits one mutation. @returns Its revision, or undefined on a conflict. */
export async function commit(
  { state }: Pick<Writing, 'state'>,
  mutation: Mutation,
): Promise<number | undefined> {
  try {
    const [revision] = await state.commit([mutation]);
    return revision;
  } catch (error) {
    if (!isPlatformError(error, 'STORE_CONFLICT')) throw error;
    await state.untilFresh(state.store.revision); // so that the next try sees who was first
    return undefined;
  }
}

/** The answer that shows an object. */
export function answer(writing: Writing, status: number, object: StoredObject): ApiResponse {
  const { resource, form, clock } = writing;
  const pieces = renderObject({ resource, form, nowMs: clock.nowMs() }, object);
  return bytesResponse(status, 'application/json', pieces);
}
