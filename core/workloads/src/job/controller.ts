// Runs jobs to their end: deletes and makes pods, then counts those that ended.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  isApiError,
  type Job,
  type JobStatus,
  jobResource,
  keyOf,
  type Pod,
  podResource,
  refKey,
  refOf,
} from '@tweendeck/kube';
import { messageOf, timestampOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { concernedBy, matcherOf } from '../owner/selecting.ts';
import { slowStart } from '../owner/slow-start.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { conditionTrue, isFinishedJob } from './conditions.ts';
import { type FailureRecord, noFailures } from './failure-backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import {
  type FailureCounts,
  failuresBefore,
  isTracked,
  podForJob,
  trackingFinalizer,
} from './job-pods.ts';
import { type JobPlan, type PodDeletion, planJob } from './plan.ts';
import { type JobEvent, settleJob, trackJob } from './tracking.ts';

type Context = ReconcileContext<Job>;

const ownName = 'kubernetes.io/job-controller';

/** Jobs that name another manager are not touched. */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== ownName;
}

export function jobController(): Controller {
  const records = new Map<string, FailureRecord>();
  return defineController<Job>({
    name: 'job-controller',
    resource: jobResource,
    concurrency: 5,
    underDeletion: 'reconcile',
    watches: [watching(podResource, (pod, cache) => concernedBy(pod, 'Job', cache(jobResource)))],
    reconcile: (job, context) => reconcile(job, context, records),
    forget: (ref) => records.delete(refKey(ref)),
  });
}

async function reconcile(job: Job, context: Context, records: Map<string, FailureRecord>) {
  const key = keyOf(job);
  if (isManagedElsewhere(job)) return undefined;
  if (isFinishedJob(job)) {
    records.delete(key);
    return undefined;
  }
  const { client, clock, signal } = context;
  const pods = await ownedPods(job, context);
  const nowMs = clock.nowMs();
  const now = timestampOf(nowMs);
  const plan = planJob({ job, pods, record: records.get(key) ?? noFailures, nowMs });
  const removed = await removeAll(plan.remove, context);
  const created = await createAll(job, plan, context);
  const outcome = { created: created.doneCount, removed: removed.done };
  const tracking = trackJob(job, pods, { plan, outcome, now });
  const written = await writeStatus(jobResource, job, tracking.status, client, signal);
  records.set(key, plan.record);
  tell(tracking.events, context);
  const settled = await Promise.allSettled(tracking.settle.map((pod) => untrack(pod, context)));
  const gone = new Set(
    tracking.settle.filter((_, at) => settled[at]?.status === 'fulfilled').map(uidOf),
  );
  const held = new Set(
    pods
      .filter(isTracked)
      .map(uidOf)
      .filter((uid) => !gone.has(uid)),
  );
  const end = settleJob(tracking.status, tracking.finish, { held, now });
  await writeStatus(jobResource, written, end.status, client, signal);
  if (end.finished) tell(endEvents(job, end.status), context);
  const refused = settled.find((each) => each.status === 'rejected')?.reason;
  const failure = removed.failure ?? created.failure ?? refused;
  if (failure !== undefined && !isNamespaceEnding(failure)) throw failure;
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

const uidOf = ({ metadata }: Pod): string => metadata.uid;

function ownedPods(job: Job, context: Context): Promise<readonly Pod[]> {
  const neighbours = context.cache(podResource).list({ namespace: job.metadata.namespace ?? '' });
  const claims = planClaims(job, neighbours, byLabels(matcherOf(job)));
  const finalizer = trackingFinalizer;
  return claim(
    { owner: job, ownerResource: jobResource, resource: podResource, claims, finalizer },
    context.client,
    context.signal,
  );
}

function tell(events: readonly JobEvent[], context: Context): void {
  for (const { type, reason, message } of events) context.event(type, reason, message);
}

function endEvents(job: Job, status: JobStatus): readonly JobEvent[] {
  const ended: Job = { ...job, status };
  const failed = conditionTrue(ended, 'Failed');
  if (failed) {
    return [{ type: 'Warning', reason: failed.reason ?? '', message: failed.message ?? '' }];
  }
  const { completions } = job.spec;
  const many = completions !== undefined && (status.succeeded ?? 0) > completions;
  return [
    ...(many
      ? [
          {
            type: 'Warning',
            reason: 'TooManySucceededPods',
            message: 'Too many succeeded pods running after completion count reached',
          } as const,
        ]
      : []),
    { type: 'Normal', reason: 'Completed', message: 'Job completed' },
  ];
}

async function removeAll(
  deletions: readonly PodDeletion[],
  context: Context,
): Promise<{ readonly done: readonly Pod[]; readonly failure: unknown }> {
  const results = await Promise.allSettled(deletions.map((each) => remove(each, context)));
  const done = deletions.filter((_, at) => results[at]?.status === 'fulfilled');
  const failure = results.find((each) => each.status === 'rejected')?.reason;
  return { done: done.map(({ pod }) => pod), failure };
}

async function remove({ pod, counts }: PodDeletion, context: Context): Promise<void> {
  const { client, signal } = context;
  const { name, uid } = pod.metadata;
  try {
    if (!counts) await untrack(pod, context);
    await client.delete(podResource, refOf(pod), { preconditions: { uid } }, signal);
    context.event('Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return;
    context.event('Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

/** Lets a pod go, now that it is counted or need not be. */
export async function untrack(
  pod: Pod,
  { client, signal }: Pick<Context, 'client' | 'signal'>,
): Promise<void> {
  if (!isTracked(pod)) return;
  const metadata = {
    uid: pod.metadata.uid,
    '$deleteFromPrimitiveList/finalizers': [trackingFinalizer],
  };
  try {
    await client.patch(
      podResource,
      refOf(pod),
      { type: 'strategic', body: { metadata } },
      {},
      signal,
    );
  } catch (error) {
    // Gone, or another of that name by now.
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    if (isApiError(error, 'Conflict') && (await isStillThere(pod, { client, signal }))) throw error;
  }
}

async function isStillThere(
  pod: Pod,
  { client, signal }: Pick<Context, 'client' | 'signal'>,
): Promise<boolean> {
  const live = await client.get(podResource, refOf(pod), signal);
  return live?.metadata.uid === pod.metadata.uid;
}

function createAll(job: Job, { create: indexes, facts }: JobPlan, context: Context) {
  return slowStart(indexes.length, (position) => {
    const index = indexes[position];
    const last = index === undefined ? undefined : facts.kept.get(index);
    return create(
      job,
      { index, failures: facts.failedIndexes && failuresAfter(job, last) },
      context,
    );
  });
}

/** Failures of an index, its last pod's included. */
function failuresAfter(job: Job, last: Pod | undefined): FailureCounts {
  if (!last) return { counted: 0, ignored: 0 };
  const { counted, ignored } = failuresBefore(last);
  return judgeFailure(job, last).counts
    ? { counted: counted + 1, ignored }
    : { counted, ignored: ignored + 1 };
}

async function create(
  job: Job,
  {
    index,
    failures,
  }: { readonly index: number | undefined; readonly failures: FailureCounts | undefined },
  context: Context,
): Promise<void> {
  try {
    const pod = podForJob(job, index, failures);
    const made = await context.client.create(podResource, pod, {}, context.signal);
    context.event('Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
  } catch (error) {
    if (isNamespaceEnding(error)) throw error; // nothing to tell
    context.event('Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}
