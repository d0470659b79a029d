// Which pods have to leave a tainted node, and when. Rules and texts: upstream's taint eviction controller.

import { type Controller, defineController, type Outcome, watching } from '@tweendeck/controller';
import {
  isApiError,
  keyOf,
  type Node,
  nodeResource,
  type Pod,
  podResource,
  refOf,
  type Taint,
  type Toleration,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { podsByNode } from '../pod/by-node.ts';
import { isFinished } from '../pod/pod-state.ts';
import { tolerates } from '../scheduler/node-match.ts';

/** How long a pod may stay under these taints, in milliseconds: 0 not at all, infinitely long for ever. */
export function staysMs(taints: readonly Taint[], tolerations: readonly Toleration[]): number {
  let leastMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const matching = tolerations.filter((each) => tolerates(each, taint));
    if (matching.length === 0) return 0;
    // As upstream: only the first toleration that matches a taint counts.
    const { tolerationSeconds } = matching[0] ?? {};
    if (tolerationSeconds !== undefined) {
      leastMs = Math.min(leastMs, Math.max(0, tolerationSeconds) * 1_000);
    }
  }
  return leastMs;
}

function evicting({ spec }: Node): readonly Taint[] {
  return (spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

export function taintEvictionController(): Controller {
  /** By uid of the pod, monotonic: when it has to go. It stays as first worked out until there are no taints. */
  const dueMs = new Map<string, number>();
  return defineController<Pod>({
    name: 'taint-eviction-controller',
    resource: podResource,
    watches: [
      watching(nodeResource, (node, cache) => {
        const pods = cache(podResource).by('node', node.metadata.name);
        if (evicting(node).length > 0) return pods.map(refOf);
        return pods.filter(({ metadata }) => dueMs.has(metadata.uid)).map(refOf);
      }),
    ],
    indexes: podsByNode,
    async reconcile(pod, context): Promise<Outcome> {
      const { uid } = pod.metadata;
      const { nodeName, tolerations = [] } = pod.spec;
      const node = nodeName ? context.cache(nodeResource).get({ name: nodeName }) : undefined;
      const taints = node ? evicting(node) : [];
      const monotonicMs = context.clock.monotonicMs();
      const leastMs = staysMs(taints, tolerations);
      if (taints.length === 0 || leastMs === Number.POSITIVE_INFINITY || isFinished(pod)) {
        if (dueMs.delete(uid)) {
          const message = `Cancelling deletion of Pod ${keyOf(pod)}`;
          context.event('Normal', 'TaintManagerEviction', message);
        }
        return undefined;
      }
      const due = leastMs === 0 ? monotonicMs : (dueMs.get(uid) ?? monotonicMs + leastMs);
      dueMs.set(uid, due);
      if (due > monotonicMs) return { requeueAfterMs: due - monotonicMs };
      const message = `Marking for deletion Pod ${keyOf(pod)}`;
      context.event('Normal', 'TaintManagerEviction', message);
      await evict(pod, context);
      dueMs.delete(uid);
      return undefined;
    },
  });
}

async function evict(
  pod: Pod,
  {
    client,
    clock,
    signal,
  }: Parameters<Parameters<typeof defineController<Pod>>[0]['reconcile']>[1],
): Promise<void> {
  const { uid } = pod.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: timestampOf(clock.nowMs()),
  };
  const body = { metadata: { uid }, status: { conditions: [condition] } };
  const patch = { type: 'strategic', body } as const; // the literal is the kind of patch
  try {
    await client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, signal);
    await client.delete(podResource, refOf(pod), { preconditions: { uid } }, signal);
  } catch (error) {
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
  }
}
