// What a job does next: which pods to delete and to make, and whether it is at its end. Rules: upstream's job controller.

import type { Job, Pod } from '@tweendeck/kube';
import { isActive, isReady, timeMs } from '../pod/pod-state.ts';
import { rankVictims } from '../replicaset/victims.ts';
import { conditionTrue, type Finish } from './conditions.ts';
import { type FailureRecord, recordAfter, waitMs } from './failure-backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import { IndexSet } from './index-set.ts';
import {
  endedMs,
  failuresBefore,
  indexOf,
  isFailed,
  isIndexed,
  isSucceeded,
  isTerminating,
  isTracked,
  replacesFailedOnly,
  surplusOf,
  validIndexOf,
} from './job-pods.ts';

export interface JobObservation {
  readonly job: Job;
  /** Every pod it owns. */
  readonly pods: readonly Pod[];
  /** As {@link JobPlan.record} of the last pass; {@link noFailures} when nothing is remembered. */
  readonly record: FailureRecord;
  readonly nowMs: number;
}

/** What is known of a job and its pods once they are counted. */
interface JobFacts {
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Undefined for jobs without indexes. */
  readonly succeededIndexes: IndexSet | undefined;
  /** Undefined unless the job limits the failures of each index. */
  readonly failedIndexes: IndexSet | undefined;
  /** Failed pods that stay until their index has a new one, which is told of its failures. */
  readonly kept: ReadonlyMap<number, Pod>;
}

export interface PodDeletion {
  readonly pod: Pod;
  /** Whether it will be counted as a failure; otherwise it goes as if it had never been. */
  readonly counts: boolean;
}

export interface JobPlan {
  readonly facts: JobFacts;
  readonly remove: readonly PodDeletion[];
  /** Indexes of the pods to make; undefined for pods without one. */
  readonly create: readonly (number | undefined)[];
  /** Why the job is at its end, before what this pass does is counted. */
  readonly finish: Finish | undefined;
  /** False where the job is ending or its end is decided: then pods are neither made nor sought. */
  readonly managed: boolean;
  readonly requeueAfterMs: number | undefined;
  readonly record: FailureRecord;
}

/** Creations or deletions of one pass. */
const burstMax = 500;

export function planJob(observed: JobObservation): JobPlan {
  const { job, pods, record } = observed;
  const counted = factsOf(observed);
  const finish = finishOf(observed, counted);
  const facts = { ...counted, kept: keptFailures(observed, counted) };
  const next = recordAfter(record, newPods(job, pods, 'succeeded'), newPods(job, pods, 'failed'));
  const deadlineMs = deadlineInMs(observed);
  if (finish) {
    const remove = facts.active.map((pod) => ({ pod, counts: true }));
    return {
      facts,
      remove,
      create: [],
      finish,
      managed: false,
      requeueAfterMs: undefined,
      record: next,
    };
  }
  const still = { facts, finish, record: next, requeueAfterMs: deadlineMs };
  if (job.metadata.deletionTimestamp) return { ...still, remove: [], create: [], managed: false };
  const step = manage({ ...observed, record: next }, facts);
  return {
    ...still,
    ...step,
    managed: true,
    requeueAfterMs: soonest(deadlineMs, step.requeueAfterMs),
  };
}

