// Runs DaemonSets: a pod on every node that fits, rolled to new templates.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  controllerRevisionResource,
  type DaemonSet,
  daemonSetResource,
  isApiError,
  nodeResource,
  type Pod,
  podResource,
  refKey,
  refOf,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { revisionLabel } from '../owner/revision.ts';
import {
  ensureRevision,
  forgetRevisions,
  ownedRevisions,
  type RevisionAccess,
} from '../owner/revision-history.ts';
import { concernedBy, matcherOf } from '../owner/selecting.ts';
import { slowStart } from '../owner/slow-start.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { nodeOf, podForNode } from './daemon-pod.ts';
import { FailureWaits } from './failure-waits.ts';
import { type DaemonDeletion, planDaemonSet } from './plan.ts';

type Context = ReconcileContext<DaemonSet>;

const access: RevisionAccess<DaemonSet> = {
  resource: daemonSetResource,
  style: { hashLabel: revisionLabel, annotations: 'owner' },
  countCollision: ({ status }, collisionCount) => ({ ...empty, ...status, collisionCount }),
};

const empty = {
  currentNumberScheduled: 0,
  desiredNumberScheduled: 0,
  numberMisscheduled: 0,
  numberReady: 0,
} as const;

export function daemonSetController(): Controller {
  const waits = new FailureWaits();
  return defineController<DaemonSet>({
    name: 'daemonset-controller',
    resource: daemonSetResource,
    concurrency: 2,
    watches: [
      watching(podResource, (pod, cache) =>
        concernedBy(pod, 'DaemonSet', cache(daemonSetResource)),
      ),
      watching(controllerRevisionResource, (revision, cache) =>
        concernedBy(revision, 'DaemonSet', cache(daemonSetResource)),
      ),
      watching(nodeResource, (_node, cache) => cache(daemonSetResource).list().map(refOf)),
    ],
    reconcile: (set, context) => reconcile(set, context, waits),
    forget: (ref) => waits.forget(refKey(ref)),
  });
}

async function reconcile(set: DaemonSet, context: Context, waits: FailureWaits) {
  const { client, clock, signal } = context;
  const revisions = await ownedRevisions(set, access, context);
  const current = await ensureRevision(set, revisions, access, context);
  if (!current) return undefined; // after a collision the next pass tries another name
  const hash = current.metadata.labels?.[revisionLabel] ?? '';
  const pods = await ownedPods(set, context);
  const nodes = context.cache(nodeResource).list();
  const plan = planDaemonSet({ set, nodes, pods, hash, nowMs: clock.nowMs() });
  const due = waits.due(set, plan.remove, clock.monotonicMs());
  const created = await slowStart(plan.create.length, (index) =>
    create(set, { nodeName: plan.create[index] ?? '', hash }, context),
  );
  const removed = await slowStart(due.remove.length, (index) =>
    remove(due.remove[index], set, context),
  );
  await writeStatus(daemonSetResource, set, plan.status, client, signal);
  const failure = created.failure ?? removed.failure;
  if (isNamespaceEnding(failure)) return undefined;
  if (failure !== undefined) throw failure;
  await forgetUnused(set, { pods, current: current.metadata.name, revisions }, context);
  const requeues = [plan.requeueAfterMs, due.waitMs].filter((wait) => wait !== undefined);
  return requeues.length === 0 ? undefined : { requeueAfterMs: Math.min(...requeues) };
}

function ownedPods(set: DaemonSet, context: Context): Promise<readonly Pod[]> {
  const neighbours = context.cache(podResource).list({ namespace: set.metadata.namespace ?? '' });
  const claims = planClaims(set, neighbours, byLabels(matcherOf(set)));
  return claim(
    { owner: set, ownerResource: daemonSetResource, resource: podResource, claims },
    context.client,
    context.signal,
  );
}

/** Revisions stay while a pod was made of them. */
function forgetUnused(
  set: DaemonSet,
  {
    pods,
    current,
    revisions,
  }: {
    readonly pods: readonly Pod[];
    readonly current: string;
    readonly revisions: Awaited<ReturnType<typeof ownedRevisions>>;
  },
  context: Context,
): Promise<void> {
  const hashes = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionLabel]));
  const live = revisions.filter(({ metadata }) => hashes.has(metadata.labels?.[revisionLabel]));
  const used = new Set([current, ...live.map(({ metadata }) => metadata.name)]);
  return forgetRevisions(set, revisions, { used, context });
}

async function create(
  set: DaemonSet,
  { nodeName, hash }: { readonly nodeName: string; readonly hash: string },
  context: Context,
): Promise<void> {
  try {
    const pod = podForNode(set, nodeName, hash);
    const made = await context.client.create(podResource, pod, {}, context.signal);
    context.event('Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
  } catch (error) {
    if (isNamespaceEnding(error)) throw error; // nothing to tell
    context.event('Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

async function remove(
  deletion: DaemonDeletion | undefined,
  set: DaemonSet,
  context: Context,
): Promise<void> {
  if (!deletion) return;
  const { client, signal } = context;
  const { pod, why } = deletion;
  const { name, uid } = pod.metadata;
  const where = `daemon pod ${set.metadata.namespace}/${name} on node ${nodeOf(pod) ?? ''}`;
  if (why === 'failed') {
    context.event('Warning', 'FailedDaemonPod', `Found failed ${where}, will try to kill it`);
  }
  if (why === 'succeeded') {
    context.event(
      'Normal',
      'SucceededDaemonPod',
      `Found succeeded ${where}, will try to delete it`,
    );
  }
  try {
    await client.delete(podResource, refOf(pod), { preconditions: { uid } }, signal);
    context.event('Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return;
    context.event('Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}
