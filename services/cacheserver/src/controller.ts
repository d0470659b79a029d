// The CacheServer controller. Two halves: resource management makes the children of the spec, status management
// watches the pods and writes what is true of them.

import type { ObjectCache } from '@tweendeck/client';
import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import { deploymentResource, type Pod, podResource, serviceResource } from '@tweendeck/kube';
import { type CacheServerObject, cacheServerKind } from './kind.ts';
import { renderDeployment, renderService, selectorOf } from './render.ts';
import { planStatus } from './status.ts';

/** Runs CacheServers; field manager and event source `cacheserver`. */
export function cacheServerController(): Controller {
  return defineController<CacheServerObject>({
    name: 'cacheserver',
    resource: cacheServerKind,
    owns: [deploymentResource, serviceResource],
    watches: [watching(podResource, ownersOfPod)],
    reconcile: async (cache, context) => {
      await manageResources(cache, context);
      manageStatus(cache, context);
    },
  });
}

function ownersOfPod({ metadata }: Pod) {
  const labels = metadata.labels ?? {};
  const name = labels['app.kubernetes.io/instance'];
  if (labels['app.kubernetes.io/name'] !== 'cacheserver' || !name || !metadata.namespace) return [];
  return [{ namespace: metadata.namespace, name }];
}

/** The Service comes first: a pod that starts should find the address it is to serve. */
async function manageResources(
  cache: CacheServerObject,
  context: ReconcileContext<CacheServerObject>,
): Promise<void> {
  await context.apply(serviceResource, renderService(cache));
  await context.apply(deploymentResource, renderDeployment(cache));
  await context.prune(serviceResource, deploymentResource);
}

function manageStatus(
  cache: CacheServerObject,
  context: ReconcileContext<CacheServerObject>,
): void {
  const { name, namespace = 'default' } = cache.metadata;
  const ref = { name, namespace };
  const pods: ObjectCache<Pod> = context.cache(podResource);
  const plan = planStatus(cache, {
    deployment: context.cache(deploymentResource).get(ref),
    service: context.cache(serviceResource).get(ref),
    pods: pods.list({ namespace, labels: selectorOf(name) }),
  });
  const { phase: before } = cache.status ?? {};
  context.status(plan.fields, plan.conditions);
  if (before !== plan.fields.phase) announce(plan.fields.phase, plan.conditions, context);
}

function announce(
  phase: string,
  conditions: readonly { readonly type: string; readonly message: string }[],
  context: ReconcileContext<CacheServerObject>,
): void {
  const message = conditions.find(
    ({ type }) => type === (phase === 'Ready' ? 'Ready' : 'Degraded'),
  )?.message;
  if (phase === 'Ready') context.event('Normal', 'Ready', message ?? phase);
  if (phase === 'Failed' || phase === 'Degraded') context.event('Warning', phase, message ?? phase);
}
