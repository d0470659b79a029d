// How a job's status follows its pods: ended pods are named in it, lose their finalizer, and then are counted.

import type { Job, JobStatus, Pod } from '@tweendeck/kube';
import { isReady } from '../pod/pod-state.ts';
import { nonZero } from '../replicaset/plan.ts';
import { conditionTrue, type Finish, withJobCondition } from './conditions.ts';
import { judgeFailure } from './failure-policy.ts';
import { IndexSet } from './index-set.ts';
import { indexOf, isFailed, isIndexed, isSucceeded, isTracked, validIndexOf } from './job-pods.ts';
import type { JobPlan } from './plan.ts';

/** What of a plan was done. */
export interface ActOutcome {
  readonly created: number;
  /** Pods whose deletion was asked for. */
  readonly removed: readonly Pod[];
}

export interface Tracking {
  /** To be written before the finalizers go: then no pod is forgotten, and none counted twice. */
  readonly status: JobStatus;
  /** Pods whose finalizer goes once the status is written. */
  readonly settle: readonly Pod[];
  /** The end that follows once everything is counted. */
  readonly finish: Finish | undefined;
  readonly events: readonly JobEvent[];
}

export interface JobEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Uids named in a status, for which the object has room. */
const uncountedMax = 500;

interface Uncounted {
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
}

/** The status after a pass's deletions and creations. `now` is the present as a timestamp. */
export function trackJob(
  job: Job,
  pods: readonly Pod[],
  {
    plan,
    outcome,
    now,
  }: { readonly plan: JobPlan; readonly outcome: ActOutcome; readonly now: string },
): Tracking {
  const finish = finishAfter(job, plan, outcome);
  const suspension = plan.managed && !finish ? suspensionOf(job, now) : undefined;
  const conditions = suspension?.conditions ?? job.status?.conditions ?? [];
  const counting = count(job, pods, { plan, finish });
  const before = pruned(job, pods);
  const uncounted = {
    succeeded: [...before.uncounted.succeeded, ...counting.succeeded],
    failed: [...before.uncounted.failed, ...counting.failed],
  };
  const status = statusOf({
    job,
    plan,
    outcome,
    uncounted,
    succeeded: before.succeeded,
    failed: before.failed,
    completed: counting.completed,
    conditions: finish ? withInterim(job, conditions, finish, now) : conditions,
    startTime:
      suspension?.startTime ?? job.status?.startTime ?? (job.spec.suspend ? undefined : now),
  });
  return {
    status,
    settle: counting.settle,
    finish: counting.isWhole ? finish : undefined,
    events: suspension?.events ?? [],
  };
}

/** An end stands only when every pod's deletion went through; success by completions shows only now. */
function finishAfter(
  { spec }: Job,
  plan: JobPlan,
  { created, removed }: ActOutcome,
): Finish | undefined {
  const { facts, finish } = plan;
  if (finish) return removed.length === facts.active.length ? finish : undefined;
  const active = facts.active.length + created - removed.length;
  const enough =
    spec.completions === undefined ? facts.succeeded > 0 : facts.succeeded >= spec.completions;
  if (!enough || active > 0) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message };
}

function suspensionOf(
  job: Job,
  now: string,
): Pick<JobStatus, 'conditions' | 'startTime'> & { readonly events: readonly JobEvent[] } {
  const before = job.status?.conditions ?? [];
  const suspended = job.spec.suspend === true;
  const [reason, message] = suspended
    ? (['JobSuspended', 'Job suspended'] as const)
    : (['JobResumed', 'Job resumed'] as const);
  const status = suspended ? 'True' : 'False';
  const conditions = withJobCondition(before, { type: 'Suspended', status, reason, message }, now);
  if (conditions === before) return { conditions, events: [] };
  const events = [
    { type: 'Normal', reason: suspended ? 'Suspended' : 'Resumed', message } as const,
  ];
  // The deadline counts from when the job may run again.
  return suspended ? { conditions, events } : { conditions, startTime: now, events };
}

function withInterim(
  job: Job,
  conditions: NonNullable<JobStatus['conditions']>,
  { type, reason, message }: Finish,
  now: string,
): NonNullable<JobStatus['conditions']> {
  if (conditionTrue(job, type)) return conditions;
  return withJobCondition(conditions, { type, status: 'True', reason, message }, now);
}

interface Counting extends Uncounted {
  readonly completed: IndexSet | undefined;
  readonly settle: readonly Pod[];
  /** False when there were more pods than a status can name: the rest is for the next pass. */
  readonly isWhole: boolean;
}

