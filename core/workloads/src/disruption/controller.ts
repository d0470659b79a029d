// Keeps the count of pods that may go, for evictions to read.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  controllerOf,
  deploymentResource,
  type KubeObject,
  labelSelectorFromObject,
  type ObjectRef,
  type Pod,
  type PodDisruptionBudget,
  podDisruptionBudgetResource,
  podResource,
  refOf,
  replicaSetResource,
  statefulSetResource,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { writeStatus } from '../owner/status-writer.ts';
import { podCondition, timeMs } from '../pod/pod-state.ts';
import { planBudget } from './plan.ts';

type Context = ReconcileContext<PodDisruptionBudget>;

export function disruptionController(): Controller {
  return defineController<PodDisruptionBudget>({
    name: 'disruption-controller',
    resource: podDisruptionBudgetResource,
    watches: [
      watching(podResource, (pod, cache) =>
        inNamespace(
          cache(podDisruptionBudgetResource).list({ namespace: pod.metadata.namespace ?? '' }),
          pod,
        ),
      ),
      ...[replicaSetResource, statefulSetResource, deploymentResource].map((resource) =>
        watching<KubeObject>(resource, ({ metadata }, cache) =>
          cache(podDisruptionBudgetResource)
            .list({ namespace: metadata.namespace ?? '' })
            .map(refOf),
        ),
      ),
    ],
    reconcile,
  });
}

function inNamespace(budgets: readonly PodDisruptionBudget[], pod: Pod): readonly ObjectRef[] {
  return budgets.filter((budget) => selects(budget, pod)).map(refOf);
}

/** A budget without a selector selects nothing, an empty selector everything. */
function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  if (!spec?.selector) return false;
  try {
    return labelSelectorFromObject(spec.selector).matches(pod.metadata.labels);
  } catch {
    return false;
  }
}

async function reconcile(budget: PodDisruptionBudget, context: Context) {
  const { client, clock, signal } = context;
  const { namespace = '' } = budget.metadata;
  const pods = context
    .cache(podResource)
    .list({ namespace })
    .filter((pod) => selects(budget, pod));
  const nowMs = clock.nowMs();
  const unmanaged = pods.filter((pod) => !controllerOf(pod)).map(({ metadata }) => metadata.name);
  const scale = await scaleOf(pods, context);
  const now = timestampOf(nowMs);
  const plan = planBudget({ budget, pods, scale, unmanaged, nowMs, now });
  for (const { type, reason, message } of plan.events) context.event(type, reason, message);
  for (const pod of plan.notDeleted) {
    const message = `Pod was expected by PDB ${namespace}/${budget.metadata.name} to be deleted but it wasn't`;
    context.event('Warning', 'NotDeleted', message, pod);
  }
  await writeStatus(podDisruptionBudgetResource, budget, plan.status, client, signal);
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

/** What the controllers of these pods want together; undefined when one of them is none that has a scale. */
async function scaleOf(pods: readonly Pod[], context: Context): Promise<number | undefined> {
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner || scales.has(owner.uid)) continue;
    const ref = { namespace: pod.metadata.namespace ?? '', name: owner.name };
    const found = await controllerScale({ ...owner, ref }, context);
    if (!found) return undefined;
    scales.set(owner.uid, 0);
    scales.set(found.uid, found.replicas);
  }
  return [...scales.values()].reduce((total, scale) => total + scale, 0);
}

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

async function controllerScale(
  owner: {
    readonly kind: string;
    readonly apiVersion: string;
    readonly uid: string;
    readonly ref: ObjectRef;
  },
  context: Context,
): Promise<Scale | undefined> {
  const { ref, uid } = owner;
  if (owner.kind === 'StatefulSet') {
    const set = context.cache(statefulSetResource).get(ref);
    return set?.metadata.uid === uid ? { uid, replicas: set.spec.replicas ?? 1 } : undefined;
  }
  if (owner.kind === 'ReplicaSet') {
    const set = context.cache(replicaSetResource).get(ref);
    if (set?.metadata.uid !== uid) return undefined;
    const above = controllerOf(set);
    if (above?.kind !== 'Deployment') return { uid, replicas: set.spec.replicas ?? 1 };
    const deployment = context.cache(deploymentResource).get({ ...ref, name: above.name });
    if (deployment?.metadata.uid !== above.uid) return undefined;
    return { uid: above.uid, replicas: deployment.spec.replicas ?? 1 };
  }
  return customScale(owner, context);
}

/** Kinds of users have a scale where they declare one. */
async function customScale(
  { apiVersion, kind, uid, ref }: Parameters<typeof controllerScale>[0],
  { client, signal }: Context,
): Promise<Scale | undefined> {
  const found = await scalableResource(apiVersion, kind, { client, signal });
  if (!found) return undefined;
  const path = `/apis/${apiVersion}/namespaces/${ref.namespace}/${found}/${ref.name}/scale`;
  const scale = (await client.request('GET', path, {}, signal)) as {
    readonly spec?: { readonly replicas?: number };
  }; // autoscaling/v1 Scale, as the API answers it
  return { uid, replicas: scale.spec?.replicas ?? 0 };
}

async function scalableResource(
  apiVersion: string,
  kind: string,
  { client, signal }: Pick<Context, 'client' | 'signal'>,
): Promise<string | undefined> {
  if (!apiVersion.includes('/')) return undefined;
  const list = (await client.request('GET', `/apis/${apiVersion}`, {}, signal)) as {
    readonly resources?: readonly { readonly name: string; readonly kind: string }[];
  }; // APIResourceList
  const names = new Set(list.resources?.map(({ name }) => name));
  const plural = list.resources?.find((each) => each.kind === kind && !each.name.includes('/'));
  return plural && names.has(`${plural.name}/scale`) ? plural.name : undefined;
}

/** An eviction that did not happen is forgotten after this long. */
const staleMs = 120_000;

/** Takes back what an eviction said on a pod that then was not deleted. */
export function staleDisruptionController(): Controller {
  return defineController<Pod>({
    name: 'stale-disruption-controller',
    resource: podResource,
    async reconcile(pod, { client, clock, signal }) {
      const condition = podCondition(pod, 'DisruptionTarget');
      const phase = pod.status?.phase;
      if (condition?.status !== 'True' || condition.reason !== 'EvictionByEvictionAPI')
        return undefined;
      if (phase === 'Succeeded' || phase === 'Failed') return undefined;
      const leftMs = (timeMs(condition.lastTransitionTime) ?? 0) + staleMs - clock.nowMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const lastTransitionTime = timestampOf(clock.nowMs());
      const taken = {
        type: 'DisruptionTarget',
        status: 'False',
        reason: '',
        message: '',
        lastTransitionTime,
      };
      const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [taken] } };
      const patch = { type: 'strategic', body } as const; // the literal is the kind of patch
      await client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, signal);
      return undefined;
    },
  });
}
