// POST: a new object.

import { type ApiResponse, type FieldError, invalidError } from '@tweendeck/kube';
import { copyOf, type Draft } from './draft.ts';
import {
  alreadyExists,
  badRequest,
  createWhileTerminating,
  generatedNameTaken,
} from './failures.ts';
import { ownByUpdate } from './field-manager.ts';
import { generatedName, metadataProblems, stampNew, tidyMetadata } from './metadata.ts';
import type { ServedResource } from './registry.ts';
import type { StoredObject } from './stored-object.ts';
import { answer, contextOf, store, toStored, type Writing } from './writing.ts';

const generatedNameTries = 8;

/** Creates the object of a request's body. `draft` is in the served version, decoded and defaulted. */
export async function createObject(writing: Writing, draft: Draft): Promise<ApiResponse> {
  const { metadata } = draft;
  const base = metadata.generateName ?? '';
  const generates = !metadata.name && base !== '';
  for (let attempt = 1; ; attempt++) {
    if (generates) metadata.name = generatedName(base, writing.random);
    const stored = await createOnce(writing, copyOf(draft));
    if (stored) return answer(writing, 201, stored);
    const name = metadata.name ?? '';
    if (!generates) throw alreadyExists(writing.resource, name);
    if (attempt === generatedNameTries) throw generatedNameTaken(writing.resource, name);
  }
}

/** Creates, under the name in the draft. @returns Undefined when there is one of that name. @throws ApiError. */
export async function createOnce(
  writing: Writing,
  draft: Draft,
  options: { readonly ownsManagedFields?: boolean } = {},
): Promise<StoredObject | undefined> {
  const { resource, random, clock, request } = writing;
  if (resource.terminating) throw createWhileTerminating(resource);
  placeDraft(draft, resource, request.namespace);
  writing.admission.admitPlace(resource, draft);
  if (draft.metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  stampNew(draft, { random, nowMs: clock.nowMs() });
  tidyMetadata(draft.metadata);
  const { strategy } = resource;
  strategy.prepareCreate?.(draft, contextOf(writing));
  if (strategy.generation === 'counted') draft.metadata.generation = 1;
  if (!options.ownsManagedFields)
    ownByUpdate(writing, { previous: undefined, next: draft, part: 'main' });
  refuseInvalid(resource, draft, createProblems(resource, draft));
  const key = resource.namespaced
    ? `${draft.metadata.namespace}/${draft.metadata.name}`
    : (draft.metadata.name ?? '');
  if (writing.state.resource(resource.storagePrefix).get(key)) return undefined;
  using _reserved = writing.admission.admitCreate(resource, draft);
  writing.warnings.push(...(strategy.warnings?.(draft) ?? []));
  return await store(writing, { key, draft: toStored(resource, draft), expectedRevision: 0 });
}

function createProblems(resource: ServedResource, draft: Draft): readonly FieldError[] {
  const { strategy, namespaced } = resource;
  const { nameProblems } = strategy;
  return [
    ...metadataProblems(draft.metadata, { nameProblems, namespaced }),
    ...(strategy.validate?.(draft, undefined, 'main') ?? []),
  ];
}

/** @throws ApiError Invalid when there are problems. */
export function refuseInvalid(
  resource: ServedResource,
  draft: Draft,
  problems: readonly FieldError[],
): void {
  if (problems.length > 0) throw invalidError(resource, draft.metadata.name ?? '', problems);
}

/** Puts a body under the namespace of its URL. @throws ApiError BadRequest when it says another. */
function placeDraft(draft: Draft, resource: ServedResource, namespace: string): void {
  const { metadata } = draft;
  if (!resource.namespaced) {
    if (metadata.namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
    return;
  }
  if (namespace === '') {
    throw badRequest('an empty namespace may not be set during creation');
  }
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  metadata.namespace = namespace;
}
