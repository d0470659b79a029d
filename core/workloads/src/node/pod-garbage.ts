// Removes pods that no node will ever end, and finished ones that nobody asks for. Rules and texts: upstream's pod garbage
// collector.

import type { Client } from '@tweendeck/client';
import {
  type BackgroundTask,
  type Controller,
  defineController,
  type Outcome,
  type TaskContext,
  watching,
} from '@tweendeck/controller';
import { isApiError, type Node, nodeResource, type Pod, podResource, refOf } from '@tweendeck/kube';
import { abortable, type Clock, timestampOf } from '@tweendeck/std';
import { podsByNode } from '../pod/by-node.ts';
import { isFinished } from '../pod/pod-state.ts';
import { readyOf } from './health.ts';
import { outOfService } from './taints.ts';

/** How long a pod's node must have been missing before the pod is given up. */
const quarantineMs = 40_000;

/** Removes pods bound to a node that does not exist, pods under deletion that were never bound, and those that end on a node out of service. */
export function podGarbageController(): Controller {
  const missingSince = new Map<string, number>();
  return defineController<Pod>({
    name: 'pod-garbage-collector',
    resource: podResource,
    underDeletion: 'reconcile',
    watches: [
      watching(nodeResource, (node, cache) =>
        cache(podResource).by('node', node.metadata.name).map(refOf),
      ),
    ],
    indexes: podsByNode,
    async reconcile(pod, context): Promise<Outcome> {
      const { client, clock, signal } = context;
      const { nodeName } = pod.spec;
      const ends = pod.metadata.deletionTimestamp !== undefined;
      if (!nodeName) {
        if (ends) await giveUp(pod, context, signal);
        return undefined;
      }
      const node = context.cache(nodeResource).get({ name: nodeName });
      if (node) {
        missingSince.delete(nodeName);
        if (ends && isOutOfService(node)) await giveUp(pod, context, signal);
        return undefined;
      }
      const sinceMs = missingSince.get(nodeName) ?? clock.monotonicMs();
      missingSince.set(nodeName, sinceMs);
      const leftMs = sinceMs + quarantineMs - clock.monotonicMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      // A cache may lag behind: the server itself has to say that there is no such node.
      if (await client.get(nodeResource, { name: nodeName }, signal)) {
        return { requeueAfterMs: quarantineMs };
      }
      await giveUp(pod, { client, clock, why: 'PodGC: node no longer exists' }, signal);
      return undefined;
    },
  });
}

function isOutOfService(node: Node): boolean {
  const taints = node.spec?.taints ?? [];
  return readyOf(node)?.status !== 'True' && taints.some(({ key }) => key === outOfService);
}

/** A pod that has not finished has failed; then its object goes. */
async function giveUp(
  pod: Pod,
  { client, clock, why }: { readonly client: Client; readonly clock: Clock; readonly why?: string },
  signal: AbortSignal,
): Promise<void> {
  const { uid } = pod.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: why,
    lastTransitionTime: timestampOf(clock.nowMs()),
  };
  const status = { phase: 'Failed', ...(why === undefined ? {} : { conditions: [condition] }) };
  const patch = { type: 'strategic', body: { metadata: { uid }, status } } as const; // the literal is the kind of patch
  try {
    if (!isFinished(pod)) {
      await client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, signal);
    }
    const remove = { graceSeconds: 0, preconditions: { uid } };
    await client.delete(podResource, refOf(pod), remove, signal);
  } catch (error) {
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
  }
}

const checkMs = 20_000;

/** Keeps no more finished pods than `finishedMax`, 12,500 unless told otherwise; the oldest go. */
export function finishedPodLimit(finishedMax = 12_500): BackgroundTask {
  return {
    name: 'finished-pod-limit',
    async run(context, signal) {
      const pods = context.informers.informer(podResource);
      await abortable(pods.synced, signal);
      while (!signal.aborted) {
        await removeSurplus(pods.list(), finishedMax, context, signal);
        await context.clock.sleep(checkMs, signal);
      }
    },
  };
}

async function removeSurplus(
  pods: readonly Pod[],
  finishedMax: number,
  { client, clock, log }: TaskContext,
  signal: AbortSignal,
): Promise<void> {
  for (const pod of surplusOf(pods, finishedMax)) {
    try {
      await giveUp(pod, { client, clock }, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn('a finished pod could not be removed', { error });
    }
  }
}

/** Those beyond the limit: evicted ones first, then the oldest. */
export function surplusOf(pods: readonly Pod[], finishedMax: number): readonly Pod[] {
  const finished = pods.filter(isFinished);
  const count = finished.length - finishedMax;
  if (count <= 0) return [];
  const rank = ({ metadata, status }: Pod): string =>
    `${status?.reason === 'Evicted' ? 0 : 1} ${metadata.creationTimestamp} ${metadata.name}`;
  return finished.toSorted((left, right) => (rank(left) < rank(right) ? -1 : 1)).slice(0, count);
}