function soonest(...waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Ended pods that are not counted yet: they carry the finalizer, and the status does not name them. */
function newPods(job: Job, pods: readonly Pod[], end: 'succeeded' | 'failed'): readonly Pod[] {
  const uncounted = new Set(job.status?.uncountedTerminatedPods?.[end]);
  return pods.filter(
    (pod) =>
      isTracked(pod) &&
      !uncounted.has(pod.metadata.uid) &&
      (!isIndexed(job) || validIndexOf(pod, job) !== undefined) &&
      (end === 'succeeded' ? isSucceeded(pod) : isFailed(pod, job)),
  );
}

function factsOf({ job, pods }: JobObservation): Omit<JobFacts, 'kept'> {
  const active = pods.filter(isActive);
  const { succeeded = 0, failed = 0, uncountedTerminatedPods: uncounted } = job.status ?? {};
  const failures = newPods(job, pods, 'failed').filter((pod) => judgeFailure(job, pod).counts);
  const succeededIndexes = isIndexed(job) ? succeededOf(job, pods) : undefined;
  const plain =
    succeeded + newPods(job, pods, 'succeeded').length + (uncounted?.succeeded?.length ?? 0);
  return {
    active,
    ready: active.filter(isReady).length,
    terminating: pods.filter(isTerminating).length,
    succeeded: succeededIndexes?.size ?? plain,
    failed: failed + failures.length + (uncounted?.failed?.length ?? 0),
    succeededIndexes,
    failedIndexes: job.spec.backoffLimitPerIndex === undefined ? undefined : failedOf(job, pods),
  };
}

function succeededOf(job: Job, pods: readonly Pod[]): IndexSet {
  const before = IndexSet.parse(job.status?.completedIndexes, job.spec.completions ?? 0);
  return before.union(
    IndexSet.of(
      indexesOf(
        job,
        pods.filter((pod) => isTracked(pod) && isSucceeded(pod)),
      ),
    ),
  );
}

function indexesOf(job: Job, pods: readonly Pod[]): readonly number[] {
  return pods.map((pod) => validIndexOf(pod, job)).filter((index) => index !== undefined);
}

function failedOf(job: Job, pods: readonly Pod[]): IndexSet {
  const before = IndexSet.parse(job.status?.failedIndexes, job.spec.completions ?? 0);
  const lost = pods.filter((pod) => isTracked(pod) && failsIndex(job, pod));
  return before.union(IndexSet.of(indexesOf(job, lost)));
}

function failsIndex(job: Job, pod: Pod): boolean {
  if (!isFailed(pod, job)) return false;
  const { action, counts } = judgeFailure(job, pod);
  if (action === 'FailIndex') return true;
  return counts && failuresBefore(pod).counted >= (job.spec.backoffLimitPerIndex ?? 0);
}

/** In upstream's order: what an earlier pass decided, failures, then successes by policy. */
function finishOf(observed: JobObservation, facts: Omit<JobFacts, 'kept'>): Finish | undefined {
  const { job, pods } = observed;
  for (const type of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const known = conditionTrue(job, type);
    if (known) return { type, reason: known.reason ?? '', message: known.message ?? '' };
  }
  return policyFailure(job, pods) ?? limitFailure(observed, facts) ?? indexFinish(job, facts);
}

const failure = (reason: string, message: string): Finish => ({
  type: 'FailureTarget',
  reason,
  message,
});

function policyFailure(job: Job, pods: readonly Pod[]): Finish | undefined {
  for (const pod of pods) {
    const message = isFailed(pod, job) ? judgeFailure(job, pod).failsJob : undefined;
    if (message !== undefined) return failure('PodFailurePolicy', message);
  }
  return undefined;
}

function limitFailure(
  observed: JobObservation,
  { failed }: Omit<JobFacts, 'kept'>,
): Finish | undefined {
  const { job, pods } = observed;
  const limit = job.spec.backoffLimit ?? 6;
  if (failed > limit || restartsExceed(job, pods, limit)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  return deadlineInMs(observed) === 0
    ? failure('DeadlineExceeded', 'Job was active longer than specified deadline')
    : undefined;
}

/** Pods that restart in place fail without ending: their restarts count instead. */
function restartsExceed({ spec }: Job, pods: readonly Pod[], limit: number): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const going = pods.filter(
    ({ status }) => status?.phase === 'Running' || status?.phase === 'Pending',
  );
  const restarts = going
    .flatMap(({ status }) => [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ])
    .reduce((total, { restartCount }) => total + restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until `activeDeadlineSeconds` are over; undefined when none runs. */
function deadlineInMs({ job: { spec, status }, nowMs }: JobObservation): number | undefined {
  const started = timeMs(status?.startTime);
  if (spec.activeDeadlineSeconds === undefined || spec.suspend) return undefined;
  // A job whose start was not written yet starts with this pass.
  return Math.max(0, (started ?? nowMs) + spec.activeDeadlineSeconds * 1_000 - nowMs);
}

function indexFinish(
  { spec }: Job,
  { succeededIndexes, failedIndexes }: Omit<JobFacts, 'kept'>,
): Finish | undefined {
  if (!succeededIndexes) return undefined;
  const lost = failedIndexes?.size ?? 0;
  if (failedIndexes && spec.maxFailedIndexes !== undefined && lost > spec.maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return failure('MaxFailedIndexesExceeded', message);
  }
  if (lost > 0 && lost + succeededIndexes.size >= (spec.completions ?? 0)) {
    return failure('FailedIndexes', 'Job has failed indexes');
  }
  const rule = metRule(spec, succeededIndexes);
  if (rule === undefined) return undefined;
  const message = `Matched rules at index ${rule}`;
  return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message };
}

function metRule(
  { successPolicy, completions = 0 }: Job['spec'],
  done: IndexSet,
): number | undefined {
  if (done.size === 0) return undefined;
  const position = (successPolicy?.rules ?? []).findIndex(
    ({ succeededIndexes, succeededCount }) => {
      if (succeededIndexes === undefined) {
        return succeededCount !== undefined && done.size >= succeededCount;
      }
      const wanted = IndexSet.parse(succeededIndexes, completions);
      if (wanted.size === 0) return false;
      const common = wanted.common(done);
      return common === wanted.size || (succeededCount !== undefined && common >= succeededCount);
    },
  );
  return position < 0 ? undefined : position;
}

function keptFailures(
  { job, pods }: JobObservation,
  { active, succeededIndexes, failedIndexes }: Omit<JobFacts, 'kept'>,
): ReadonlyMap<number, Pod> {
  const kept = new Map<number, Pod>();
  if (!failedIndexes) return kept;
  const running = new Set(active.map(indexOf));
  for (const pod of pods) {
    const index = validIndexOf(pod, job);
    if (index === undefined || !isTracked(pod) || !isFailed(pod, job)) continue;
    if (succeededIndexes?.has(index) || failedIndexes.has(index) || running.has(index)) continue;
    const other = kept.get(index);
    if (!other || isLater(pod, other)) kept.set(index, pod);
  }
  return kept;
}

function allFailures(pod: Pod): number {
  const { counted, ignored } = failuresBefore(pod);
  return counted + ignored;
}

function isLater(pod: Pod, other: Pod): boolean {
  return allFailures(other) <= allFailures(pod) && endedMs(pod) >= endedMs(other);
}

interface Step {
  readonly remove: readonly PodDeletion[];
  readonly create: readonly (number | undefined)[];
  readonly requeueAfterMs: number | undefined;
}

const nothing: Step = { remove: [], create: [], requeueAfterMs: undefined };

function manage(observed: JobObservation, facts: JobFacts): Step {
  const { job, nowMs } = observed;
  const { active } = facts;
  const wanted = job.spec.suspend ? 0 : wantedActive(job, facts);
  const ranked = (pods: readonly Pod[]) => rankVictims(pods, () => 0, nowMs);
  const { surplus, rest } = surplusOf(job, active, ranked);
  const further = Math.max(0, active.length - wanted - surplus.length);
  const victims = [...surplus, ...ranked(rest).slice(0, further)].slice(
    0,
    job.spec.suspend ? undefined : burstMax,
  );
  if (victims.length > 0 || job.spec.suspend) {
    return { ...nothing, remove: victims.map((pod) => ({ pod, counts: false })) };
  }
  const ending = replacesFailedOnly(job) ? facts.terminating : 0;
  const missing = Math.min(burstMax, wanted - ending - active.length);
  return missing > 0 ? creations(observed, facts, missing) : nothing;
}

function wantedActive({ spec }: Job, { active, succeeded }: JobFacts): number {
  const parallelism = spec.parallelism ?? 1;
  if (spec.completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, spec.completions - succeeded));
}

function creations(
  { job, pods, record, nowMs }: JobObservation,
  facts: JobFacts,
  missing: number,
): Step {
  if (!facts.failedIndexes) {
    const wait = waitMs(record, nowMs);
    if (wait > 0) return { ...nothing, requeueAfterMs: wait };
  }
  if (!facts.succeededIndexes) {
    return { ...nothing, create: Array.from({ length: missing }, () => undefined) };
  }
  const busy = replacesFailedOnly(job)
    ? [...facts.active, ...pods.filter(isTerminating)]
    : facts.active;
  const taken = facts.succeededIndexes
    .union(IndexSet.of(indexesOf(job, busy)))
    .union(facts.failedIndexes ?? IndexSet.of([]));
  const indexes = taken.missing(missing, job.spec.completions ?? 0);
  if (!facts.failedIndexes) return { ...nothing, create: indexes };
  const waits = new Map(indexes.map((index) => [index, indexWaitMs(facts.kept.get(index), nowMs)]));
  const due = indexes.filter((index) => waits.get(index) === 0);
  return due.length > 0
    ? { ...nothing, create: due }
    : { ...nothing, requeueAfterMs: Math.min(...waits.values()) };
}

/** Each index waits for itself, after the failures that its last pod knew of and its own. */
function indexWaitMs(last: Pod | undefined, nowMs: number): number {
  if (!last) return 0;
  return waitMs({ failures: allFailures(last) + 1, lastMs: endedMs(last) }, nowMs);
}
