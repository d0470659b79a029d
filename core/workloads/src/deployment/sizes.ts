// How many pods a Deployment may have too many and too few, and how its ReplicaSets share them. Rules: upstream's deployment util.

import type { Deployment, ReplicaSet } from '@tweendeck/kube';
import { byCreation, desiredReplicasAnnotation, maxReplicasAnnotation } from './revision.ts';

export function desiredReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1;
}

export function sizeOf(replicaSet: ReplicaSet): number {
  return replicaSet.spec.replicas ?? 1;
}

export function sum(
  replicaSets: readonly (ReplicaSet | undefined)[],
  measure: (replicaSet: ReplicaSet) => number,
): number {
  return replicaSets.reduce((total, each) => total + (each ? measure(each) : 0), 0);
}

export function availableOf(replicaSet: ReplicaSet): number {
  return replicaSet.status?.availableReplicas ?? 0;
}

/** A number, or a percentage of `total`; what does not parse is 0. */
export function scaledValue(
  value: number | string | undefined,
  total: number,
  rounding: 'up' | 'down',
): number {
  if (typeof value === 'number') return value;
  const percent = /^([0-9]{1,9})%$/.exec(value ?? '')?.[1];
  if (percent === undefined) return 0;
  const exact = (Number(percent) * total) / 100;
  return rounding === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** Surge rounds up, unavailable rounds down; when both come to 0 one pod may be unavailable, or nothing would move. */
export function rollingLimits(deployment: Deployment): {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
} {
  const replicas = desiredReplicas(deployment);
  if (deployment.spec.strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const rolling = deployment.spec.strategy?.rollingUpdate;
  const maxSurge = scaledValue(rolling?.maxSurge ?? '25%', replicas, 'up');
  const unavailable = scaledValue(rolling?.maxUnavailable ?? '25%', replicas, 'down');
  const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : unavailable;
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** What the new ReplicaSet may grow to now. */
export function newReplicaSetSize(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  current: number,
): number {
  const desired = desiredReplicas(deployment);
  if (deployment.spec.strategy?.type === 'Recreate') return desired;
  const ceiling = desired + rollingLimits(deployment).maxSurge;
  const total = sum(replicaSets, sizeOf);
  if (total >= ceiling) return current;
  return current + Math.max(0, Math.min(ceiling - total, desired - current));
}

export type Sizes = ReadonlyMap<ReplicaSet, number>;

/** Shrinks old ReplicaSets as far as availability allows: first pods that are not available anyway, then, oldest first, others. */
export function shrinkOld(
  deployment: Deployment,
  newReplicaSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const sizes = new Map<ReplicaSet, number>();
  const all = [...old, ...(newReplicaSet ? [newReplicaSet] : [])];
  const minAvailable = desiredReplicas(deployment) - rollingLimits(deployment).maxUnavailable;
  const newUnavailable = newReplicaSet ? sizeOf(newReplicaSet) - availableOf(newReplicaSet) : 0;
  const removable = sum(all, sizeOf) - minAvailable - newUnavailable;
  if (sum(old, sizeOf) === 0 || removable <= 0) return sizes;

  let unhealthyLeft = removable;
  for (const each of byCreation(old)) {
    const unhealthy = Math.max(0, sizeOf(each) - availableOf(each));
    const taken = Math.min(unhealthyLeft, unhealthy);
    if (taken > 0) sizes.set(each, sizeOf(each) - taken);
    unhealthyLeft -= taken;
  }
  let healthyLeft = sum(all, availableOf) - minAvailable;
  for (const each of byCreation(old)) {
    if (healthyLeft <= 0) break;
    const size = sizes.get(each) ?? sizeOf(each);
    const taken = Math.min(size, healthyLeft);
    if (taken > 0) sizes.set(each, size - taken);
    healthyLeft -= taken;
  }
  return sizes;
}

/** Whether the wanted size changed since the ReplicaSets were last sized. */
export function isScaling(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
  return replicaSets.some((each) => {
    const before = annotatedNumber(each, desiredReplicasAnnotation);
    return sizeOf(each) > 0 && before !== undefined && before !== desiredReplicas(deployment);
  });
}

/** New sizes when the Deployment was scaled, or is paused: proportional where several ReplicaSets hold pods. */
export function scale(
  deployment: Deployment,
  newReplicaSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const desired = desiredReplicas(deployment);
  const only = activeOrLatest(newReplicaSet, old);
  if (only) return sizeOf(only) === desired ? new Map() : new Map([[only, desired]]);
  const active = old.filter((each) => sizeOf(each) > 0);
  if (newReplicaSet && isSaturated(deployment, newReplicaSet)) {
    return new Map(active.map((each) => [each, 0]));
  }
  if (deployment.spec.strategy?.type === 'Recreate') return new Map();
  const all = [...active, ...(newReplicaSet && sizeOf(newReplicaSet) > 0 ? [newReplicaSet] : [])];
  return scaleProportionally(deployment, all);
}

/** The one that holds all pods; the new or latest one when none holds any; undefined when several do. */
function activeOrLatest(
  newReplicaSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const all = [...(newReplicaSet ? [newReplicaSet] : []), ...byCreation(old).toReversed()];
  const active = all.filter((each) => sizeOf(each) > 0);
  if (active.length === 0) return all[0];
  return active.length === 1 ? active[0] : undefined;
}

function isSaturated(deployment: Deployment, replicaSet: ReplicaSet): boolean {
  const desired = desiredReplicas(deployment);
  return (
    annotatedNumber(replicaSet, desiredReplicasAnnotation) === desired &&
    sizeOf(replicaSet) === desired &&
    availableOf(replicaSet) === desired
  );
}

function scaleProportionally(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const desired = desiredReplicas(deployment);
  const allowed = desired > 0 ? desired + rollingLimits(deployment).maxSurge : 0;
  const toAdd = allowed - sum(active, sizeOf);
  const ordered = bySize(active, toAdd > 0 ? 'newer-first' : 'older-first');
  const sizes = new Map(ordered.map((each) => [each, sizeOf(each)]));
  let added = 0;
  for (const each of ordered) {
    const share = proportion(each, deployment, toAdd, added);
    sizes.set(each, sizeOf(each) + share);
    added += share;
  }
  const [largest] = ordered;
  if (largest && toAdd !== 0) {
    sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  }
  return sizes;
}

/** Larger first; among equals the newer or older as asked. */
function bySize(
  replicaSets: readonly ReplicaSet[],
  ties: 'newer-first' | 'older-first',
): readonly ReplicaSet[] {
  const oldest = byCreation(replicaSets);
  const ordered = ties === 'older-first' ? oldest : oldest.toReversed();
  return ordered.toSorted((left, right) => sizeOf(right) - sizeOf(left));
}

function proportion(
  replicaSet: ReplicaSet,
  deployment: Deployment,
  toAdd: number,
  added: number,
): number {
  if (sizeOf(replicaSet) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fraction(replicaSet, deployment);
  const left = toAdd - added;
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}

function fraction(replicaSet: ReplicaSet, deployment: Deployment): number {
  const desired = desiredReplicas(deployment);
  if (desired === 0) return -sizeOf(replicaSet);
  const ceiling = desired + rollingLimits(deployment).maxSurge;
  const before =
    annotatedNumber(replicaSet, maxReplicasAnnotation) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((sizeOf(replicaSet) * ceiling) / before) - sizeOf(replicaSet);
}

function annotatedNumber(replicaSet: ReplicaSet, annotation: string): number | undefined {
  const text = replicaSet.metadata.annotations?.[annotation] ?? '';
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
