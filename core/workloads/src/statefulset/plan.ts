// The next step of a StatefulSet: which ordinals to create, relabel or delete, and its status. Rules: upstream's stateful_set_control.

import type { Pod, PodTemplateSpec, StatefulSet, StatefulSetStatus } from '@tweendeck/kube';
import { revisionLabel } from '../owner/revision.ts';
import { isAvailable, isFinished, isReady, nextAvailableInMs } from '../pod/pod-state.ts';
import { nonZero } from '../replicaset/plan.ts';
import { firstOrdinal, missingLabels, ordinalOf, podName } from './identity.ts';

export interface Revision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

export interface StatefulSetObservation {
  readonly set: StatefulSet;
  /** Every pod it owns whose name carries an ordinal. */
  readonly pods: readonly Pod[];
  /** What pods that are not to be updated are made of. */
  readonly current: Revision;
  /** The present template. */
  readonly update: Revision;
  readonly nowMs: number;
}

export type StatefulSetAction =
  | { readonly action: 'create'; readonly ordinal: number; readonly revision: Revision }
  | { readonly action: 'delete'; readonly pod: Pod; readonly why: 'recreate' | 'scale' | 'update' }
  | {
      readonly action: 'label';
      readonly pod: Pod;
      readonly labels: Readonly<Record<string, string>>;
    };

export interface StatefulSetPlan {
  readonly actions: readonly StatefulSetAction[];
  readonly status: StatefulSetStatus;
  readonly requeueAfterMs: number | undefined;
}

export function planStatefulSet(observed: StatefulSetObservation): StatefulSetPlan {
  const { set, pods, nowMs } = observed;
  const leaving = set.metadata.deletionTimestamp !== undefined;
  return {
    actions: leaving ? [] : decide(observed),
    status: statusOf(observed),
    requeueAfterMs: nextAvailableInMs(pods, set.spec.minReadySeconds ?? 0, nowMs),
  };
}

interface Slots {
  /** By ordinal, lowest first; undefined where there is no pod. */
  readonly wanted: readonly { readonly ordinal: number; readonly pod: Pod | undefined }[];
  /** Pods outside the wanted ordinals, highest first. */
  readonly condemned: readonly Pod[];
}

function slotsOf({ set, pods }: StatefulSetObservation): Slots {
  const start = firstOrdinal(set);
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod) ?? -1, pod]));
  const wanted = Array.from({ length: set.spec.replicas ?? 1 }, (_, index) => ({
    ordinal: start + index,
    pod: byOrdinal.get(start + index),
  }));
  const names = new Set(wanted.map(({ ordinal }) => podName(set, ordinal)));
  const condemned = pods
    .filter((pod) => !names.has(pod.metadata.name))
    .toSorted((left, right) => (ordinalOf(set, right) ?? 0) - (ordinalOf(set, left) ?? 0));
  return { wanted, condemned };
}

function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod);
}

function isHealthy(pod: Pod): boolean {
  return isRunningAndReady(pod) && !isLeaving(pod);
}

