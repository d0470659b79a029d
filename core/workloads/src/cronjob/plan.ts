// What a cron job does next: which jobs to forget, delete and make. Rules and texts: upstream's cronjob controller.

import {
  type CronJob,
  type CronJobStatus,
  controllerReference,
  type Input,
  type Job,
  type ObjectReference,
  zonedTimestamp,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { conditionTrue, finishedCondition, isFinishedJob } from '../job/conditions.ts';
import { timeMs } from '../pod/pod-state.ts';
import { dueTime, nextDueInMs, scheduleOf } from './due.ts';

export interface CronJobObservation {
  readonly cronJob: CronJob;
  /** Jobs whose controller it is. */
  readonly jobs: readonly Job[];
  /** Uids of jobs in `status.active` that the server says are gone. */
  readonly gone: ReadonlySet<string>;
  readonly nowMs: number;
}

interface CronEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface CronJobPlan {
  /** Ended jobs beyond the limits of the history. */
  readonly prune: readonly Job[];
  /** Jobs that run still and give way to the next. */
  readonly replace: readonly Job[];
  readonly start: { readonly dueMs: number; readonly job: Input<Job> } | undefined;
  /** Before anything is pruned, replaced or started. */
  readonly status: CronJobStatus;
  readonly events: readonly CronEvent[];
  readonly requeueAfterMs: number | undefined;
}

export function planCronJob(observed: CronJobObservation): CronJobPlan {
  const { cronJob, nowMs } = observed;
  const { status, events } = follow(observed);
  const rest = {
    prune: prunable(observed),
    replace: [],
    start: undefined,
    status,
    events,
    requeueAfterMs: undefined,
  };
  if (cronJob.metadata.deletionTimestamp) return { ...rest, prune: [] };
  const found = scheduleOf(cronJob);
  if (!found.ok) return withEvent(rest, 'Warning', found.reason, found.message);
  if (cronJob.spec.suspend) return rest;
  const followed: CronJob = { ...cronJob, status };
  const due = dueTime(followed, found.schedule, nowMs);
  if (due.problem !== undefined) {
    const message = `invalid schedule: ${cronJob.spec.schedule} : ${due.problem}`;
    return withEvent(rest, 'Warning', 'InvalidSchedule', message);
  }
  const requeueAfterMs = nextDueInMs(followed, found.schedule, nowMs);
  const waiting = { ...rest, requeueAfterMs };
  if (due.dueMs === undefined) return waiting;
  const plan = atDueTime({ ...observed, cronJob: followed }, due.dueMs, waiting);
  if (!due.tooMany) return plan;
  const message =
    'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  return withEvent(plan, 'Warning', 'TooManyMissedTimes', message);
}

function withEvent(
  plan: CronJobPlan,
  type: CronEvent['type'],
  reason: string,
  message: string,
): CronJobPlan {
  return { ...plan, events: [...plan.events, { type, reason, message }] };
}

function atDueTime(
  { cronJob, jobs, nowMs }: CronJobObservation,
  dueMs: number,
  waiting: CronJobPlan,
): CronJobPlan {
  const { spec, status = {} } = cronJob;
  const { startingDeadlineSeconds: deadline, concurrencyPolicy } = spec;
  if (deadline !== undefined && dueMs + deadline * 1_000 < nowMs) {
    const message = `Missed scheduled time to start a job: ${mailDate(dueMs)}`;
    return withEvent(waiting, 'Warning', 'MissSchedule', message);
  }
  const name = jobName(cronJob, dueMs);
  const active = status.active ?? [];
  const isStarted = active.some((each) => each.name === name);
  if (isStarted || timeMs(status.lastScheduleTime) === dueMs) return waiting;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message =
      'Not starting job because prior execution is running and concurrency policy is Forbid';
    return withEvent(waiting, 'Normal', 'JobAlreadyActive', message);
  }
  const uids = new Set(active.map(({ uid }) => uid));
  const replace =
    concurrencyPolicy === 'Replace' ? jobs.filter(({ metadata }) => uids.has(metadata.uid)) : [];
  return { ...waiting, replace, start: { dueMs, job: jobOf(cronJob, dueMs) } };
}

/** The date as mail has it, which is how upstream's event says it. */
function mailDate(atMs: number): string {
  return new Date(atMs).toUTCString().replace('GMT', '+0000');
}

