// What claims and volumes say: size, class, whom they belong to.

import {
  compareQuantities,
  labelSelectorFromObject,
  type Node,
  type ObjectReference,
  type PersistentVolume,
  type PersistentVolumeClaim,
  parseQuantity,
  type Quantity,
  type StorageClass,
} from '@tweendeck/kube';
import { termMatches } from '../scheduler/node-match.ts';

export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
export const provisionerAnnotation = 'volume.kubernetes.io/storage-provisioner';
export const betaProvisionerAnnotation = 'volume.beta.kubernetes.io/storage-provisioner';
/** The node that the scheduler chose for the first pod of a claim. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';

const betaClassAnnotation = 'volume.beta.kubernetes.io/storage-class';
const noProvisioner = 'kubernetes.io/no-provisioner';

/** Empty for the class without a name, which is also that of volumes without one. */
export function classNameOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[betaClassAnnotation] ?? spec.storageClassName ?? '';
}

export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** Whether somebody makes volumes of this class. */
export function isProvisioned(storageClass: StorageClass | undefined): boolean {
  return storageClass !== undefined && storageClass.provisioner !== noProvisioner;
}

export function requestedSize({ spec }: PersistentVolumeClaim): Quantity {
  return parseQuantity(spec.resources?.requests?.['storage'] ?? '0');
}

export function capacityOf({ spec }: PersistentVolume): Quantity {
  return parseQuantity(spec.capacity?.['storage'] ?? '0');
}

export function isBound({ spec, metadata }: PersistentVolumeClaim): boolean {
  return Boolean(spec.volumeName) && metadata.annotations?.[bindCompletedAnnotation] !== undefined;
}

/** Whether a volume is reserved for this claim, by uid where it names one. */
export function isReservedFor(
  { spec: { claimRef } }: PersistentVolume,
  { metadata }: PersistentVolumeClaim,
): boolean {
  if (claimRef?.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return !claimRef.uid || claimRef.uid === metadata.uid;
}

export function claimReference({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { name, namespace = '', uid, resourceVersion } = metadata;
  const kind = 'PersistentVolumeClaim';
  return { apiVersion: 'v1', kind, namespace, name, uid, resourceVersion };
}

/** A volume without affinity is at hand everywhere. */
export function isOnNode({ spec }: PersistentVolume, node: Node): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => termMatches(term, node));
}

/** The smallest volume that is free and is what the claim asks for; a volume reserved for it comes first. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  node: Node | undefined,
): PersistentVolume | undefined {
  const reserved = volumes.find((volume) => volume.spec.claimRef && isReservedFor(volume, claim));
  if (reserved) return reserved;
  return volumes
    .filter((volume) => isFree(volume) && suits(volume, claim) && (!node || isOnNode(volume, node)))
    .toSorted((left, right) => compareQuantities(capacityOf(left), capacityOf(right)))[0];
}

function isFree({ metadata, spec, status }: PersistentVolume): boolean {
  const taken = spec.claimRef !== undefined || metadata.deletionTimestamp !== undefined;
  return !taken && status?.phase === 'Available';
}

function suits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { spec } = claim;
  const modes = volume.spec.accessModes ?? [];
  if (compareQuantities(capacityOf(volume), requestedSize(claim)) < 0) return false;
  if (classNameOf(volume) !== classNameOf(claim)) return false;
  if ((volume.spec.volumeMode ?? 'Filesystem') !== (spec.volumeMode ?? 'Filesystem')) return false;
  if (!(spec.accessModes ?? []).every((mode) => modes.includes(mode))) return false;
  return !spec.selector || labelSelectorFromObject(spec.selector).matches(volume.metadata.labels);
}
