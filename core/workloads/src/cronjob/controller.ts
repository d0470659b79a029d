// Makes jobs at their times: acts on the plan, in its order.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  type CronJob,
  controllerOf,
  cronJobResource,
  isApiError,
  type Job,
  jobResource,
  refOf,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { type CronJobPlan, planCronJob, statusAfter } from './plan.ts';

type Context = ReconcileContext<CronJob>;

export function cronJobController(): Controller {
  return defineController<CronJob>({
    name: 'cronjob-controller',
    resource: cronJobResource,
    underDeletion: 'reconcile',
    watches: [
      watching(jobResource, (job) => {
        const controller = controllerOf(job);
        if (controller?.kind !== 'CronJob') return [];
        return [{ namespace: job.metadata.namespace ?? '', name: controller.name }];
      }),
    ],
    reconcile,
  });
}

async function reconcile(cronJob: CronJob, context: Context) {
  const { client, clock, signal } = context;
  const { namespace = '', uid } = cronJob.metadata;
  const jobs = context
    .cache(jobResource)
    .list({ namespace })
    .filter((job) => controllerOf(job)?.uid === uid);
  const gone = await goneJobs(cronJob, jobs, context);
  const plan = planCronJob({ cronJob, jobs, gone, nowMs: clock.nowMs() });
  for (const { type, reason, message } of plan.events) context.event(type, reason, message);
  const pruned = await removeAll(plan.prune, context);
  const replaced = await removeAll(plan.replace, context);
  // Beside one that was to give way the next must not run.
  const isClear = replaced.failure === undefined;
  const started = isClear ? await start(plan, cronJob, context) : undefined;
  const deleted = [...pruned.done, ...replaced.done];
  const made =
    started?.job && plan.start ? { dueMs: plan.start.dueMs, job: started.job } : undefined;
  const status = statusAfter(plan.status, deleted, made);
  await writeStatus(cronJobResource, cronJob, status, client, signal);
  const failure = pruned.failure ?? replaced.failure ?? started?.failure;
  if (failure !== undefined && !isNamespaceEnding(failure)) throw failure;
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

/** Jobs that the status calls active and that the server itself does not know. */
async function goneJobs(
  { status }: CronJob,
  jobs: readonly Job[],
  { client, signal }: Context,
): Promise<ReadonlySet<string>> {
  const known = new Set(jobs.map(({ metadata }) => metadata.uid));
  const gone = new Set<string>();
  for (const { uid = '', name = '', namespace = '' } of status?.active ?? []) {
    if (known.has(uid)) continue;
    const live = await client.get(jobResource, { namespace, name }, signal);
    if (live?.metadata.uid !== uid) gone.add(uid);
  }
  return gone;
}

async function removeAll(
  jobs: readonly Job[],
  context: Context,
): Promise<{ readonly done: readonly Job[]; readonly failure: unknown }> {
  const done: Job[] = [];
  let failure: unknown;
  const { client, signal } = context;
  for (const job of jobs) {
    const { name, uid } = job.metadata;
    const options = { propagation: 'Background', preconditions: { uid } } as const; // the literal is the policy
    try {
      await client.delete(jobResource, refOf(job), options, signal);
      context.event('Normal', 'SuccessfulDelete', `Deleted job ${name}`);
      done.push(job);
    } catch (error) {
      signal.throwIfAborted();
      context.event('Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`);
      failure ??= error;
    }
  }
  return { done, failure };
}

interface Started {
  /** Undefined when somebody else's job has that name. */
  readonly job?: Job | undefined;
  readonly failure?: unknown;
}

async function start(
  { start: due }: CronJobPlan,
  cronJob: CronJob,
  context: Context,
): Promise<Started> {
  if (!due) return {};
  const { client, signal } = context;
  try {
    const job = await client.create(jobResource, due.job, {}, signal);
    context.event('Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return { job };
  } catch (error) {
    signal.throwIfAborted();
    if (isApiError(error, 'AlreadyExists'))
      return { job: await ownJob(due.job.metadata, cronJob, context) };
    if (!isNamespaceEnding(error)) {
      context.event('Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
    }
    return { failure: error };
  }
}

/** The job that an earlier pass made without getting to say so. */
async function ownJob(
  { name = '', namespace = '' }: { readonly name?: string; readonly namespace?: string },
  cronJob: CronJob,
  { client, signal }: Context,
): Promise<Job | undefined> {
  const job = await client.get(jobResource, { namespace, name }, signal);
  return job && controllerOf(job)?.uid === cronJob.metadata.uid ? job : undefined;
}