/** The same for a time however often it is worked out: no time can have two jobs. */
function jobName({ metadata }: CronJob, dueMs: number): string {
  return `${metadata.name}-${Math.floor(dueMs / 60_000)}`;
}

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

function jobOf(cronJob: CronJob, dueMs: number): Input<Job> {
  const { metadata, spec: jobSpec } = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, dueMs),
      ...(namespace ? { namespace } : {}),
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: {
        ...metadata?.annotations,
        [scheduledAnnotation]: zonedTimestamp(dueMs, cronJob.spec.timeZone ?? 'UTC'),
      },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec: { template: {}, ...jobSpec },
  };
}

/** Takes note of jobs that ended or are gone. */
function follow({ cronJob, jobs, gone }: CronJobObservation): {
  readonly status: CronJobStatus;
  readonly events: readonly CronEvent[];
} {
  const events: CronEvent[] = [];
  const listed = cronJob.status?.active ?? [];
  const ended = new Set<string>();
  let { lastSuccessfulTime } = cronJob.status ?? {};
  for (const job of jobs) {
    const { uid, name } = job.metadata;
    const isListed = listed.some((each) => each.uid === uid);
    if (!isFinishedJob(job)) {
      if (isListed) continue;
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      events.push({ type: 'Warning', reason: 'UnexpectedJob', message });
      continue;
    }
    if (isListed) {
      ended.add(uid);
      const message = `Saw completed job: ${name}, condition: ${finishedCondition(job)?.type}`;
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message });
    }
    const { completionTime } = job.status ?? {};
    const isLater = (timeMs(completionTime) ?? 0) > (timeMs(lastSuccessfulTime) ?? 0);
    if (conditionTrue(job, 'Complete') && isLater) lastSuccessfulTime = completionTime;
  }
  for (const { uid = '', name } of listed) {
    if (!gone.has(uid)) continue;
    ended.add(uid);
    const message = `Active job went missing: ${name}`;
    events.push({ type: 'Normal', reason: 'MissingJob', message });
  }
  const active = listed.filter(({ uid = '' }) => !ended.has(uid));
  return { status: statusWith(cronJob.status, { active, lastSuccessfulTime }), events };
}

function statusWith(
  status: CronJobStatus | undefined,
  change: {
    readonly active: readonly ObjectReference[];
    readonly lastSuccessfulTime: string | undefined;
  },
): CronJobStatus {
  const { active: _, lastSuccessfulTime: __, ...rest } = status ?? {};
  const { active, lastSuccessfulTime } = change;
  return {
    ...rest,
    ...(active.length > 0 ? { active } : {}),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
}

/** The status once jobs were deleted and one was made. */
export function statusAfter(
  status: CronJobStatus,
  deleted: readonly Job[],
  started: { readonly dueMs: number; readonly job: Job } | undefined,
): CronJobStatus {
  const uids = new Set(deleted.map(({ metadata }) => metadata.uid));
  const kept = (status.active ?? []).filter(({ uid = '' }) => !uids.has(uid));
  const active = started ? [...kept, referenceTo(started.job)] : kept;
  const { lastSuccessfulTime } = status;
  const next = statusWith(status, { active, lastSuccessfulTime });
  return started ? { ...next, lastScheduleTime: timestampOf(started.dueMs) } : next;
}

function referenceTo({ metadata }: Job): ObjectReference {
  const { name, namespace = '', uid, resourceVersion } = metadata;
  return { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion };
}

function prunable({ cronJob, jobs }: CronJobObservation): readonly Job[] {
  const { successfulJobsHistoryLimit: good = 3, failedJobsHistoryLimit: bad = 1 } = cronJob.spec;
  const ended = (type: string): readonly Job[] =>
    jobs.filter((job) => finishedCondition(job)?.type === type).toSorted(byStart);
  const [complete, failed] = [ended('Complete'), ended('Failed')];
  return [
    ...complete.slice(0, Math.max(0, complete.length - good)),
    ...failed.slice(0, Math.max(0, failed.length - bad)),
  ];
}

/** The oldest first; those that never started last. */
function byStart(left: Job, right: Job): number {
  const started = ({ status }: Job): number => timeMs(status?.startTime) ?? Number.MAX_SAFE_INTEGER;
  const order = started(left) - started(right);
  return order === 0 ? (left.metadata.name < right.metadata.name ? -1 : 1) : order;
}
