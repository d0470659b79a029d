// Notices nodes that fell silent, and removes pods that no node will ever end.

import { type Controller, defineController, type Outcome, watching } from '@tweendeck/controller';
import {
  leaseResource,
  type Node,
  nodeResource,
  type Pod,
  podResource,
  refOf,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { type Heartbeat, heardFrom, planNode } from './plan.ts';

const leaseNamespace = 'kube-node-lease';

/** Marks nodes Unknown that have not reported for 40 s. Their pods stay where they are. */
export function nodeLifecycleController(): Controller {
  const heartbeats = new Map<string, Heartbeat>();
  return defineController<Node>({
    name: 'node-lifecycle-controller',
    resource: nodeResource,
    watches: [
      watching(leaseResource, ({ metadata }) =>
        metadata.namespace === leaseNamespace ? [{ name: metadata.name }] : [],
      ),
    ],
    async reconcile(node, context): Promise<Outcome> {
      const { name } = node.metadata;
      const lease = context.cache(leaseResource).get({ namespace: leaseNamespace, name });
      const monotonicMs = context.clock.monotonicMs();
      const heartbeat = heardFrom(node, lease, heartbeats.get(name), monotonicMs);
      heartbeats.set(name, heartbeat);
      const now = timestampOf(context.clock.nowMs());
      const plan = planNode(node, heartbeat, { monotonicMs, now });
      if (plan.conditions) {
        const next = { ...node, status: { ...node.status, conditions: plan.conditions } };
        await context.client.update(nodeResource, next, { subresource: 'status' }, context.signal);
        context.event('Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      }
      return { requeueAfterMs: plan.requeueAfterMs };
    },
    forget: ({ name }) => heartbeats.delete(name),
  });
}

/** How long a pod's node must have been missing before the pod is given up. */
const quarantineMs = 40_000;

/** Removes pods that are bound to a node that does not exist, and pods under deletion that were never bound. */
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
    indexes: { node: (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []) },
    async reconcile(pod, context): Promise<Outcome> {
      const { client, clock, signal } = context;
      const { nodeName } = pod.spec;
      const remove = { graceSeconds: 0, preconditions: { uid: pod.metadata.uid } };
      if (!nodeName) {
        if (pod.metadata.deletionTimestamp) {
          await client.delete(podResource, refOf(pod), remove, signal);
        }
        return undefined;
      }
      if (context.cache(nodeResource).get({ name: nodeName })) {
        missingSince.delete(nodeName);
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
      await client.delete(podResource, refOf(pod), remove, signal);
      return undefined;
    },
  });
}
