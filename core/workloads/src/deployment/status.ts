// The status of a Deployment: counts, and the conditions that `kubectl rollout status` and `kubectl wait` read.

import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { conditionOf, withCondition, withoutCondition } from '../owner/conditions.ts';
import { timeMs } from '../pod/pod-state.ts';
import { nonZero } from '../replicaset/plan.ts';
import { availableOf, desiredReplicas, rollingLimits, sizeOf, sum } from './sizes.ts';

type Conditions = readonly DeploymentCondition[];

export interface RolloutObservation {
  readonly deployment: Deployment;
  readonly newReplicaSet: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly nowMs: number;
}

/** A ReplicaSet without pods and a deadline this large mean: no deadline. */
const noDeadlineSeconds = 2_147_483_647;

export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== noDeadlineSeconds;
}

export function progressing(
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const now = timestampOf(nowMs);
  const times = { lastUpdateTime: now, lastTransitionTime: now };
  return { type: 'Progressing', status, reason, message, ...times };
}

/** Counts and the Available condition; the other conditions are carried over. */
export function countedStatus(
  { deployment, newReplicaSet, old, nowMs }: RolloutObservation,
  conditions: Conditions,
): DeploymentStatus {
  const all = [...old, ...(newReplicaSet ? [newReplicaSet] : [])];
  const availableReplicas = sum(all, availableOf);
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...nonZero({
      replicas: sum(all, (each) => each.status?.replicas ?? 0),
      updatedReplicas: newReplicaSet?.status?.replicas ?? 0,
      readyReplicas: sum(all, (each) => each.status?.readyReplicas ?? 0),
      availableReplicas,
      unavailableReplicas: Math.max(0, sum(all, sizeOf) - availableReplicas),
    }),
    ...(collisionCount ? { collisionCount } : {}),
    conditions: withCondition(conditions, availability(deployment, availableReplicas, nowMs)),
  };
}

function availability(
  deployment: Deployment,
  availableReplicas: number,
  nowMs: number,
): DeploymentCondition {
  const least = desiredReplicas(deployment) - rollingLimits(deployment).maxUnavailable;
  const now = timestampOf(nowMs);
  const times = { lastUpdateTime: now, lastTransitionTime: now };
  return availableReplicas >= least
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
        ...times,
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
        ...times,
      };
}

/** Every pod is of the new template, available, and none is too many. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = desiredReplicas(deployment);
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** The status while rolling: counts, Available, and how the rollout gets on. */
export function rolloutStatus(
  observed: RolloutObservation,
  conditions: Conditions,
): DeploymentStatus {
  const { deployment } = observed;
  const counted = countedStatus(
    observed,
    hasDeadline(deployment) ? conditions : withoutCondition(conditions, 'Progressing'),
  );
  const before = conditionOf(deployment.status?.conditions, 'Progressing');
  const finishedBefore =
    counted.replicas === counted.updatedReplicas && before?.reason === 'NewReplicaSetAvailable';
  const judged =
    hasDeadline(deployment) && !finishedBefore
      ? judgeProgress(observed, counted)
      : (counted.conditions ?? []);
  return { ...counted, conditions: withFailures(judged, observed) };
}

function judgeProgress(observed: RolloutObservation, status: DeploymentStatus): Conditions {
  const { deployment, newReplicaSet, nowMs } = observed;
  const conditions = status.conditions ?? [];
  const subject = newReplicaSet
    ? `ReplicaSet "${newReplicaSet.metadata.name}"`
    : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(conditions, progressing('True', 'NewReplicaSetAvailable', message, nowMs));
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const before = conditionOf(conditions, 'Progressing');
    const next = progressing('True', 'ReplicaSetUpdated', `${subject} is progressing.`, nowMs);
    const since =
      before?.status === 'True' && before.lastTransitionTime
        ? { lastTransitionTime: before.lastTransitionTime }
        : {};
    return [...withoutCondition(conditions, 'Progressing'), { ...next, ...since }];
  }
  if (hasTimedOut(deployment, conditions, nowMs)) {
    const message = `${subject} has timed out progressing.`;
    return withCondition(
      conditions,
      progressing('False', 'ProgressDeadlineExceeded', message, nowMs),
    );
  }
  return conditions;
}

/** More new pods, fewer old ones, or more that are ready or available than the last status said. */
function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number =>
    replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, conditions: Conditions, nowMs: number): boolean {
  const condition = conditionOf(conditions, 'Progressing');
  if (condition?.reason === 'ProgressDeadlineExceeded') return true;
  const leftMs = deadlineInMs(deployment, conditions, nowMs);
  return leftMs !== undefined && leftMs < 0;
}

/** Milliseconds until the rollout counts as stuck; undefined when it cannot (no deadline, complete, stuck already, not begun). */
export function deadlineInMs(
  deployment: Deployment,
  conditions: Conditions | undefined,
  nowMs: number,
): number | undefined {
  const condition = conditionOf(conditions, 'Progressing');
  const updatedMs = timeMs(condition?.lastUpdateTime);
  const settled = ['NewReplicaSetAvailable', 'ProgressDeadlineExceeded'];
  if (!hasDeadline(deployment) || !condition || updatedMs === undefined) return undefined;
  if (settled.includes(condition.reason ?? '')) return undefined;
  return updatedMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1_000 - nowMs;
}

/** Hands on that a ReplicaSet cannot make its pods: the new one's failure, or an old one's. */
function withFailures(
  conditions: Conditions,
  { newReplicaSet, old, nowMs }: RolloutObservation,
): Conditions {
  const failure = [newReplicaSet, ...old]
    .map((each) => conditionOf(each?.status?.conditions, 'ReplicaFailure'))
    .find((condition) => condition?.status === 'True');
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure');
  const lastUpdateTime = failure.lastTransitionTime ?? timestampOf(nowMs);
  return withCondition(conditions, { ...failure, lastUpdateTime });
}

/** Notes that a rollout was paused or goes on, so that the time in between does not count against its deadline. */
export function withPause(deployment: Deployment, nowMs: number): Conditions {
  const conditions = deployment.status?.conditions ?? [];
  const condition = conditionOf(conditions, 'Progressing');
  if (!hasDeadline(deployment) || condition?.reason === 'ProgressDeadlineExceeded') {
    return conditions;
  }
  const isPaused = condition?.reason === 'DeploymentPaused';
  if (deployment.spec.paused && !isPaused) {
    const next = progressing('Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs);
    return withCondition(conditions, next);
  }
  if (!deployment.spec.paused && isPaused) {
    const next = progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs);
    return withCondition(conditions, next);
  }
  return conditions;
}
