// What is done to claims and volumes on their way in. Rules and texts: upstream's admission plugins StorageObjectInUseProtection, DefaultStorageClass and PersistentVolumeClaimResize.

import { compareQuantities, parseQuantity, type Quantity, quantityProblem } from '@tweendeck/kube';
import type { ClusterState } from '../cluster-state.ts';
import { copyOf, type Draft, objectAt, objectIn, textAt } from '../draft.ts';
import { forbidden } from '../failures.ts';
import { storagePrefix } from '../storage-key.ts';
import { isDefaultClass } from '../table/storage-columns.ts';
import type { Admission, Intent } from '../writing.ts';

const classesPrefix = storagePrefix({ group: 'storage.k8s.io', plural: 'storageclasses' });
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
/** Kept until nobody uses the object any more; controllers take them off. */
const finalizers: Readonly<Record<string, string>> = {
  PersistentVolume: 'kubernetes.io/pv-protection',
  PersistentVolumeClaim: 'kubernetes.io/pvc-protection',
};

export function volumeAdmission(state: ClusterState): Partial<Admission> {
  return {
    mutate(intent) {
      const { operation, object, subresource, writing } = intent;
      const { group, kind } = writing.resource;
      const finalizer = finalizers[kind];
      if (group !== '' || finalizer === undefined || operation !== 'CREATE') return undefined;
      if (!object || subresource !== '') return undefined;
      const next = copyOf(object);
      const held = next.metadata.finalizers ?? [];
      if (!held.includes(finalizer)) next.metadata.finalizers = [...held, finalizer];
      if (kind === 'PersistentVolumeClaim') giveClass(next, state);
      return next;
    },
    check(intent) {
      const { group, kind } = intent.writing.resource;
      if (group !== '' || kind !== 'PersistentVolumeClaim') return;
      if (intent.operation === 'UPDATE' && intent.subresource === '') refuseGrowth(intent, state);
    },
  };
}

function classesOf(state: ClusterState): readonly Draft[] {
  return [...state.resource(classesPrefix).range('')].map((stored) => stored.peek());
}

/** A claim that asks for no class gets the default one; the newest where there are several. */
function giveClass(claim: Draft, state: ClusterState): void {
  const spec = objectIn(claim, 'spec');
  if (spec['storageClassName'] !== undefined) return;
  if (claim.metadata.annotations?.[classAnnotation] !== undefined) return;
  const [newest] = classesOf(state).filter(isDefaultClass).toSorted(byAge);
  if (newest) spec['storageClassName'] = newest.metadata.name;
}

/** The newest first, then by name. */
function byAge({ metadata: left }: Draft, { metadata: right }: Draft): number {
  const [one, other] = [left.creationTimestamp ?? '', right.creationTimestamp ?? ''];
  if (one !== other) return one > other ? -1 : 1;
  return (left.name ?? '') < (right.name ?? '') ? -1 : 1;
}

function refuseGrowth({ object, previous, writing }: Intent, state: ClusterState): void {
  const size = sizeOf(object);
  const former = sizeOf(previous);
  if (!size || !former || compareQuantities(size, former) <= 0) return;
  const refuse = (why: string) => forbidden(writing.resource, object?.metadata.name ?? '', why);
  if (textAt(previous?.['status'], 'phase') !== 'Bound') {
    throw refuse('Only bound persistent volume claims can be expanded');
  }
  const name = classOf(object);
  const known = state.resource(classesPrefix).get(name)?.peek();
  if (name !== '' && name === classOf(previous) && known?.['allowVolumeExpansion'] === true) return;
  throw refuse(
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
}

function sizeOf(claim: Draft | undefined): Quantity | undefined {
  const resources = objectAt(objectAt(claim, 'spec'), 'resources');
  const text = objectAt(resources, 'requests')['storage'];
  if (typeof text !== 'string' || quantityProblem(text) !== undefined) return undefined;
  return parseQuantity(text);
}

function classOf(claim: Draft | undefined): string {
  return (
    claim?.metadata.annotations?.[classAnnotation] ?? textAt(claim?.['spec'], 'storageClassName')
  );
}
