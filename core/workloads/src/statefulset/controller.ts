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
  persistentVolumeClaimResource,
  podResource,
  refOf,
  type StatefulSet,
  statefulSetResource,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
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
import { ordinalOf, podName } from './identity.ts';
import { podFor } from './member-pod.ts';
import { planStatefulSet, type Revision, revisionNameOf, type StatefulSetAction } from './plan.ts';
import { claimsFor, goesWithAnother, ordinalOfClaim, ownersToWrite } from './storage.ts';

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
      watching(persistentVolumeClaimResource, ({ metadata }, cache) =>
        cache(statefulSetResource)
          .list({ namespace: metadata.namespace ?? '' })
          .filter((set) => ordinalOfClaim(set, metadata.name) !== undefined)
          .map(refOf),
      ),
    ],
    reconcile,
  });
}

async function reconcile(set: StatefulSet, context: Context) {
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
  await keepClaims(set, pods, context);
  // Ordered sets have at most one creation or deletion in a plan, parallel ones want them side by side.
  const { failure } = await slowStart(plan.actions.length, (index) =>
    act(plan.actions[index], set, context),
  );
  await writeStatus(statefulSetResource, set, plan.status, client, signal);
  if (isNamespaceEnding(failure)) return undefined;
  if (failure !== undefined) throw failure;
  const used = new Set([update.name, plan.status.currentRevision ?? '']);
  for (const pod of pods) used.add(revisionNameOf(pod) ?? '');
  await forgetRevisions(set, revisions, { used, context });
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

/** Makes the claims that a pod of this ordinal lacks. @returns whether the pod may be made */
async function ensureClaims(set: StatefulSet, ordinal: number, context: Context): Promise<boolean> {
  const { client, signal } = context;
  const pod = podName(set, ordinal);
  for (const claim of claimsFor(set, ordinal)) {
    const { name = '', namespace = '' } = claim.metadata;
    const present = context.cache(persistentVolumeClaimResource).get({ namespace, name });
    if (present && goesWithAnother(present, set, pod)) return false;
    if (present?.metadata.deletionTimestamp) throw new Error(`pvc ${name} is being deleted`);
    if (present) continue;
    try {
      await client.create(persistentVolumeClaimResource, claim, {}, signal);
      const message = `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`;
      context.event('Normal', 'SuccessfulCreate', message);
    } catch (error) {
      if (isNamespaceEnding(error)) throw error; // nothing to tell
      const message = `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`;
      context.event('Warning', 'FailedCreate', message);
      throw error;
    }
  }
  return true;
}

/** Has the claims of the pods made, and owned as the retention policy says. */
async function keepClaims(set: StatefulSet, pods: readonly Pod[], context: Context): Promise<void> {
  if ((set.spec.volumeClaimTemplates ?? []).length === 0 || set.metadata.deletionTimestamp) return;
  const { client, signal } = context;
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod) ?? 0;
    const isNew = (pod.status?.phase ?? 'Pending') === 'Pending' && !pod.metadata.deletionTimestamp;
    if (isNew) await ensureClaims(set, ordinal, context);
    for (const { metadata } of claimsFor(set, ordinal)) {
      const ref = { namespace: set.metadata.namespace ?? '', name: metadata.name ?? '' };
      const present = context.cache(persistentVolumeClaimResource).get(ref);
      const ownerReferences = present && ownersToWrite(present, set, pod);
      if (!present || !ownerReferences) continue;
      const { uid, resourceVersion } = present.metadata;
      const body = { metadata: { uid, resourceVersion, ownerReferences } };
      const patch = { type: 'merge', body } as const; // the literal is the kind of patch
      await client.patch(persistentVolumeClaimResource, ref, patch, {}, signal);
    }
  }
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
      if (!(await ensureClaims(set, action.ordinal, context))) return; // the end of the claim gives it its turn
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
