// Keeps EndpointSlices true of the pods behind services, and gives services of type LoadBalancer their address.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  type EndpointSlice,
  endpointSliceResource,
  type Input,
  labelSelectorOf,
  type ObjectRef,
  type Pod,
  podResource,
  refOf,
  type Service,
  serviceResource,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { podCondition } from '../pod/pod-state.ts';
import { endpointGroups } from './endpoints.ts';
import { allocatePorts, holdsAddress, wantsAddress } from './load-balancer.ts';
import { managedBy, managedByLabel, planSlices, serviceNameLabel } from './slices.ts';

type Context = ReconcileContext<Service>;

/** EndpointSlices for every service with a selector. Without one the slices are the user's. */
export function endpointSliceController(): Controller {
  return defineController<Service>({
    name: 'endpointslice-controller',
    resource: serviceResource,
    concurrency: 5,
    watches: [
      watching(podResource, (pod, cache) =>
        cache(serviceResource)
          .list({ namespace: pod.metadata.namespace ?? '' })
          .filter((service) => selects(service, pod.metadata.labels))
          .map(refOf),
      ),
      watching(endpointSliceResource, sliceOwner),
    ],
    reconcile: reconcileSlices,
  });
}

function hasSelector(service: Service): boolean {
  return (
    service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0
  );
}

function selects(service: Service, labels: Readonly<Record<string, string>> | undefined): boolean {
  return hasSelector(service) && labelSelectorOf(service.spec.selector ?? {}).matches(labels);
}

function sliceOwner({ metadata }: EndpointSlice): readonly ObjectRef[] {
  const name = metadata.labels?.[serviceNameLabel];
  if (!name || metadata.labels?.[managedByLabel] !== managedBy) return [];
  return [{ name, namespace: metadata.namespace ?? '' }];
}

async function reconcileSlices(service: Service, context: Context): Promise<void> {
  if (!hasSelector(service)) return;
  const { client, signal } = context;
  const namespace = service.metadata.namespace ?? '';
  const pods = context
    .cache(podResource)
    .list({ namespace })
    .filter((pod) => selects(service, pod.metadata.labels));
  const existing = context.cache(endpointSliceResource).list({
    namespace,
    labels: { [serviceNameLabel]: service.metadata.name, [managedByLabel]: managedBy },
  });
  const plan = planSlices(
    service,
    endpointGroups(service, pods),
    existing.filter((slice) => !slice.metadata.deletionTimestamp),
  );
  const since = changedAt(service, pods);
  for (const slice of plan.create) {
    try {
      await client.create(endpointSliceResource, noted(slice, since), {}, signal);
    } catch (error) {
      if (!isNamespaceEnding(error)) throw error;
    }
  }
  for (const slice of plan.update) {
    await client.update(endpointSliceResource, noted(slice, since), {}, signal);
  }
  for (const slice of plan.remove) {
    const { uid } = slice.metadata;
    await client.delete(endpointSliceResource, refOf(slice), { preconditions: { uid } }, signal);
  }
}

/** By which whoever programs a network can tell how far behind it is. */
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

/** When what a slice says came to be: the last time that a pod became ready or ceased to be, or the service was made. */
function changedAt({ metadata }: Service, pods: readonly Pod[]): string {
  const times = pods.map((pod) => podCondition(pod, 'Ready')?.lastTransitionTime ?? '');
  return [metadata.creationTimestamp ?? '', ...times].toSorted().at(-1) ?? '';
}

function noted(slice: Input<EndpointSlice>, since: string): Input<EndpointSlice> {
  const annotations = { ...slice.metadata.annotations, [triggerAnnotation]: since };
  return { ...slice, metadata: { ...slice.metadata, annotations } };
}

/** Gives services of type LoadBalancer `address`, one holder for each port; the others wait, and an event says for whom. */
export function loadBalancerController({ address }: { readonly address: string }): Controller {
  return defineController<Service>({
    name: 'service-controller',
    resource: serviceResource,
    concurrency: 1, // two services at once could be given the same port
    watches: [
      // A port that is given up may be what another service waits for.
      watching(serviceResource, (changed, cache) =>
        wantsAddress(changed) || holdsAddress(changed)
          ? cache(serviceResource).list().filter(wantsAddress).map(refOf)
          : [],
      ),
    ],
    reconcile: (service, context) => reconcileAddress(service, address, context),
  });
}

async function reconcileAddress(
  service: Service,
  address: string,
  context: Context,
): Promise<void> {
  if (!wantsAddress(service)) {
    if (holdsAddress(service) && service.spec.type !== 'LoadBalancer') {
      await writeIngress(service, [], context);
    }
    return;
  }
  const allocations = allocatePorts(context.cache(serviceResource).list());
  const allocation = allocations.get(service.metadata.uid);
  if (!allocation) return;
  if (!allocation.granted) {
    const { port, holder } = allocation;
    const message = `port ${port} of ${address} is held by Service ${holder}`;
    context.event('Warning', 'LoadBalancerPortTaken', message);
    if (holdsAddress(service)) await writeIngress(service, [], context);
    return;
  }
  const isNew = !holdsAddress(service);
  await writeIngress(service, [{ ip: address, ipMode: 'VIP' }], context);
  if (isNew) context.event('Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
}

async function writeIngress(
  service: Service,
  ingress: readonly { readonly ip: string; readonly ipMode: string }[],
  { client, signal }: Context,
): Promise<void> {
  if (jsonEqual(service.status?.loadBalancer?.ingress ?? [], ingress)) return;
  const loadBalancer = ingress.length > 0 ? { ingress } : {};
  const status = { ...service.status, loadBalancer };
  await client.update(serviceResource, { ...service, status }, { subresource: 'status' }, signal);
}
