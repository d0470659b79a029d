// Runs StatefulSets: acts on the plan, in its order.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  type ControllerRevision,
  controllerRevisionResource,
  type Pod,
  podResource,
  refOf,
  type StatefulSet,
  type StatefulSetStatus,
  statefulSetResource,
} from '@tweendeck/kube';
import { messageOf, timestampOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
import { withCondition, withoutCondition } from '../owner/conditions.ts';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { templateOf } from '../owner/revision.ts';
import {
  ensureRevision,
  forgetRevisions,
  ownedRevisions,
  type RevisionAccess,
} from '../owner/revision-history.ts';
import { concernedBy, matcherOf } from '../owner/selecting.ts';
import { slowStart } from '../owner/slow-start.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { ordinalOf, podFor, podName } from './identity.ts';
import { planStatefulSet, type Revision, revisionNameOf, type StatefulSetAction } from './plan.ts';

type Context = ReconcileContext<StatefulSet>;

const access: RevisionAccess<StatefulSet> = {
  resource: statefulSetResource,
  style: { hashLabel: 'controller.kubernetes.io/hash', annotations: 'none' },
  countCollision: (set, collisionCount) => ({ replicas: 0, ...set.status, collisionCount }),
};

export function statefulSetController(): Controller {
  return defineController<StatefulSet>({
    name: 'statefulset-controller',
    resource: statefulSetResource,
    concurrency: 5,
    watches: [
      watching(podResource, (pod, cache) =>
        concernedBy(pod, 'StatefulSet', cache(statefulSetResource)),
      ),
      watching(controllerRevisionResource, (revision, cache) =>
        concernedBy(revision, 'StatefulSet', cache(statefulSetResource)),
      ),
    ],
    reconcile,
  });
}

async function reconcile(set: StatefulSet, context: Context) {
  if ((set.spec.volumeClaimTemplates ?? []).length > 0) return refuseClaims(set, context);
  const { client, clock, signal } = context;
  const pods = await ownedPods(set, context);
  const revisions = await ownedRevisions(set, access, context);
  const updated = await ensureRevision(set, revisions, access, context);
  if (!updated) return undefined; // after a collision the next pass tries another name
  const update = revisionFrom(updated, set);
  const currentName = set.status?.currentRevision;
  const current = revisions.find((each) => each.metadata.name === currentName);
  const plan = planStatefulSet({
    set,
    pods,
    update,
    current: current ? revisionFrom(current, set) : update,
    nowMs: clock.nowMs(),
  });
  // Ordered sets have at most one creation or deletion in a plan, parallel ones want them side by side.
  const { failure } = await slowStart(plan.actions.length, (index) =>
    act(plan.actions[index], set, context),
  );
  const status = { ...plan.status, ...conditionsOf(plan.status) };
  await writeStatus(statefulSetResource, set, status, client, signal);
  if (isNamespaceEnding(failure)) return undefined;
  if (failure !== undefined) throw failure;
  const used = new Set([update.name, plan.status.currentRevision ?? '']);
  for (const pod of pods) used.add(revisionNameOf(pod) ?? '');
  await forgetRevisions(set, revisions, { used, context });
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

const unsupported = 'VolumeClaimTemplatesUnsupported';

/** Persistent volume claims are not served: a pod without its volume would lose what it is meant to keep, so none is made. */
async function refuseClaims(set: StatefulSet, context: Context): Promise<void> {
  const { client, clock, signal } = context;
  const message =
    'spec.volumeClaimTemplates is set, but this server has no PersistentVolumeClaims; no pods are created.';
  context.event('Warning', unsupported, message);
  const conditions = withCondition(set.status?.conditions ?? [], {
    type: unsupported,
    status: 'True',
    reason: 'NoPersistentVolumeClaims',
    message,
    lastTransitionTime: timestampOf(clock.nowMs()),
  });
  const observedGeneration = set.metadata.generation ?? 0;
  const status = { ...set.status, replicas: set.status?.replicas ?? 0, observedGeneration };
  await writeStatus(statefulSetResource, set, { ...status, conditions }, client, signal);
}

function conditionsOf({
  conditions = [],
}: StatefulSetStatus): Pick<StatefulSetStatus, 'conditions'> {
  const kept = withoutCondition(conditions, unsupported);
  return conditions.length === 0 ? {} : { conditions: kept };
}

function ownedPods(set: StatefulSet, context: Context): Promise<readonly Pod[]> {
  const matcher = matcherOf(set);
  const claims = planClaims(
    set,
    context
      .cache(podResource)
      .list({ namespace: set.metadata.namespace ?? '' })
      .filter((pod) => ordinalOf(set, pod) !== undefined),
    byLabels(matcher),
  );
  return claim(
    { owner: set, ownerResource: statefulSetResource, resource: podResource, claims },
    context.client,
    context.signal,
  );
}

function revisionFrom(revision: ControllerRevision, set: StatefulSet): Revision {
  const template = templateOf(revision) ?? set.spec.template;
  return { name: revision.metadata.name, template };
}

async function act(
  action: StatefulSetAction | undefined,
  set: StatefulSet,
  context: Context,
): Promise<void> {
  const { client, signal } = context;
  switch (action?.action) {
    case undefined:
      return;
    case 'create': {
      const name = podName(set, action.ordinal);
      const make = () =>
        client.create(podResource, podFor(set, action.ordinal, action.revision), {}, signal);
      await told(make, 'create', name, set, context);
      return;
    }
    case 'delete': {
      const { name, uid } = action.pod.metadata;
      if (action.why === 'recreate') {
        const text = `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating failed Pod ${name}`;
        context.event('Warning', 'RecreatingFailedPod', text);
      }
      const remove = () =>
        client.delete(podResource, refOf(action.pod), { preconditions: { uid } }, signal);
      await told(remove, 'delete', name, set, context);
      return;
    }
    case 'label': {
      const body = { metadata: { uid: action.pod.metadata.uid, labels: action.labels } };
      const ref = refOf(action.pod);
      await client.patch(podResource, ref, { type: 'merge', body }, {}, signal);
      return;
    }
  }
}

/** Runs and says so in an event, in upstream's words. */
async function told(
  run: () => Promise<unknown>,
  verb: 'create' | 'delete',
  pod: string,
  set: StatefulSet,
  context: Context,
): Promise<void> {
  const words = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`;
  const reason = verb === 'create' ? 'Create' : 'Delete';
  try {
    await run();
    context.event('Normal', `Successful${reason}`, `${words} successful`);
  } catch (error) {
    if (isNamespaceEnding(error)) throw error; // nothing to tell
    context.event('Warning', `Failed${reason}`, `${words} failed error: ${messageOf(error)}`);
    throw error;
  }
}
