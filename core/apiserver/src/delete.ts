// DELETE: at once, after a grace period, or when the last finalizer is gone.

import type { ApiResponse, Status } from '@tweendeck/kube';
import { jsonEqual, timestampOf } from '@tweendeck/std';
import { type DeleteOptions, finalizersFor, refuseOther } from './delete-options.ts';
import { type Draft, type Fields, objectIn } from './draft.ts';
import { conflict, forbidden, notFound } from './failures.ts';
import { listOptionsOf } from './list-options.ts';
import { Pace } from './pace.ts';
import { requestKey } from './read.ts';
import { renderList } from './rendering.ts';
import { bytesResponse, jsonResponse } from './response.ts';
import { selectionOf } from './selection.ts';
import { encodeForStore, StoredObject } from './stored-object.ts';
import { answer, commit, type Intent, store, toServed, type Writing } from './writing.ts';

const triesMax = 20;
const lastingNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

const waitsForContents: ReadonlySet<string> = new Set(['Namespace', 'CustomResourceDefinition']);

/** What became of an object whose delete was asked for. */
interface Outcome {
  readonly object: StoredObject;
  readonly gone: boolean;
}

export async function deleteObject(writing: Writing, options: DeleteOptions): Promise<ApiResponse> {
  const { resource, request } = writing;
  warnOfOrphans(writing, options);
  const { object, gone } = await deleteKey(writing, requestKey(request, resource), options);
  if (!gone) return answer(writing, 200, object);
  if (resource.strategy.returnsDeleted) return answer(writing, 200, object);
  return jsonResponse(200, successOf(writing, object));
}

function warnOfOrphans({ resource, warnings }: Writing, { policy }: DeleteOptions): void {
  const warning = resource.strategy.orphaningWarning;
  if (warning !== undefined && policy === undefined) warnings.push(warning);
}

function successOf({ resource }: Writing, object: StoredObject): Omit<Status, 'code'> {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.name,
      ...(resource.group === '' ? {} : { group: resource.group }),
      kind: resource.plural,
      uid: object.peek().metadata.uid ?? '',
    },
  };
}

/** Deletes everything a selection matches, and answers with the list of it. */
export async function deleteCollection(
  writing: Writing,
  options: DeleteOptions,
): Promise<ApiResponse> {
  const { state, resource, request, form, clock } = writing;
  listOptionsOf(request.query);
  warnOfOrphans(writing, options);
  const selection = selectionOf(request, resource);
  const cache = state.resource(resource.storagePrefix);
  const objects = [...cache.range(selection.prefix)].filter((each) => selection.matches(each));
  await Promise.all(
    objects.map(async (object) => {
      const own = { ...options, uid: object.peek().metadata.uid };
      try {
        await deleteKey(writing, object.key, own);
      } catch (error) {
        if (cache.get(object.key)?.peek().metadata.uid === own.uid) throw error; // else: gone already
      }
    }),
  );
  const meta = { resourceVersion: String(state.revision) };
  const rendering = { resource, form, nowMs: clock.nowMs() };
  const pieces = await renderList(rendering, objects, { meta, pace: new Pace(clock) });
  return bytesResponse(200, 'application/json', pieces);
}

function deleteKey(writing: Writing, key: string, options: DeleteOptions): Promise<Outcome> {
  const { state, resource, admission } = writing;
  const name = key.slice(key.indexOf('/') + 1);
  if (resource.kind === 'Namespace' && lastingNamespaces.has(name)) {
    throw forbidden(resource, name, 'this namespace may not be deleted');
  }
  const run = async (): Promise<Outcome> => {
    const cache = state.resource(resource.storagePrefix);
    for (let attempt = 1; attempt <= triesMax; attempt++) {
      const present = cache.get(key);
      if (!present) throw notFound(resource, name);
      const draft = present.draft();
      refuseOther(
        draft.metadata,
        options,
        (message) => conflict({ group: resource.group, plural: resource.kind }, name, message), // upstream names the kind here
      );
      const intent = intentOf(writing, { name, previous: draft, options });
      const changing = admission.mutate?.(intent);
      if (changing instanceof Promise) await changing;
      const checking = admission.check?.(intent);
      if (checking instanceof Promise) await checking;
      const outcome = await deleteOnce(writing, { present, draft, options });
      if (outcome) return outcome;
    }
    throw conflict(resource, name);
  };
  if (admission.waits?.(resource)) return run();
  return state.turns.take(`${resource.storagePrefix}${key}`, run);
}

function intentOf(
  writing: Writing,
  {
    name,
    previous,
    options,
  }: { readonly name: string; readonly previous: Draft; readonly options: DeleteOptions },
): Intent {
  return {
    writing: withDryRun(writing, options),
    operation: 'DELETE',
    subresource: '',
    name,
    object: undefined,
    previous: toServed(writing.resource, previous),
    deleteOptions: shownOptions(options),
  };
}

