// Which objects belong to a controller: kept, adopted, released. Rules: upstream's ControllerRefManager.

import type { Client } from '@tweendeck/client';
import {
  controllerOf,
  controllerReference,
  type KubeObject,
  type LabelMatcher,
  type Resource,
  refOf,
} from '@tweendeck/kube';

export interface Claims<Obj> {
  /** Owned already and still selected. */
  readonly owned: readonly Obj[];
  /** Selected orphans. */
  readonly adopt: readonly Obj[];
  /** Owned but no longer selected. */
  readonly release: readonly Obj[];
}

/** Sorts objects of the owner's namespace; an owner under deletion neither adopts nor releases. */
export function planClaims<Obj extends KubeObject>(
  owner: KubeObject,
  objects: readonly Obj[],
  selects: (object: Obj) => boolean,
): Claims<Obj> {
  const claims = { owned: [] as Obj[], adopt: [] as Obj[], release: [] as Obj[] };
  const ownerIsLeaving = owner.metadata.deletionTimestamp !== undefined;
  for (const object of objects) {
    const controller = controllerOf(object);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (selects(object)) claims.owned.push(object);
      else if (!ownerIsLeaving) claims.release.push(object);
    } else if (!ownerIsLeaving && !object.metadata.deletionTimestamp && selects(object)) {
      claims.adopt.push(object);
    }
  }
  return claims;
}

/** `selects` by labels alone. */
export function byLabels<Obj extends KubeObject>(matcher: LabelMatcher): (object: Obj) => boolean {
  return (object) => matcher.matches(object.metadata.labels);
}

/**
 * Adopts and releases as planned and gives everything owned afterwards. Before the first adoption the owner is read
 * live: a cache may not know yet that it is gone or leaving.
 */
export async function claim<Obj extends KubeObject>(
  {
    owner,
    ownerResource,
    resource,
    claims,
    finalizer,
  }: {
    readonly owner: KubeObject;
    readonly ownerResource: Resource<KubeObject>;
    readonly resource: Resource<Obj>;
    readonly claims: Claims<Obj>;
    /** Comes with the adoption, and goes with the release. */
    readonly finalizer?: string;
  },
  client: Client,
  signal: AbortSignal,
): Promise<readonly Obj[]> {
  const access: Access<Obj> = { resource, client, finalizer };
  for (const object of claims.release) await release(object, owner, access, signal);
  if (claims.adopt.length === 0) return claims.owned;
  const live = await client.get(ownerResource, refOf(owner), signal);
  if (live?.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp) {
    return claims.owned;
  }
  const owned = [...claims.owned];
  for (const object of claims.adopt) {
    owned.push(await adopt(object, owner, access, signal));
  }
  return owned;
}

interface Access<Obj extends KubeObject> {
  readonly resource: Resource<Obj>;
  readonly client: Client;
  readonly finalizer: string | undefined;
}

function adopt<Obj extends KubeObject>(
  object: Obj,
  owner: KubeObject,
  access: Access<Obj>,
  signal: AbortSignal,
): Promise<Obj> {
  const { ownerReferences = [], finalizers = [] } = object.metadata;
  const references = [...ownerReferences, controllerReference(owner)];
  const { finalizer } = access;
  const held = finalizer === undefined ? undefined : [...new Set([...finalizers, finalizer])];
  return setOwners(object, { ownerReferences: references, finalizers: held }, access, signal);
}

async function release<Obj extends KubeObject>(
  object: Obj,
  owner: KubeObject,
  access: Access<Obj>,
  signal: AbortSignal,
): Promise<void> {
  const references = (object.metadata.ownerReferences ?? []).filter(
    (reference) => reference.uid !== owner.metadata.uid,
  );
  const { finalizer } = access;
  const held = object.metadata.finalizers?.filter((each) => each !== finalizer);
  const finalizers = finalizer === undefined ? undefined : held;
  await setOwners(object, { ownerReferences: references, finalizers }, access, signal);
}

/** A merge patch that holds only for this very object in this very state. */
function setOwners<Obj extends KubeObject>(
  object: Obj,
  change: { readonly ownerReferences: readonly unknown[]; readonly finalizers: unknown },
  { resource, client }: Access<Obj>,
  signal: AbortSignal,
): Promise<Obj> {
  const { uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, ...change } };
  return client.patch(resource, refOf(object), { type: 'merge', body }, {}, signal);
}
