// What a server does to `metadata`: fills it at creation, guards it at updates, checks what clients may write.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  type NameCheck,
  type OwnerReference,
  path,
  qualifiedNameProblems,
  validateLabels,
} from '@tweendeck/kube';
import { jsonEqual, nameSuffix, type Random, timestampOf } from '@tweendeck/std';
import type { Draft, DraftMeta } from './draft.ts';

const generatedNameLengthMax = 63;
const suffixLength = 5;
const annotationBytesMax = 256 * 1024;

/** Gives a new object its identity. */
export function stampNew(
  draft: Draft,
  { random, nowMs }: { readonly random: Random; readonly nowMs: number },
): void {
  const { metadata } = draft;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  metadata.uid = random.uuid();
  metadata.creationTimestamp = timestampOf(nowMs);
}

/** A name for `generateName`: its start, and five random letters. */
export function generatedName(base: string, random: Random): string {
  return base.slice(0, generatedNameLengthMax - suffixLength) + nameSuffix(random, suffixLength);
}

/** Takes over from the old object what a client may leave out or may not set. */
export function carryMetadata(next: DraftMeta, previous: DraftMeta): void {
  next.uid ??= previous.uid ?? '';
  if (next.uid === '') next.uid = previous.uid ?? '';
  next.creationTimestamp ??= previous.creationTimestamp ?? null;
  next.deletionTimestamp ??= previous.deletionTimestamp ?? '';
  if (next.deletionTimestamp === '') delete next.deletionTimestamp;
  next.deletionGracePeriodSeconds ??= previous.deletionGracePeriodSeconds ?? -1;
  if (next.deletionGracePeriodSeconds < 0) delete next.deletionGracePeriodSeconds;
  if (previous.generation === undefined) delete next.generation;
  else next.generation = previous.generation;
  delete next.selfLink;
  if (previous.generateName !== undefined) next.generateName ??= previous.generateName;
}

/** Drops empty maps and lists, which mean the same as none. */
export function tidyMetadata(metadata: DraftMeta): void {
  if (metadata.labels && Object.keys(metadata.labels).length === 0) delete metadata.labels;
  if (metadata.annotations && Object.keys(metadata.annotations).length === 0) {
    delete metadata.annotations;
  }
  if (metadata.finalizers?.length === 0) delete metadata.finalizers;
  if (metadata.ownerReferences?.length === 0) delete metadata.ownerReferences;
  if (metadata.managedFields?.length === 0) delete metadata.managedFields;
  if (metadata.generateName === '') delete metadata.generateName;
  if (metadata.namespace === '') delete metadata.namespace;
}

/**
 * Leaves every owner once; what is said to who named one twice, in upstream's words. `seen`: when upstream looks, which is
 * before admission for whole objects and after it for patches.
 */
export function ownersOnce(metadata: DraftMeta, seen: 'sent' | 'admitted'): string | undefined {
  const { ownerReferences } = metadata;
  if (!ownerReferences || ownerReferences.length < 2) return undefined;
  const once = new Map<string, OwnerReference>();
  const twice: string[] = [];
  for (const owner of ownerReferences) {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = owner;
    const same = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    if (once.has(same)) twice.push(uid);
    else once.set(same, owner);
  }
  if (twice.length === 0) return undefined;
  metadata.ownerReferences = [...once.values()];
  const when = seen === 'admitted' ? ' after mutating admission happens' : '';
  return `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twice.join(', ')}`;
}

