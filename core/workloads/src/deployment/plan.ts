// The next step of a Deployment: which ReplicaSet to make, resize, relabel or forget, and the status to write.

import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  Input,
  Pod,
  ReplicaSet,
} from '@tweendeck/kube';
import { controllerOf } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { conditionOf, withCondition } from '../owner/conditions.ts';
import { isFinished } from '../pod/pod-state.ts';
import {
  annotationsForNew,
  newReplicaSetOf,
  nextRevision,
  replicaSetFor,
  revisionOf,
  sizeAnnotations,
} from './revision.ts';
import {
  desiredReplicas,
  isScaling,
  newReplicaSetSize,
  rollingLimits,
  type Sizes,
  scale,
  shrinkOld,
  sizeOf,
} from './sizes.ts';
import {
  countedStatus,
  deadlineInMs,
  hasDeadline,
  isComplete,
  progressing,
  type RolloutObservation,
  rolloutStatus,
  withPause,
} from './status.ts';

export interface DeploymentObservation {
  readonly deployment: Deployment;
  /** Every ReplicaSet it owns. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Every pod of those. */
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

/** One change of an existing ReplicaSet; what is not named stays. */
export interface ReplicaSetChange {
  readonly replicaSet: ReplicaSet;
  readonly replicas?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly minReadySeconds?: number;
}

export interface DeploymentPlan {
  /** The revision annotation the Deployment should carry; undefined: as it is. */
  readonly revision: number | undefined;
  readonly create: Input<ReplicaSet> | undefined;
  readonly change: readonly ReplicaSetChange[];
  /** Old, empty ReplicaSets beyond the history limit. */
  readonly remove: readonly ReplicaSet[];
  readonly status: DeploymentStatus;
  readonly requeueAfterMs: number | undefined;
}

interface Step {
  readonly create?: Input<ReplicaSet>;
  readonly change?: readonly ReplicaSetChange[];
  readonly revision?: number;
  readonly conditions?: readonly DeploymentCondition[];
}

/** Plans one step; every change comes back as an observation and leads to the next one. */
export function planDeployment(observed: DeploymentObservation): DeploymentPlan {
  const { deployment, nowMs } = observed;
  const live = observed.replicaSets.filter((each) => !each.metadata.deletionTimestamp);
  const newReplicaSet = newReplicaSetOf(deployment, live);
  const old = live.filter((each) => each !== newReplicaSet);
  const rollout: RolloutObservation = { deployment, newReplicaSet, old, nowMs };
  const conditions = withPause(deployment, nowMs);
  const step = stepOf(observed, rollout, conditions);
  const judge = isSizing(rollout) ? countedStatus : rolloutStatus;
  const status = judge(rollout, step.conditions ?? conditions);
  const rests = step.create === undefined && (step.change ?? []).length === 0;
  const mayForget = rests && (deployment.spec.paused || isComplete(deployment, status));
  const leftMs = deadlineInMs(deployment, status.conditions, nowMs);
  return {
    revision: step.revision,
    create: step.create,
    change: step.change ?? [],
    remove: mayForget ? forgettable(deployment, old) : [],
    status,
    requeueAfterMs: leftMs === undefined ? undefined : Math.max(0, leftMs) + 1_000,
  };
}

function stepOf(
  observed: DeploymentObservation,
  rollout: RolloutObservation,
  conditions: readonly DeploymentCondition[],
): Step {
  const { deployment, newReplicaSet, old } = rollout;
  const all = [...old, ...(newReplicaSet ? [newReplicaSet] : [])];
  if (isSizing(rollout)) {
    const known = newReplicaSet ? noteNew(rollout, newReplicaSet, conditions) : {};
    return {
      ...known,
      change: merged(known.change, resizes(deployment, scale(deployment, newReplicaSet, old))),
    };
  }
  if (deployment.spec.strategy?.type === 'Recreate') return recreate(observed, rollout, conditions);
  return roll(rollout, all, conditions);
}

/** Sizes are followed even while the rollout is paused; its progress is not judged then. */
function isSizing({ deployment, newReplicaSet, old }: RolloutObservation): boolean {
  const all = [...old, ...(newReplicaSet ? [newReplicaSet] : [])];
  return deployment.spec.paused === true || isScaling(deployment, all);
}

/** One thing at a time: the new ReplicaSet first, the old ones when it rests. */
function roll(
  rollout: RolloutObservation,
  all: readonly ReplicaSet[],
  conditions: readonly DeploymentCondition[],
): Step {
  const { deployment, newReplicaSet, old } = rollout;
  if (!newReplicaSet) return createNew(rollout, newReplicaSetSize(deployment, all, 0), conditions);
  const noted = noteNew(rollout, newReplicaSet, conditions);
  const current = sizeOf(newReplicaSet);
  const desired = desiredReplicas(deployment);
  const next = current > desired ? desired : newReplicaSetSize(deployment, all, current);
  const sizes =
    next === current ? shrinkOld(deployment, newReplicaSet, old) : new Map([[newReplicaSet, next]]);
  const sized = sizes.size > 0 ? resizes(deployment, sizes) : [];
  return {
    ...noted,
    change: merged(noted.change, [...sized, ...resize(deployment, newReplicaSet, sizes)]),
  };
}

/** Nothing new starts before everything old has stopped. */
function recreate(
  { pods }: DeploymentObservation,
  rollout: RolloutObservation,
  conditions: readonly DeploymentCondition[],
): Step {
  const { deployment, newReplicaSet, old } = rollout;
  const noted = newReplicaSet ? noteNew(rollout, newReplicaSet, conditions) : {};
  const active = old.filter((each) => sizeOf(each) > 0);
  if (active.length > 0) {
    const sizes = new Map(active.map((each) => [each, 0]));
    return { ...noted, change: merged(noted.change, resizes(deployment, sizes)) };
  }
  if (oldStillRun(old, pods)) return noted;
  const desired = desiredReplicas(deployment);
  if (!newReplicaSet) return createNew(rollout, desired, conditions);
  const sizes: Sizes =
    sizeOf(newReplicaSet) === desired ? new Map() : new Map([[newReplicaSet, desired]]);
  return { ...noted, change: merged(noted.change, resizes(deployment, sizes)) };
}

function oldStillRun(old: readonly ReplicaSet[], pods: readonly Pod[]): boolean {
  if (old.some((each) => (each.status?.replicas ?? 0) > 0)) return true;
  const uids = new Set(old.map((each) => each.metadata.uid));
  return pods.some((pod) => uids.has(controllerOf(pod)?.uid ?? '') && !isFinished(pod));
}

function createNew(
  { deployment, old, nowMs }: RolloutObservation,
  replicas: number,
  conditions: readonly DeploymentCondition[],
): Step {
  const revision = nextRevision(old);
  const annotations = {
    ...annotationsForNew(deployment, undefined, revision),
    ...sizeAnnotations(desiredReplicas(deployment), maxReplicasOf(deployment)),
  };
  const create = replicaSetFor(deployment, { replicas, annotations });
  const message = `Created new replica set "${create.metadata.name ?? ''}"`;
  return {
    create,
    revision,
    conditions: hasDeadline(deployment)
      ? withCondition(conditions, progressing('True', 'NewReplicaSetCreated', message, nowMs))
      : conditions,
  };
}

/** Brings the new ReplicaSet's annotations and minReadySeconds up to date, and the Deployment's revision. */
function noteNew(
  { deployment, old, nowMs }: RolloutObservation,
  replicaSet: ReplicaSet,
  conditions: readonly DeploymentCondition[],
): Step {
  const revision = Math.max(nextRevision(old), revisionOf(replicaSet));
  const annotations = annotationsForNew(deployment, replicaSet, revision);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  const differs =
    !jsonEqual(annotations, replicaSet.metadata.annotations ?? {}) ||
    minReadySeconds !== (replicaSet.spec.minReadySeconds ?? 0);
  const message = `Found new replica set "${replicaSet.metadata.name}"`;
  const found = progressing('True', 'FoundNewReplicaSet', message, nowMs);
  return {
    change: differs ? [{ replicaSet, annotations, minReadySeconds }] : [],
    ...(revisionOf(deployment) === revision ? {} : { revision }),
    conditions:
      hasDeadline(deployment) && !conditionOf(conditions, 'Progressing')
        ? withCondition(conditions, found)
        : conditions,
  };
}

function maxReplicasOf(deployment: Deployment): number {
  return desiredReplicas(deployment) + rollingLimits(deployment).maxSurge;
}

function resizes(deployment: Deployment, sizes: Sizes): readonly ReplicaSetChange[] {
  return [...sizes].flatMap(([replicaSet, size]) => resizeTo(deployment, replicaSet, size));
}

/** Keeps the size annotations of the new ReplicaSet true while its own size stays. */
function resize(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  sizes: Sizes,
): readonly ReplicaSetChange[] {
  return sizes.has(replicaSet) ? [] : resizeTo(deployment, replicaSet, sizeOf(replicaSet));
}

function resizeTo(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  replicas: number,
): readonly ReplicaSetChange[] {
  const annotations = sizeAnnotations(desiredReplicas(deployment), maxReplicasOf(deployment));
  const known = replicaSet.metadata.annotations ?? {};
  const same = Object.entries(annotations).every(([key, value]) => known[key] === value);
  if (same && sizeOf(replicaSet) === replicas) return [];
  return [{ replicaSet, replicas, annotations }];
}

/** One change for each ReplicaSet. */
function merged(
  first: readonly ReplicaSetChange[] | undefined,
  second: readonly ReplicaSetChange[],
): readonly ReplicaSetChange[] {
  const changes = new Map<ReplicaSet, ReplicaSetChange>();
  for (const change of [...(first ?? []), ...second]) {
    const before = changes.get(change.replicaSet);
    const annotations = { ...before?.annotations, ...change.annotations };
    changes.set(change.replicaSet, { ...before, ...change, annotations });
  }
  return [...changes.values()];
}

function forgettable(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined || old.length <= limit) return [];
  return old
    .toSorted((left, right) => revisionOf(left) - revisionOf(right))
    .slice(0, old.length - limit)
    .filter(isEmpty);
}

function isEmpty(replicaSet: ReplicaSet): boolean {
  const seen = replicaSet.status?.observedGeneration ?? 0;
  return (
    sizeOf(replicaSet) === 0 &&
    (replicaSet.status?.replicas ?? 0) === 0 &&
    seen >= (replicaSet.metadata.generation ?? 0)
  );
}
