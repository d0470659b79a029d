// Whether the names of what a cluster is made of are free or its own: what belongs to somebody else is left alone.

import type { ReconcileContext } from '@tweendeck/controller';
import type { KubeObject, ObjectRef, Resource, Secret } from '@tweendeck/kube';
import type { Trouble } from './engine.ts';

export interface WantedName {
  readonly resource: Resource<KubeObject>;
  readonly name: string;
}

/** `leftover`: of a namesake that was deleted, and soon collected. */
export type Taken = 'leftover' | Trouble;

/** The first name that cannot be used; undefined when all can. */
export async function takenName<Obj extends KubeObject>(
  owner: Obj,
  names: readonly WantedName[],
  context: Pick<ReconcileContext<Obj>, 'cache' | 'client' | 'signal'>,
): Promise<Taken | undefined> {
  const { uid, name: ownName, namespace = 'default' } = owner.metadata;
  for (const { resource, name } of names) {
    const child = await present(resource, { name, namespace }, context);
    const holder = child?.metadata.ownerReferences?.find(({ controller }) => controller);
    if (!child || holder?.uid === uid) continue;
    if (holder?.kind === owner.kind && holder.name === ownName) return 'leftover';
    const whose = holder ? `belongs to ${holder.kind} ${holder.name}` : 'is not of the platform';
    return {
      reason: 'NameTaken',
      message: `there is a ${resource.kind} ${name} that ${whose}; it is left alone: delete it, or name this one otherwise`,
    };
  }
  return undefined;
}

/** Why a Secret that is there cannot be used; undefined when it is the owner's. */
export function secretTaken(
  { kind, metadata: { uid } }: Pick<KubeObject, 'kind' | 'metadata'>,
  { metadata }: Secret,
): Trouble | undefined {
  const holder = metadata.ownerReferences?.find(({ controller }) => controller);
  if (holder?.uid === uid) return undefined;
  const message = `there is a Secret ${metadata.name} that does not belong to this ${kind}; it is left alone: delete it, or name this one otherwise`;
  return { reason: 'NameTaken', message };
}

/** Caches hold only what is of the platform, so others are asked for. */
async function present<Obj extends KubeObject>(
  resource: Resource<KubeObject>,
  ref: ObjectRef,
  { cache, client, signal }: Pick<ReconcileContext<Obj>, 'cache' | 'client' | 'signal'>,
): Promise<KubeObject | undefined> {
  return cache(resource).get(ref) ?? (await client.get(resource, ref, signal));
}