/** What is wrong with the metadata of an object about to be stored. */
export function metadataProblems(
  metadata: DraftMeta,
  {
    nameProblems,
    namespaced,
    custom,
  }: {
    readonly nameProblems: NameCheck;
    readonly namespaced: boolean;
    /** Of a kind that a definition made, where finalizers are checked less. */
    readonly custom: boolean;
  },
): readonly FieldError[] {
  const base = path('metadata');
  const name = metadata.name ?? '';
  const prefix = metadata.generateName ?? '';
  const problems: FieldError[] = [];
  if (prefix !== '') {
    // What it begins may go on where a name must not end.
    const checked = prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix;
    for (const text of nameProblems(checked)) {
      problems.push(fieldInvalid(base.child('generateName'), prefix, text));
    }
  }
  if (name === '') {
    problems.push(fieldRequired(base.child('name'), 'name or generateName is required'));
  } else {
    for (const text of nameProblems(name))
      problems.push(fieldInvalid(base.child('name'), name, text));
  }
  if (namespaced && !metadata.namespace) problems.push(fieldRequired(base.child('namespace')));
  if (!namespaced && metadata.namespace) {
    problems.push(fieldForbidden(base.child('namespace'), 'not allowed on this type'));
  }
  problems.push(...validateLabels(metadata.labels, base.child('labels')));
  problems.push(...annotationProblems(metadata.annotations, base.child('annotations')));
  problems.push(...ownerProblems(metadata), ...finalizerProblems(metadata.finalizers));
  if (!custom) problems.push(...finalizerNameProblems(metadata.finalizers));
  return problems;
}

/** What is wrong with annotations, of an object or of a template. */
export function annotationProblems(
  annotations: DraftMeta['annotations'],
  field: FieldPath,
): readonly FieldError[] {
  const problems: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const text of qualifiedNameProblems(key.toLowerCase())) {
      problems.push(fieldInvalid(field, key, text));
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > annotationBytesMax) {
    problems.push({
      type: 'TooLong',
      field: String(field),
      detail: `may not be more than ${annotationBytesMax} bytes`,
    });
  }
  return problems;
}

/** As upstream, the paths do not tell which reference it is. */
function ownerProblems({ ownerReferences = [] }: DraftMeta): readonly FieldError[] {
  const field = path('metadata').child('ownerReferences');
  const problems: FieldError[] = [];
  for (const owner of ownerReferences) {
    for (const key of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[key]) continue;
      const detail = key === 'apiVersion' ? 'version must not be empty' : 'must not be empty';
      problems.push(fieldInvalid(field.child(key), owner[key] ?? '', detail));
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      const detail = '/v1, Kind=Event is disallowed from being an owner';
      problems.push(fieldInvalid(field, owner, detail));
    }
  }
  const controllers = ownerReferences.filter(({ controller }) => controller === true);
  const [first, second] = controllers;
  if (first && second) {
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    problems.push(fieldInvalid(field, ownerReferences, detail));
  }
  return problems;
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

function finalizerNameProblems(finalizers: readonly string[] = []): readonly FieldError[] {
  const field = path('metadata').child('finalizers');
  return finalizers.flatMap((finalizer, position) => {
    const plain = finalizer.split('/').length === 1 && !standardFinalizers.includes(finalizer);
    const detail = 'name is neither a standard finalizer name nor is it fully qualified';
    return plain ? [fieldInvalid(field.index(position), finalizer, detail)] : [];
  });
}

function finalizerProblems(finalizers: readonly string[] = []): readonly FieldError[] {
  const field = path('metadata').child('finalizers');
  const problems = finalizers.flatMap((finalizer) =>
    qualifiedNameProblems(finalizer).map((text) => fieldInvalid(field, finalizer, text)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const detail = 'finalizer orphan and foregroundDeletion cannot be both set';
    problems.push(fieldInvalid(field, finalizers, detail));
  }
  return problems;
}

const immutableFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What an update may not change in metadata, and what upstream looks at there anew. In upstream's order. */
export function metadataUpdateProblems(
  next: DraftMeta,
  previous: DraftMeta,
): readonly FieldError[] {
  const base = path('metadata');
  const changed = immutableFields
    .filter((key) => !jsonEqual(next[key], previous[key]))
    .map((key) => fieldInvalid(base.child(key), next[key] ?? null, 'field is immutable'));
  return [
    ...(previous.deletionTimestamp === undefined ? [] : newFinalizerProblems(next, previous)),
    ...changed,
    ...validateLabels(next.labels, base.child('labels')),
    ...annotationProblems(next.annotations, base.child('annotations')),
    ...ownerProblems(next),
  ];
}

function newFinalizerProblems(next: DraftMeta, previous: DraftMeta): readonly FieldError[] {
  const added = (next.finalizers ?? []).filter((each) => !previous.finalizers?.includes(each));
  if (added.length === 0) return [];
  const list = added.map((each) => JSON.stringify(each)).join(', ');
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [fieldForbidden(path('metadata').child('finalizers'), detail)];
}
