// What follows the end of a job: its pods are let go, and it goes itself when its time is over.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import { controllerOf, type Job, jobResource, type Pod, podResource, refOf } from '@tweendeck/kube';
import { timeMs } from '../pod/pod-state.ts';
import { finishedCondition, isFinishedJob } from './conditions.ts';
import { isManagedElsewhere, untrack } from './controller.ts';
import { isTracked } from './job-pods.ts';

/** Takes the finalizer from pods whose job is gone, has ended, or is theirs no more. */
export function jobOrphanController(): Controller {
  return defineController<Pod>({
    name: 'job-orphan-controller',
    resource: podResource,
    underDeletion: 'reconcile',
    watches: [
      watching(jobResource, (job, cache) =>
        cache(podResource).by('trackedBy', job.metadata.uid).map(refOf),
      ),
    ],
    indexes: {
      trackedBy: (pod) => (isTracked(pod) ? [controllerOf(pod)?.uid ?? ''] : []),
    },
    async reconcile(pod, context): Promise<void> {
      if (!isTracked(pod)) return;
      const controller = controllerOf(pod);
      if (controller && (controller.kind !== 'Job' || controller.apiVersion !== 'batch/v1')) return;
      if (controller) {
        const ref = { namespace: pod.metadata.namespace ?? '', name: controller.name };
        const cached = context.cache(jobResource).get(ref);
        const isOwn = (job: Job | undefined): job is Job => job?.metadata.uid === controller.uid;
        const holds = (job: Job): boolean => isManagedElsewhere(job) || !isFinishedJob(job);
        if (isOwn(cached) && holds(cached)) return;
        // A cache may lag behind: the server itself has to say so.
        const live = await context.client.get(jobResource, ref, context.signal);
        if (isOwn(live) && holds(live)) return;
      }
      await untrack(pod, context);
    },
  });
}

/** Deletes jobs that ended longer than `ttlSecondsAfterFinished` ago, with their pods. */
export function ttlAfterFinishedController(): Controller {
  return defineController<Job>({
    name: 'ttl-after-finished-controller',
    resource: jobResource,
    async reconcile(job, { client, clock, signal }) {
      const wait = expiresInMs(job, clock.nowMs());
      if (wait === undefined) return undefined;
      if (wait > 0) return { requeueAfterMs: wait };
      // Somebody may have given it more time.
      const live = await client.get(jobResource, refOf(job), signal);
      const left = live?.metadata.uid === job.metadata.uid && expiresInMs(live, clock.nowMs());
      if (!live || left !== 0) return left ? { requeueAfterMs: left } : undefined;
      const { uid, resourceVersion } = live.metadata;
      const preconditions = { uid, resourceVersion };
      await client.delete(
        jobResource,
        refOf(job),
        { propagation: 'Foreground', preconditions },
        signal,
      );
      return undefined;
    },
  });
}

/** Milliseconds until a job is to be deleted, 0 when it is due; undefined when it stays. */
function expiresInMs(job: Job, nowMs: number): number | undefined {
  const { ttlSecondsAfterFinished: ttl } = job.spec;
  const ended = timeMs(finishedCondition(job)?.lastTransitionTime);
  if (ttl === undefined || ended === undefined) return undefined;
  return Math.max(0, ended + ttl * 1_000 - nowMs);
}
