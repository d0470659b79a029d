// POST: a new object.

import { type ApiError, type ApiResponse, type FieldError, invalidError } from '@tweendeck/kube';
import { refuseCreation, refuseEscalation } from './access/escalation.ts';
import { copyOf, type Draft } from './draft.ts';
import {
  alreadyExists,
  badRequest,
  createWhileTerminating,
  generatedNameTaken,
  plainFailure,
} from './failures.ts';
import { ownByUpdate } from './field-manager.ts';
import { generatedName, metadataProblems, ownersOnce, stampNew, tidyMetadata } from './metadata.ts';
import type { ServedResource } from './registry.ts';
import type { StoredObject } from './stored-object.ts';
import { answer, contextOf, type Intent, store, toStored, type Writing } from './writing.ts';

const generatedNameTries = 8;

/** Creates the object of a request's body. `draft` is in the served version, decoded and defaulted. */
export async function createObject(writing: Writing, draft: Draft): Promise<ApiResponse> {
  const base = draft.metadata.generateName ?? '';
  const generates = !draft.metadata.name && base !== '';
  tellOwnersTwice(writing, draft, 'sent');
  const admitted = await admitNew(writing, draft);
  for (let attempt = 1; ; attempt++) {
    const fresh = {
      draft: copyOf(admitted.draft),
      owned: admitted.owned && copyOf(admitted.owned),
    };
    if (generates) fresh.draft.metadata.name = generatedName(base, writing.random);
    const name = fresh.draft.metadata.name ?? '';
    const stored = await storeNew(writing, fresh);
    if (stored) return answer(writing, 201, stored);
    if (!generates) throw taken(writing, name);
    if (attempt === generatedNameTries) throw generatedNameTaken(writing.resource, name);
  }
}

/** Clients are told whether waiting will help. */
function taken({ state, resource, request }: Writing, name: string): ApiError {
  const key = resource.namespaced ? `${request.namespace}/${name}` : name;
  const present = state.resource(resource.storagePrefix).get(key);
  const isGoing = present?.peek().metadata.deletionTimestamp !== undefined;
  return alreadyExists(resource, name, isGoing ? 'object is being deleted: ' : '');
}

interface CreateOptions {
  /** Set by server-side apply, which writes managed fields itself. */
  readonly ownsManagedFields?: boolean;
  /** Set where the request asked for a change: then making an object takes the right to create. */
  readonly authorize?: boolean;
}

/** Creates, under the name in the draft. @returns Undefined when there is one of that name. @throws ApiError. */
export async function createOnce(
  writing: Writing,
  draft: Draft,
  options: CreateOptions = {},
): Promise<StoredObject | undefined> {
  tellOwnersTwice(writing, draft, options.ownsManagedFields ? 'admitted' : 'sent');
  return storeNew(writing, await admitNew(writing, draft), options);
}

function tellOwnersTwice(
  { warnings }: Writing,
  { metadata }: Draft,
  seen: 'sent' | 'admitted',
): void {
  const warning = ownersOnce(metadata, seen);
  if (warning !== undefined && !warnings.includes(warning)) warnings.push(warning);
}

/** What shall be made, and what its maker asked for where that is something else: only that is his own. */
interface New {
  readonly draft: Draft;
  readonly owned: Draft | undefined;
}

/** Puts the object in its place, and lets admission change it. */
async function admitNew(writing: Writing, draft: Draft): Promise<New> {
  const { resource, request, admission } = writing;
  if (resource.terminating) throw createWhileTerminating(resource);
  placeDraft(draft, resource, request.namespace);
  admission.admitPlace(resource, draft);
  const changing = admission.mutate?.(intentOf(writing, draft));
  const changed = changing instanceof Promise ? await changing : changing;
  const made = changed ? { draft: changed, owned: draft } : { draft, owned: undefined };
  refuseEscalation(writing, made.draft, undefined);
  return made;
}

function intentOf(writing: Writing, object: Draft): Intent {
  const name = object.metadata.name ?? '';
  return { writing, operation: 'CREATE', subresource: '', name, object, previous: undefined };
}

async function storeNew(
  writing: Writing,
  { draft, owned }: New,
  options: CreateOptions = {},
): Promise<StoredObject | undefined> {
  const { resource, admission } = writing;
  if (!options.ownsManagedFields) {
    // Before the server adds its own: nobody owns what he did not ask for.
    const asked = owned ?? draft;
    tidyMetadata(asked.metadata);
    ownByUpdate(writing, { previous: undefined, next: asked, part: 'main' });
    const { managedFields } = asked.metadata;
    if (managedFields) draft.metadata.managedFields = managedFields;
  }
  complete(writing, draft);
  refuseInvalid(resource, draft, createProblems(resource, draft));
  if (options.authorize) refuseCreation(writing);
  const checking = admission.check?.(intentOf(writing, draft));
  if (checking instanceof Promise) await checking;
  if (draft.metadata.resourceVersion) {
    throw plainFailure('resourceVersion should not be set on objects to be created');
  }
  const key = resource.namespaced
    ? `${draft.metadata.namespace}/${draft.metadata.name}`
    : (draft.metadata.name ?? '');
  if (writing.state.resource(resource.storagePrefix).get(key)) return undefined;
  using _reserved = admission.admitCreate(resource, draft);
  writing.warnings.push(...(resource.strategy.warnings?.(draft) ?? []));
  return await store(writing, { key, draft: toStored(resource, draft), expectedRevision: 0 });
}

/** Sets what the server decides. */
function complete(writing: Writing, draft: Draft): void {
  const { random, clock, resource } = writing;
  const { strategy } = resource;
  stampNew(draft, { random, nowMs: clock.nowMs() });
  tidyMetadata(draft.metadata);
  strategy.prepareCreate?.(draft, contextOf(writing));
  if (strategy.generation !== 'none') draft.metadata.generation = 1; // of others it is whoever's who sent it
}

function createProblems(resource: ServedResource, draft: Draft): readonly FieldError[] {
  const { strategy, namespaced, custom } = resource;
  const { nameProblems } = strategy;
  return [
    ...metadataProblems(draft.metadata, { nameProblems, namespaced, custom }),
    ...(strategy.validate?.(draft, undefined, 'main') ?? []),
  ];
}

/** @throws ApiError Invalid when there are problems. */
export function refuseInvalid(
  resource: ServedResource,
  draft: Draft,
  problems: readonly FieldError[],
): void {
  if (problems.length === 0) return;
  const { kind, group } = resource;
  // Events of both groups are one kind upstream, which is core's.
  const shown = { kind, group: group === 'events.k8s.io' ? '' : group };
  throw invalidError(shown, draft.metadata.name ?? '', problems);
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
