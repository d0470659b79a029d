// What a ReplicaSet does next: how many pods to create, which to delete, and its status.

import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '@tweendeck/kube';
import { withCondition, withoutCondition } from '../owner/conditions.ts';
import { isActive, isAvailable, isReady, nextAvailableInMs } from '../pod/pod-state.ts';
import { rankVictims } from './victims.ts';

/** Creations or deletions of one pass. */
const burstMax = 500;

export interface ReplicaSetObservation {
  readonly replicaSet: ReplicaSet;
  /** Every pod it owns. */
  readonly pods: readonly Pod[];
  /** Pods of its sibling ReplicaSets (same controller) and its own, to see which nodes are crowded. */
  readonly relatedPods: readonly Pod[];
  readonly nowMs: number;
}

export interface ReplicaSetPlan {
  readonly createCount: number;
  readonly remove: readonly Pod[];
  readonly requeueAfterMs: number | undefined;
}

export function planReplicaSet(observed: ReplicaSetObservation): ReplicaSetPlan {
  const { replicaSet, pods, nowMs } = observed;
  const active = pods.filter(isActive);
  const excess = active.length - (replicaSet.spec.replicas ?? 1);
  const requeueAfterMs = nextAvailableInMs(active, replicaSet.spec.minReadySeconds ?? 0, nowMs);
  if (replicaSet.metadata.deletionTimestamp) {
    return { createCount: 0, remove: [], requeueAfterMs };
  }
  return {
    createCount: Math.min(burstMax, Math.max(0, -excess)),
    remove: excess > 0 ? victims(active, observed, Math.min(burstMax, excess)) : [],
    requeueAfterMs,
  };
}

function victims(
  active: readonly Pod[],
  { relatedPods, nowMs }: ReplicaSetObservation,
  count: number,
): readonly Pod[] {
  if (count >= active.length) return active;
  const perNode = new Map<string, number>();
  for (const pod of relatedPods) {
    const node = pod.spec.nodeName;
    if (node && isActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const crowding = (pod: Pod): number => perNode.get(pod.spec.nodeName ?? '') ?? 0;
  return rankVictims(active, crowding, nowMs).slice(0, count);
}

export interface PassFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** The status that the pods make; `failure` is what the pass could not do. */
export function replicaSetStatus(
  { replicaSet, pods, nowMs }: Omit<ReplicaSetObservation, 'relatedPods'>,
  failure: PassFailure | undefined,
  now: string,
): ReplicaSetStatus {
  const active = pods.filter(isActive);
  const templateLabels = Object.entries(replicaSet.spec.template?.metadata?.labels ?? {});
  const conditions = failureCondition(replicaSet.status?.conditions ?? [], failure, now);
  const count = (counts: (pod: Pod) => boolean): number => active.filter(counts).length;
  return {
    replicas: active.length,
    ...nonZero({
      fullyLabeledReplicas: count((pod) =>
        templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value),
      ),
      readyReplicas: count(isReady),
      availableReplicas: count((pod) =>
        isAvailable(pod, replicaSet.spec.minReadySeconds ?? 0, nowMs),
      ),
    }),
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

function failureCondition(
  conditions: readonly ReplicaSetCondition[],
  failure: PassFailure | undefined,
  now: string,
): readonly ReplicaSetCondition[] {
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure');
  return withCondition(conditions, {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: now,
    ...failure,
  });
}

/** Leaves zeros out, as Go's omitempty does: clients compare and print such statuses. */
export function nonZero<Name extends string>(
  counts: Readonly<Record<Name, number>>,
): Partial<Record<Name, number>> {
  const kept: Partial<Record<Name, number>> = {};
  for (const name in counts) if (counts[name] !== 0) kept[name] = counts[name];
  return kept;
}
