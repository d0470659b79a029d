// Keeps the revisions of an owner on the server: finds its own, makes the present one, forgets old ones.

import type { Client } from '@tweendeck/client';
import type { ReconcileContext } from '@tweendeck/controller';
import {
  type ControllerRevision,
  controllerOf,
  controllerRevisionResource,
  isApiError,
  type Resource,
  refOf,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { byLabels, claim, planClaims } from './claim.ts';
import { isNamespaceEnding } from './namespace-ending.ts';
import {
  forgettableRevisions,
  planRevision,
  type Revisioned,
  type RevisionStyle,
  revisionData,
  templateOf,
} from './revision.ts';
import { matcherOf } from './selecting.ts';
import { writeStatus } from './status-writer.ts';

export interface RevisionAccess<Owner extends Revisioned> {
  readonly resource: Resource<Owner>;
  readonly style: RevisionStyle;
  /** The owner's status with so many collisions of hashes. */
  readonly countCollision: (owner: Owner, collisionCount: number) => NonNullable<Owner['status']>;
}

/** Revisions that hold a template and are the owner's, orphans that it selects included. */
export function ownedRevisions<Owner extends Revisioned>(
  owner: Owner,
  { resource }: RevisionAccess<Owner>,
  context: ReconcileContext<Owner>,
): Promise<readonly ControllerRevision[]> {
  const claims = planClaims(
    owner,
    context
      .cache(controllerRevisionResource)
      .list({ namespace: owner.metadata.namespace ?? '' })
      .filter((revision) => templateOf(revision) !== undefined),
    byLabels(matcherOf(owner)),
  );
  return claim(
    {
      owner,
      ownerResource: resource,
      resource: controllerRevisionResource,
      claims: { ...claims, release: [] },
    },
    context.client,
    context.signal,
  );
}

/** The revision of the present template, made or moved to the front if need be; undefined after a collision of names, or when the namespace is ending. */
export async function ensureRevision<Owner extends Revisioned>(
  owner: Owner,
  revisions: readonly ControllerRevision[],
  { resource, style, countCollision }: RevisionAccess<Owner>,
  { client, signal }: { readonly client: Client; readonly signal: AbortSignal },
): Promise<ControllerRevision | undefined> {
  const plan = planRevision(owner, revisions, style);
  if (plan.step === 'keep') return plan.update;
  if (plan.step === 'renumber') {
    const body = { revision: plan.revision };
    const ref = refOf(plan.update);
    const patch = { type: 'merge', body } as const; // the literal type selects the patch
    return client.patch(controllerRevisionResource, ref, patch, {}, signal);
  }
  try {
    return await client.create(controllerRevisionResource, plan.update, {}, signal);
  } catch (error) {
    if (isNamespaceEnding(error)) return undefined;
    if (!isApiError(error, 'AlreadyExists')) throw error;
    const { name = '', namespace = '' } = plan.update.metadata;
    const holder = await client.get(controllerRevisionResource, { name, namespace }, signal);
    const ours = holder && controllerOf(holder)?.uid === owner.metadata.uid;
    if (ours && jsonEqual(holder.data, revisionData(owner))) return holder;
    const status = countCollision(owner, (owner.status?.collisionCount ?? 0) + 1);
    await writeStatus(resource, owner, status, client, signal);
    return undefined;
  }
}

/** Deletes what is beyond the history limit and not in use. */
export async function forgetRevisions<Owner extends Revisioned>(
  owner: Owner,
  revisions: readonly ControllerRevision[],
  {
    used,
    context: { client, signal },
  }: { readonly used: ReadonlySet<string>; readonly context: ReconcileContext<Owner> },
): Promise<void> {
  for (const revision of forgettableRevisions(owner, revisions, used)) {
    await client.delete(controllerRevisionResource, refOf(revision), {}, signal);
  }
}