function isRunningAndAvailable({ set, nowMs }: StatefulSetObservation, pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

/** Fills and repairs, then shrinks, then updates; the ordered policy waits at the first pod that is not yet well. */
function decide(observed: StatefulSetObservation): readonly StatefulSetAction[] {
  const slots = slotsOf(observed);
  const filled = fill(observed, slots);
  if (filled.waits) return filled.actions;
  const shrunk = shrink(observed, slots);
  const actions = [...filled.actions, ...shrunk.actions];
  if (shrunk.waits || actions.some(({ action }) => action !== 'label')) return actions;
  return [...actions, ...update(observed, slots)];
}

interface Phase {
  readonly actions: readonly StatefulSetAction[];
  readonly waits: boolean;
}

function isOrdered(set: StatefulSet): boolean {
  return set.spec.podManagementPolicy !== 'Parallel';
}

function fill(observed: StatefulSetObservation, { wanted }: Slots): Phase {
  const { set } = observed;
  const ordered = isOrdered(set);
  const actions: StatefulSetAction[] = [];
  for (const { ordinal, pod } of wanted) {
    if (!pod) {
      actions.push({ action: 'create', ordinal, revision: revisionFor(observed, ordinal) });
      if (ordered) return { actions, waits: true };
      continue;
    }
    if (isFinished(pod)) {
      if (!isLeaving(pod)) actions.push({ action: 'delete', pod, why: 'recreate' });
      if (ordered) return { actions, waits: true };
      continue;
    }
    const labels = isLeaving(pod) ? undefined : missingLabels(set, pod, ordinal);
    if (labels) actions.push({ action: 'label', pod, labels });
    const well = isHealthy(pod) && isRunningAndAvailable(observed, pod);
    if (ordered && !well) return { actions, waits: true };
  }
  return { actions, waits: false };
}

function revisionFor({ set, current, update }: StatefulSetObservation, ordinal: number): Revision {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return update;
  const partition = rollingUpdate?.partition ?? 0;
  return ordinal < firstOrdinal(set) + partition ? current : update;
}

function shrink(observed: StatefulSetObservation, { wanted, condemned }: Slots): Phase {
  const ordered = isOrdered(observed.set);
  const all = [...wanted.flatMap(({ pod }) => (pod ? [pod] : [])), ...condemned.toReversed()];
  const firstUnhealthy = all.find((pod) => !isHealthy(pod));
  const actions: StatefulSetAction[] = [];
  for (const pod of condemned) {
    if (isLeaving(pod)) {
      if (ordered) return { actions, waits: true };
      continue;
    }
    const well = isRunningAndReady(pod) && isRunningAndAvailable(observed, pod);
    if (ordered && !well && pod !== firstUnhealthy) return { actions, waits: true };
    actions.push({ action: 'delete', pod, why: 'scale' });
    if (ordered) return { actions, waits: true };
  }
  return { actions, waits: false };
}

/** From the highest ordinal down to the partition, one pod at a time, waiting for each to be well. */
function update(observed: StatefulSetObservation, { wanted }: Slots): readonly StatefulSetAction[] {
  const { set } = observed;
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const least = firstOrdinal(set) + (rollingUpdate?.partition ?? 0);
  for (const { ordinal, pod } of wanted.toReversed()) {
    if (ordinal < least) return [];
    if (!pod) continue;
    if (revisionNameOf(pod) !== observed.update.name && !isLeaving(pod)) {
      return [{ action: 'delete', pod, why: 'update' }];
    }
    if (!isHealthy(pod) || !isRunningAndAvailable(observed, pod)) return [];
  }
  return [];
}

export function revisionNameOf(pod: Pod): string | undefined {
  return pod.metadata.labels?.[revisionLabel];
}

function statusOf(observed: StatefulSetObservation): StatefulSetStatus {
  const { set, current, update: updated } = observed;
  const pods = observed.pods.filter((pod) => pod.status?.phase !== undefined);
  const count = (counts: (pod: Pod) => boolean): number => pods.filter(counts).length;
  const ofRevision = (name: string): number =>
    count((pod) => !isLeaving(pod) && revisionNameOf(pod) === name);
  const replicas = pods.length;
  const readyReplicas = count(isRunningAndReady);
  const updatedReplicas = ofRevision(updated.name);
  const desired = set.spec.replicas ?? 1;
  const isRolled =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    updatedReplicas === desired &&
    readyReplicas === desired &&
    replicas === desired;
  const currentRevision = isRolled ? updated.name : current.name;
  const { collisionCount, conditions } = set.status ?? {};
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas,
    ...nonZero({
      readyReplicas,
      currentReplicas: ofRevision(currentRevision),
      updatedReplicas,
    }),
    availableReplicas: count((pod) => isRunningAndAvailable(observed, pod)),
    currentRevision,
    updateRevision: updated.name,
    collisionCount: collisionCount ?? 0,
    ...(conditions ? { conditions } : {}),
  };
}
