// PUT and everything that ends as one: read, change, check, write if nobody was faster.

import { type ApiResponse, type FieldError, fieldInvalid, invalidError } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { refuseEscalation } from './access/escalation.ts';
import { createOnce, refuseInvalid } from './create.ts';
import { copyOf, type Draft } from './draft.ts';
import { badRequest, conflict, notFound, plainFailure } from './failures.ts';
import { ownByUpdate } from './field-manager.ts';
import {
  carryMetadata,
  metadataProblems,
  metadataUpdateProblems,
  ownersOnce,
  tidyMetadata,
} from './metadata.ts';
import { requestKey } from './read.ts';
import { encodeForStore, StoredObject } from './stored-object.ts';
import type { Part } from './strategy.ts';
import {
  answer,
  commit,
  contextOf,
  type Intent,
  store,
  toServed,
  toStored,
  type Writing,
} from './writing.ts';

/** Writes that do not take turns, such as the expiry of events, may still come between. */
const triesMax = 20;

export interface Change {
  readonly part: Part;
  /** Makes the wanted object from the present one (both served version); called again when somebody was faster. */
  readonly make: (present: Draft) => Draft | Promise<Draft>;
  /** True when the client names the version it changes: then somebody else's write is a conflict at once. */
  readonly guarded?: boolean;
  /** Set by server-side apply, which writes managed fields itself. */
  readonly ownsManagedFields?: boolean;
  /** Asked once the object is made: whether the generation counts it as changed although what was changed is not kept. */
  readonly countsAnyway?: () => boolean;
  /** How admission sees the object where an endpoint shows another: a Scale. */
  readonly view?: ChangeView;
}

interface ChangeView {
  readonly kind: NonNullable<Intent['kind']>;
  readonly show: (object: Draft) => Draft;
  /** Takes what admission changed of what it was shown into the object. */
  readonly take: (object: Draft, shown: Draft) => void;
}

export interface Updated {
  readonly object: StoredObject;
  readonly created: boolean;
}

/** PUT of an object or of a subresource that has the same shape. */
export async function replaceObject(
  writing: Writing,
  body: Draft,
  part: Part,
): Promise<ApiResponse> {
  const { request, resource } = writing;
  const { metadata } = body;
  checkPlace(metadata, request);
  const uid = metadata.uid;
  const guarded = Boolean(metadata.resourceVersion);
  const make = (present: Draft): Draft => {
    if (uid && uid !== present.metadata.uid)
      throw conflict(resource, request.name, uidMessage(writing, uid, present));
    return copyOf(body);
  };
  const cache = writing.state.resource(resource.storagePrefix);
  if (
    !cache.get(requestKey(request, resource)) &&
    resource.strategy.createOnUpdate &&
    part === 'main'
  ) {
    if (!guarded) {
      const created = await createOnce(writing, copyOf(body), { authorize: true });
      if (created) return answer(writing, 201, created);
    }
  }
  const { object } = await updateObject(writing, { part, guarded, make });
  return answer(writing, 200, object);
}