interface Step {
  readonly present: StoredObject;
  /** The present state, to change. */
  readonly draft: Draft;
  readonly options: DeleteOptions;
}

/** @returns Undefined when somebody else wrote between. */
async function deleteOnce(writing: Writing, step: Step): Promise<Outcome | undefined> {
  const { present, draft, options } = step;
  const { metadata } = draft;
  const fresh = metadata.deletionTimestamp === undefined;
  const own = fresh ? (writing.resource.strategy.finalizersOnDelete ?? []) : [];
  const orphans = writing.resource.strategy.orphaningWarning !== undefined;
  const finalizers = [...new Set([...finalizersFor(metadata, options, orphans), ...own])];
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const waitsForNamespace = writing.resource.kind === 'Namespace' && terminate(draft, fresh);
  const graceSeconds = graceOf(writing, step);
  const goes = finalizers.length === 0 && graceSeconds === 0 && !waitsForNamespace;
  // Of what could have taken its time watchers are told first that it is not to.
  const isCutShort = writing.resource.strategy.graceSeconds !== undefined && hasGrace(metadata);
  if (goes && !isCutShort) return remove(writing, present, options);
  mark(writing, draft, { graceSeconds, fresh });
  if (jsonEqual(draft, present.draft())) return { object: present, gone: false };
  const object = await store(withDryRun(writing, options), {
    key: present.key,
    draft,
    expectedRevision: present.revision,
  });
  if (object && goes) return remove(writing, object, options);
  return object && { object, gone: false };
}

function hasGrace({
  deletionTimestamp,
  deletionGracePeriodSeconds = 0,
}: Draft['metadata']): boolean {
  return deletionTimestamp === undefined || deletionGracePeriodSeconds > 0;
}

function shownOptions({ graceSeconds, policy, uid, resourceVersion }: DeleteOptions): Fields {
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
    ...(Object.keys(preconditions).length > 0 ? { preconditions } : {}),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
  };
}

function withDryRun(writing: Writing, { dryRun }: DeleteOptions): Writing {
  return dryRun ? { ...writing, options: { ...writing.options, dryRun } } : writing;
}

/** The seconds of grace from the first request on: later ones may only shorten it. */
function graceOf({ resource }: Writing, { draft, options }: Step): number {
  const { graceSeconds } = resource.strategy;
  if (!graceSeconds) return 0;
  const { deletionTimestamp, deletionGracePeriodSeconds } = draft.metadata;
  if (deletionTimestamp === undefined)
    return Math.max(0, graceSeconds(draft, options.graceSeconds));
  const present = deletionGracePeriodSeconds ?? 0;
  return Math.max(0, Math.min(present, options.graceSeconds ?? present));
}

function mark(
  { clock }: Writing,
  { metadata, kind }: Draft,
  { graceSeconds, fresh }: { readonly graceSeconds: number; readonly fresh: boolean },
): void {
  if (fresh) {
    if (metadata.generation !== undefined) metadata.generation++;
    metadata.deletionTimestamp = timestampOf(clock.nowMs() + graceSeconds * 1_000);
  } else if (metadata.deletionTimestamp !== undefined) {
    const shorter = (metadata.deletionGracePeriodSeconds ?? 0) - graceSeconds;
    const atMs = Date.parse(metadata.deletionTimestamp) - shorter * 1_000;
    if (shorter > 0) metadata.deletionTimestamp = timestampOf(Math.max(atMs, clock.nowMs()));
  }
  // What waits for its contents to go was never given a time.
  if (!waitsForContents.has(kind)) metadata.deletionGracePeriodSeconds = graceSeconds;
}

/** Marks a namespace as ending; true while something still holds it. */
function terminate(draft: Draft, fresh: boolean): boolean {
  objectIn(draft, 'status')['phase'] = 'Terminating';
  const held = objectIn(draft, 'spec')['finalizers'];
  return fresh || (Array.isArray(held) && held.length > 0);
}

async function remove(
  { state, resource, options: { dryRun } }: Writing,
  present: StoredObject,
  options: DeleteOptions,
): Promise<Outcome | undefined> {
  if (dryRun || options.dryRun) return { object: present, gone: true };
  const revision = await commit(
    { state },
    {
      operation: 'delete',
      key: `${resource.storagePrefix}${present.key}`,
      expectedRevision: present.revision,
    },
  );
  if (revision === undefined) return undefined;
  if (!resource.strategy.returnsDeleted) return { object: present, gone: true };
  // Shown is the version of its leaving, as to those who watch.
  const value = encodeForStore(present.draft());
  return { object: new StoredObject(present.key, value, revision), gone: true };
}
