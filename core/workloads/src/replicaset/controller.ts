// Keeps as many pods as a ReplicaSet asks for.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  controllerOf,
  type Pod,
  podResource,
  type ReplicaSet,
  refOf,
  replicaSetResource,
} from '@tweendeck/kube';
import { messageOf, timestampOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { concernedBy, matcherOf } from '../owner/selecting.ts';
import { type BatchResult, slowStart } from '../owner/slow-start.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { podOfTemplate } from '../pod/template.ts';
import { type PassFailure, planReplicaSet, replicaSetStatus } from './plan.ts';

export function replicaSetController(): Controller {
  return defineController<ReplicaSet>({
    name: 'replicaset-controller',
    resource: replicaSetResource,
    concurrency: 5,
    watches: [
      watching(podResource, (pod, cache) =>
        concernedBy(pod, 'ReplicaSet', cache(replicaSetResource)),
      ),
    ],
    reconcile,
  });
}

async function reconcile(replicaSet: ReplicaSet, context: ReconcileContext<ReplicaSet>) {
  const { client, clock, signal } = context;
  const neighbours = context
    .cache(podResource)
    .list({ namespace: replicaSet.metadata.namespace ?? '' });
  const claims = planClaims(replicaSet, neighbours, byLabels(matcherOf(replicaSet)));
  const pods = await claim(
    { owner: replicaSet, ownerResource: replicaSetResource, resource: podResource, claims },
    client,
    signal,
  );
  const nowMs = clock.nowMs();
  const plan = planReplicaSet({
    replicaSet,
    pods,
    relatedPods: relatedPods(replicaSet, neighbours, context),
    nowMs,
  });
  const created = await slowStart(plan.createCount, () => create(replicaSet, context));
  if (isNamespaceEnding(created.failure)) return undefined;
  const removed = await slowStart(plan.remove.length, (index) =>
    remove(plan.remove[index], context),
  );
  const failure = failureOf(created, 'FailedCreate') ?? failureOf(removed, 'FailedDelete');
  const status = replicaSetStatus({ replicaSet, pods, nowMs }, failure, timestampOf(nowMs));
  await writeStatus(replicaSetResource, replicaSet, status, client, signal);
  if (failure) throw created.failure ?? removed.failure;
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

/** Pods of all ReplicaSets that have the same controller as this one: the old and new halves of a rollout. */
function relatedPods(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  context: ReconcileContext<ReplicaSet>,
): readonly Pod[] {
  const controller = controllerOf(replicaSet)?.uid;
  const siblings = context
    .cache(replicaSetResource)
    .list({ namespace: replicaSet.metadata.namespace ?? '' })
    .filter((each) => controller !== undefined && controllerOf(each)?.uid === controller);
  const uids = new Set([replicaSet, ...siblings].map((each) => each.metadata.uid));
  return pods.filter((pod) => uids.has(controllerOf(pod)?.uid ?? ''));
}

async function create(
  replicaSet: ReplicaSet,
  context: ReconcileContext<ReplicaSet>,
): Promise<void> {
  const { client, signal } = context;
  const pod = podOfTemplate(replicaSet.spec.template ?? {}, replicaSet, {
    metadata: { generateName: `${replicaSet.metadata.name}-` },
  });
  try {
    const made = await client.create(podResource, pod, {}, signal);
    context.event('Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
  } catch (error) {
    if (isNamespaceEnding(error)) throw error; // nothing to tell
    context.event('Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

async function remove(pod: Pod | undefined, context: ReconcileContext<ReplicaSet>): Promise<void> {
  const { client, signal } = context;
  if (!pod) return;
  const { name, uid } = pod.metadata;
  try {
    await client.delete(podResource, refOf(pod), { preconditions: { uid } }, signal);
    context.event('Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    context.event('Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

function failureOf(
  { failure }: BatchResult,
  reason: PassFailure['reason'],
): PassFailure | undefined {
  return failure === undefined ? undefined : { reason, message: messageOf(failure) };
}