/** An object stays what and where its URL says; the namespace may be left out. @throws ApiError BadRequest. */
export function checkPlace(metadata: Draft['metadata'], request: Writing['request']): void {
  const { name, namespace } = request;
  if (!metadata.name) {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (namespace === '') return;
  metadata.namespace ||= namespace;
  if (metadata.namespace !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
}

function uidMessage(writing: Writing, uid: string, present: Draft): string {
  const { uid: own } = present.metadata;
  return invalidObject(writing, `UID in precondition: ${uid}, UID in object meta: ${own}`);
}

/** Upstream's text for an object that is not as the client said it is; `found` says in which way. */
export function invalidObject({ request, resource }: Writing, found: string): string {
  const key = `/registry/${resource.plural}/${requestKey(request, resource)}`;
  return `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${found}`;
}

/** Changes the object a request names, in turn with other writers of it. @throws ApiError. */
export function updateObject(writing: Writing, change: Change): Promise<Updated> {
  const { state, resource, request } = writing;
  const key = requestKey(request, resource);
  const run = async (): Promise<Updated> => {
    const cache = state.resource(resource.storagePrefix);
    for (let attempt = 1; attempt <= triesMax; attempt++) {
      const present = cache.get(key);
      if (!present) throw notFound(resource, request.name);
      const object = await updateOnce(writing, change, present);
      if (object) return { object, created: false };
      if (change.guarded) break;
    }
    throw conflict(resource, request.name);
  };
  // Whoever answers for somebody outside may write this object himself meanwhile.
  if (writing.admission.waits?.(resource)) return run();
  return state.turns.take(`${resource.storagePrefix}${key}`, run);
}

async function updateOnce(
  writing: Writing,
  change: Change,
  present: StoredObject,
): Promise<StoredObject | undefined> {
  const { resource, admission } = writing;
  const previous = toServed(resource, present.draft());
  const asked = await change.make(copyOf(previous));
  // Only who sends a whole object says whether it names a version.
  const isSent = change.guarded !== undefined;
  if (isSent) nameOwnersOnce(writing, asked, 'sent');
  refuseStale(writing, asked, present, change);
  const seen = change.part !== 'binding'; // a binding was looked at before it came here
  const asking = intentOf(writing, change, { next: asked, previous });
  const changing = seen ? admission.mutate?.(asking) : undefined;
  const answer = changing instanceof Promise ? await changing : changing;
  if (answer && change.view) change.view.take(asked, answer);
  const changed = change.view ? undefined : answer;
  const next = changed ?? asked;
  if (change.part === 'main') refuseEscalation(writing, next, previous);
  prepare(writing, { next: asked, previous, change });
  if (changed) {
    prepare(writing, { next, previous, change: { ...change, ownsManagedFields: true } });
    if (asked.metadata.managedFields) next.metadata.managedFields = asked.metadata.managedFields;
  }
  // What a patch names twice belongs to who did.
  if (!isSent) nameOwnersOnce(writing, next, 'admitted');
  const problems = updateProblems(writing, { next, previous, change });
  refuseInvalid(resource, next, problems);
  const checking = seen
    ? admission.check?.(intentOf(writing, change, { next, previous }))
    : undefined;
  if (checking instanceof Promise) await checking;
  using _reserved = writing.admission.admitUpdate(resource, next, previous);
  next.metadata.resourceVersion = String(present.revision);
  forgiveTimes(next, previous);
  if (isDone(next, previous)) return await removeFinished(writing, next, present);
  if (jsonEqual(next, previous) && isAsStored(writing, next, present)) return present;
  const warnings = resource.strategy.warnings?.(next) ?? [];
  const stored = await store(writing, {
    key: present.key,
    draft: toStored(resource, next),
    expectedRevision: present.revision,
  });
  if (stored && change.part === 'main') writing.warnings.push(...warnings);
  return stored;
}

function nameOwnersOnce(
  { warnings }: Writing,
  { metadata }: Draft,
  seen: 'sent' | 'admitted',
): void {
  const warning = ownersOnce(metadata, seen);
  if (warning !== undefined && !warnings.includes(warning)) warnings.push(warning);
}

/** Schemas of custom kinds change, and differ between versions: what is read can be other than what is stored. */
function isAsStored({ resource }: Writing, next: Draft, present: StoredObject): boolean {
  if (!resource.custom) return true;
  const { metadata: _, ...stored } = toStored(resource, next);
  const { metadata: __, ...before } = present.draft();
  return jsonEqual(stored, before);
}

function intentOf(
  writing: Writing,
  { part, view }: Change,
  { next, previous }: { readonly next: Draft; readonly previous: Draft },
): Intent {
  const common = { writing, operation: 'UPDATE', name: writing.request.name } as const; // the operation of its type
  if (view) {
    const shown = { object: view.show(next), previous: view.show(previous) };
    return { ...common, subresource: part, kind: view.kind, ...shown };
  }
  return {
    ...common,
    subresource: part === 'main' ? '' : part,
    object: next,
    previous,
  };
}

/** A write that changes nothing but the times of its managed fields changes nothing. */
function forgiveTimes(next: Draft, previous: Draft): void {
  const times = ({ managedFields = [] }: Draft['metadata']): unknown =>
    managedFields.map(({ time: _, ...entry }) => entry);
  if (!jsonEqual(times(next.metadata), times(previous.metadata))) return;
  const { managedFields } = next.metadata;
  if (previous.metadata.managedFields)
    next.metadata.managedFields = previous.metadata.managedFields;
  if (jsonEqual(next, previous)) return;
  if (managedFields) next.metadata.managedFields = managedFields;
}

function refuseStale(
  { resource, request }: Writing,
  next: Draft,
  present: StoredObject,
  change: Change,
): void {
  const version = next.metadata.resourceVersion ?? '';
  if (version === '' || version === '0') {
    if (resource.strategy.unconditionalUpdate || change.guarded === undefined) return;
    const named = { group: resource.group, kind: resource.plural }; // upstream takes one for the other here
    throw invalidError(named, request.name, [
      fieldInvalid('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  }
  if (!/^\d+$/.test(version)) {
    throw plainFailure(`strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`);
  }
  if (Number(version) !== present.revision) throw conflict(resource, request.name);
}

interface Step {
  readonly next: Draft;
  readonly previous: Draft;
  readonly change: Change;
}

function prepare(writing: Writing, { next, previous, change }: Step): void {
  const { strategy } = writing.resource;
  carryMetadata(next.metadata, previous.metadata);
  tidyMetadata(next.metadata);
  // As it was sent: what this endpoint cannot change can be wrong all the same, and then nobody owns anything.
  const isOwned = !change.ownsManagedFields && change.part !== 'binding'; // who binds owns nothing, as upstream
  if (isOwned) ownByUpdate(writing, { previous, next, part: change.part });
  separateStatus(writing, { next, previous, change });
  strategy.prepareUpdate?.(next, previous, change.part, contextOf(writing));
  if (
    change.part !== 'binding' && // as upstream: being given a node is no change of what is wanted
    (strategy.generation === 'counted' || strategy.generation === 'annotations') &&
    (change.countsAnyway?.() ||
      !jsonEqual(counted(writing, next, change.part), counted(writing, previous, change.part)))
  ) {
    next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
  }
}

/** What the generation counts: everything but metadata and, where it is apart, status; annotations with some kinds. */
function counted({ resource }: Writing, { metadata, ...rest }: Draft, part: Part): unknown {
  const { generation, statusApart } = resource.strategy;
  const { annotations = {} } = metadata;
  const noted = generation === 'annotations' && part === 'main' ? { annotations } : {};
  if (!statusApart) return { ...rest, ...noted };
  const { status: _, ...desired } = rest;
  return { ...desired, ...noted };
}

/** Each endpoint writes its own part and leaves the other as it is. */
function separateStatus({ resource }: Writing, { next, previous, change }: Step): void {
  if (!resource.strategy.statusApart) return;
  if (change.part === 'main' || change.part === 'scale') {
    restore(next, previous, 'status');
    return;
  }
  if (change.part !== 'status') return;
  for (const key of new Set([...Object.keys(next), ...Object.keys(previous)])) {
    if (key !== 'status' && key !== 'metadata') restore(next, previous, key);
  }
  if (!resource.custom) return; // built-in status endpoints let labels, annotations and finalizers through
  const { managedFields, resourceVersion } = next.metadata;
  next.metadata = { ...previous.metadata };
  if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
  if (managedFields) next.metadata.managedFields = managedFields;
  else delete next.metadata.managedFields;
}

function restore(next: Draft, previous: Draft, key: string): void {
  if (previous[key] === undefined) delete next[key];
  else next[key] = previous[key];
}

function updateProblems(
  { resource }: Writing,
  { next, previous, change }: Step,
): readonly FieldError[] {
  const { strategy, namespaced } = resource;
  const { nameProblems } = strategy;
  const changed = metadataUpdateProblems(next.metadata, previous.metadata);
  return [
    // Finalizers of old may be of any form.
    ...metadataProblems(next.metadata, { nameProblems: () => [], namespaced, custom: true }),
    ...changed,
    ...changed, // told of twice upstream: by what all kinds share, and by each of them
    ...(strategy.validate?.(next, previous, change.part) ?? []),
    ...(next.metadata.name
      ? []
      : nameProblems('').map((text) => fieldInvalid('metadata.name', '', text))),
  ];
}

/** Whether nothing holds a deleted object any more. */
function isDone(next: Draft, previous: Draft): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = previous.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  if ((next.metadata.finalizers ?? []).length > 0) return false;
  const spec = next.kind === 'Namespace' ? next['spec'] : undefined;
  return !hasFinalizers(spec);
}

function hasFinalizers(spec: unknown): boolean {
  if (typeof spec !== 'object' || spec === null || !('finalizers' in spec)) return false;
  return Array.isArray(spec.finalizers) && spec.finalizers.length > 0;
}

/** Stored is only that it is gone: what its last update changed besides, nobody sees but who asked, in the version before. */
async function removeFinished(
  writing: Writing,
  next: Draft,
  present: StoredObject,
): Promise<StoredObject | undefined> {
  const { state, resource, options } = writing;
  const { key, revision: expectedRevision } = present;
  const value = encodeForStore(toStored(resource, next));
  if (options.dryRun) return new StoredObject(key, value, expectedRevision);
  const revision = await commit(
    { state },
    { operation: 'delete', key: `${resource.storagePrefix}${key}`, expectedRevision },
  );
  return revision === undefined ? undefined : new StoredObject(key, value, expectedRevision);
}