/** Which pods are counted now. Pods of an index that succeeded need no uid: the index is what is kept. */
function count(
  job: Job,
  pods: readonly Pod[],
  { plan, finish }: { readonly plan: JobPlan; readonly finish: Finish | undefined },
): Counting {
  const named = job.status?.uncountedTerminatedPods ?? {};
  const known = { succeeded: new Set(named.succeeded), failed: new Set(named.failed) };
  const before = IndexSet.parse(job.status?.completedIndexes, job.spec.completions ?? 0);
  const [succeeded, failed, indexes, settle]: [string[], string[], number[], Pod[]] = [
    [],
    [],
    [],
    [],
  ];
  const ordered = isIndexed(job) ? pods.toSorted(byIndex) : pods;
  const candidates = ordered.filter((pod) => isTracked(pod) && maySettle(job, pod, plan, finish));
  for (const pod of candidates) {
    const { uid } = pod.metadata;
    const index = validIndexOf(pod, job);
    settle.push(pod);
    if (isSucceeded(pod) && !known.failed.has(uid)) {
      if (!isIndexed(job)) {
        if (!known.succeeded.has(uid)) succeeded.push(uid);
      } else if (index !== undefined && !before.has(index)) indexes.push(index);
    } else if (isFailed(pod, job) || finish?.type === 'FailureTarget') {
      const isOurs = !isIndexed(job) || index !== undefined;
      if (isOurs && !known.failed.has(uid) && judgeFailure(job, pod).counts) failed.push(uid);
    }
    const total =
      indexes.length + succeeded.length + failed.length + known.succeeded.size + known.failed.size;
    if (total >= uncountedMax) break;
  }
  const completed = isIndexed(job) ? before.union(IndexSet.of(indexes)) : undefined;
  return { succeeded, failed, completed, settle, isWhole: settle.length === candidates.length };
}

function byIndex(left: Pod, right: Pod): number {
  return (indexOf(left) ?? -1) - (indexOf(right) ?? -1);
}

function maySettle(job: Job, pod: Pod, { facts }: JobPlan, finish: Finish | undefined): boolean {
  if (job.metadata.deletionTimestamp || finish || isSucceeded(pod)) return true;
  if (!isFailed(pod, job)) return false;
  const index = indexOf(pod);
  return index === undefined || facts.kept.get(index)?.metadata.uid !== pod.metadata.uid;
}

/** Pods that a status names and that carry no finalizer any more are counted for good. */
function pruned(
  job: Job,
  pods: readonly Pod[],
): { readonly uncounted: Uncounted; readonly succeeded: number; readonly failed: number } {
  const held = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid));
  return prunedBy(job.status ?? {}, held);
}

function prunedBy(
  { succeeded = 0, failed = 0, uncountedTerminatedPods: named = {} }: JobStatus,
  held: ReadonlySet<string>,
): { readonly uncounted: Uncounted; readonly succeeded: number; readonly failed: number } {
  const kept = (uids: readonly string[] = []) => uids.filter((uid) => held.has(uid));
  const uncounted = { succeeded: kept(named.succeeded), failed: kept(named.failed) };
  return {
    uncounted,
    succeeded: succeeded + (named.succeeded?.length ?? 0) - uncounted.succeeded.length,
    failed: failed + (named.failed?.length ?? 0) - uncounted.failed.length,
  };
}

interface StatusParts {
  readonly job: Job;
  readonly plan: JobPlan;
  readonly outcome: ActOutcome;
  readonly uncounted: Uncounted;
  readonly succeeded: number;
  readonly failed: number;
  readonly completed: IndexSet | undefined;
  readonly conditions: NonNullable<JobStatus['conditions']>;
  readonly startTime: string | undefined;
}

function statusOf(parts: StatusParts): JobStatus {
  const { job, plan, outcome, completed, conditions, startTime } = parts;
  const { facts } = plan;
  const { completionTime } = job.status ?? {};
  const removedReady = outcome.removed.filter(isReady).length;
  const completedIndexes = completed?.toString() ?? '';
  return {
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...nonZero({
      active: facts.active.length + outcome.created - outcome.removed.length,
      succeeded: completed?.size ?? parts.succeeded,
      failed: parts.failed,
    }),
    terminating: facts.terminating + outcome.removed.length,
    ...(completedIndexes === '' ? {} : { completedIndexes }),
    ...(facts.failedIndexes ? { failedIndexes: facts.failedIndexes.toString() } : {}),
    uncountedTerminatedPods: shown(parts.uncounted),
    ready: facts.ready - removedReady,
  };
}

function shown({
  succeeded,
  failed,
}: Uncounted): NonNullable<JobStatus['uncountedTerminatedPods']> {
  return {
    ...(succeeded.length > 0 ? { succeeded } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
}

/** The status once finalizers are gone. `held` are the uids of pods that still carry theirs. */
export function settleJob(
  status: JobStatus,
  finish: Finish | undefined,
  { held, now }: { readonly held: ReadonlySet<string>; readonly now: string },
): { readonly status: JobStatus; readonly finished: boolean } {
  const { uncounted, succeeded, failed } = prunedBy(status, held);
  const indexed = status.completedIndexes !== undefined;
  const { succeeded: _, failed: __, ...rest } = status;
  const settled: JobStatus = {
    ...rest,
    ...nonZero({ succeeded: indexed ? (status.succeeded ?? 0) : succeeded, failed }),
    uncountedTerminatedPods: shown(uncounted),
  };
  const open = uncounted.succeeded.length + uncounted.failed.length + (status.terminating ?? 0);
  if (!finish || open > 0) return { status: settled, finished: false };
  const type = finish.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed';
  const { reason, message } = finish;
  const next = { type, status: 'True', reason, message };
  const conditions = withJobCondition(status.conditions ?? [], next, now);
  const ended = type === 'Complete' ? { completionTime: now } : {};
  return { status: { ...settled, conditions, ...ended }, finished: true };
}
