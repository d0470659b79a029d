// Rolls Deployments: acts on the plan, one step a pass.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  controllerOf,
  type Deployment,
  deploymentResource,
  type Input,
  isApiError,
  podResource,
  type ReplicaSet,
  refOf,
  replicaSetResource,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { byLabels, claim, planClaims } from '../owner/claim.ts';
import { withCondition } from '../owner/conditions.ts';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { concernedBy, matcherOf } from '../owner/selecting.ts';
import { writeStatus } from '../owner/status-writer.ts';
import { type DeploymentPlan, planDeployment, type ReplicaSetChange } from './plan.ts';
import { hasTemplate, revisionAnnotation } from './revision.ts';
import { sizeOf } from './sizes.ts';
import { hasDeadline, progressing } from './status.ts';

type Context = ReconcileContext<Deployment>;

export function deploymentController(): Controller {
  return defineController<Deployment>({
    name: 'deployment-controller',
    resource: deploymentResource,
    concurrency: 5,
    watches: [
      watching(replicaSetResource, (replicaSet, cache) =>
        concernedBy(replicaSet, 'Deployment', cache(deploymentResource)),
      ),
      // A pod's end lets a Recreate go on; everything else about pods comes through the ReplicaSet's status.
      watching(podResource, (pod, cache) => {
        const namespace = pod.metadata.namespace ?? '';
        const name = controllerOf(pod)?.name ?? '';
        const replicaSet = cache(replicaSetResource).get({ namespace, name });
        const owner = replicaSet && controllerOf(replicaSet);
        const deployment = owner && cache(deploymentResource).get({ namespace, name: owner.name });
        return deployment?.spec.strategy?.type === 'Recreate' ? [refOf(deployment)] : [];
      }),
    ],
    reconcile,
  });
}

async function reconcile(deployment: Deployment, context: Context) {
  const { client, clock, signal } = context;
  const namespace = deployment.metadata.namespace ?? '';
  const matcher = matcherOf(deployment);
  if (matcher.requirements.length === 0) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    context.event('Warning', 'SelectingAll', message);
    return undefined;
  }
  const claims = planClaims(
    deployment,
    context.cache(replicaSetResource).list({ namespace }),
    byLabels(matcher),
  );
  const replicaSets = await claim(
    { owner: deployment, ownerResource: deploymentResource, resource: replicaSetResource, claims },
    client,
    signal,
  );
  const uids = new Set(replicaSets.map((each) => each.metadata.uid));
  const pods = context
    .cache(podResource)
    .list({ namespace })
    .filter((pod) => uids.has(controllerOf(pod)?.uid ?? ''));
  const plan = planDeployment({ deployment, replicaSets, pods, nowMs: clock.nowMs() });
  await act(plan, deployment, context);
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

async function act(plan: DeploymentPlan, deployment: Deployment, context: Context): Promise<void> {
  const { client, signal } = context;
  if (plan.create && !(await create(plan.create, deployment, context))) return;
  for (const change of plan.change) await apply(change, context);
  for (const replicaSet of plan.remove) {
    const { uid } = replicaSet.metadata;
    await client.delete(replicaSetResource, refOf(replicaSet), { preconditions: { uid } }, signal);
  }
  const noted =
    plan.revision === undefined ? deployment : await note(plan.revision, deployment, context);
  await writeStatus(deploymentResource, noted, plan.status, client, signal);
}

function note(
  revision: number,
  deployment: Deployment,
  { client, signal }: Context,
): Promise<Deployment> {
  const { uid, resourceVersion } = deployment.metadata;
  const annotations = { [revisionAnnotation]: String(revision) };
  const body = { metadata: { uid, resourceVersion, annotations } };
  // With the status, as upstream: what a controller notes is no change of what is wanted.
  const options = { subresource: 'status' } as const;
  const patch = { type: 'merge', body } as const;
  return client.patch(deploymentResource, refOf(deployment), patch, options, signal);
}

/** False when the pass is over: the name was taken and the collision is counted, or the namespace is ending. */
async function create(
  replicaSet: Input<ReplicaSet>,
  deployment: Deployment,
  context: Context,
): Promise<boolean> {
  const { client, signal } = context;
  const { name = '', namespace = '' } = replicaSet.metadata;
  try {
    await client.create(replicaSetResource, replicaSet, {}, signal);
  } catch (error) {
    if (isNamespaceEnding(error)) return false;
    if (!isApiError(error, 'AlreadyExists')) {
      await recordFailure(error, deployment, context);
      throw error;
    }
    const holder = await client.get(replicaSetResource, { name, namespace }, signal);
    const ours = holder && controllerOf(holder)?.uid === deployment.metadata.uid;
    if (ours && hasTemplate(deployment, holder)) return true;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const status = { ...deployment.status, collisionCount };
    await writeStatus(deploymentResource, deployment, status, client, signal);
    return false;
  }
  const size = replicaSet.spec.replicas ?? 0;
  if (size > 0) {
    context.event('Normal', 'ScalingReplicaSet', scaledText('up', name, 0, size));
  }
  return true;
}

async function recordFailure(
  error: unknown,
  deployment: Deployment,
  context: Context,
): Promise<void> {
  const { client, clock, signal } = context;
  const message = `Failed to create new replica set: ${messageOf(error)}`;
  context.event('Warning', 'ReplicaSetCreateError', message);
  if (!hasDeadline(deployment)) return;
  const next = progressing('False', 'ReplicaSetCreateError', message, clock.nowMs());
  const conditions = withCondition(deployment.status?.conditions ?? [], next);
  const status = { ...deployment.status, conditions };
  await writeStatus(deploymentResource, deployment, status, client, signal);
}

async function apply(change: ReplicaSetChange, context: Context): Promise<void> {
  const { replicaSet, replicas, annotations, minReadySeconds } = change;
  const before = sizeOf(replicaSet);
  const { uid, resourceVersion, name } = replicaSet.metadata;
  const spec = {
    ...(replicas === undefined ? {} : { replicas }),
    ...(minReadySeconds === undefined ? {} : { minReadySeconds: minReadySeconds || null }),
  };
  const body = { metadata: { uid, resourceVersion, annotations }, spec };
  const { client, signal } = context;
  await client.patch(replicaSetResource, refOf(replicaSet), { type: 'merge', body }, {}, signal);
  if (replicas === undefined || replicas === before) return;
  const text = scaledText(replicas > before ? 'up' : 'down', name, before, replicas);
  context.event('Normal', 'ScalingReplicaSet', text);
}

function scaledText(direction: 'up' | 'down', name: string, from: number, to: number): string {
  return `Scaled ${direction} replica set ${name} from ${from} to ${to}`;
}
