// What becomes of an object, given how each of its owners was found on the server. Rules: upstream's garbage collector.

import type { ObjectMeta, OwnerReference } from '@tweendeck/kube';
import { foregroundFinalizer, orphanFinalizer } from './graph.ts';

/** How the server itself, not a cache, knows an owner. */
export type OwnerState =
  | 'present'
  /** No object of that kind, name and uid. */
  | 'absent'
  /** In foreground deletion: it waits for this object to go. */
  | 'waiting'
  /** Its kind is not known, so nothing can be said. */
  | 'unknown'
  /** A namespaced owner of a cluster-scoped object: such a reference means nothing. */
  | 'impossible';

export interface FoundOwner {
  readonly reference: OwnerReference;
  readonly state: OwnerState;
}

export type GarbagePlan =
  | { readonly step: 'keep' }
  /** An owner's kind is not known: ask again later. */
  | { readonly step: 'wait' }
  /** Some owners are there, so the object stays, without the references that lead nowhere. */
  | { readonly step: 'drop-references'; readonly keep: readonly OwnerReference[] }
  | {
      readonly step: 'delete';
      readonly propagation: 'Background' | 'Foreground' | 'Orphan';
      /** First stop blocking the owners: the object and its owners wait for each other in a circle. */
      readonly unblock: boolean;
    };

export interface GarbageObservation {
  /** As the server has it now. */
  readonly metadata: ObjectMeta;
  readonly owners: readonly FoundOwner[];
  readonly hasDependents: boolean;
  readonly hasForegroundDependents: boolean;
}

export function planGarbage(observed: GarbageObservation): GarbagePlan {
  const { metadata, owners } = observed;
  if (metadata.deletionTimestamp || owners.length === 0) return { step: 'keep' };
  const inState = (state: OwnerState): readonly FoundOwner[] =>
    owners.filter((owner) => owner.state === state);
  if (inState('impossible').length > 0) return { step: 'keep' };
  if (inState('unknown').length > 0) return { step: 'wait' };
  const present = inState('present').map(({ reference }) => reference);
  if (present.length === owners.length) return { step: 'keep' };
  if (present.length > 0) return { step: 'drop-references', keep: present };
  if (inState('waiting').length > 0 && observed.hasDependents) {
    return { step: 'delete', propagation: 'Foreground', unblock: observed.hasForegroundDependents };
  }
  return { step: 'delete', propagation: propagationOf(metadata), unblock: false };
}

/** Somebody may have asked for another way by finalizer before. */
function propagationOf({ finalizers = [] }: ObjectMeta): 'Background' | 'Foreground' | 'Orphan' {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}
