// The Service by which clients in a cluster know the API: `kubernetes` in the namespace `default`.

import type { Client } from '@tweendeck/client';
import type { BackgroundTask, TaskContext } from '@tweendeck/controller';
import {
  type EndpointSlice,
  endpointSliceResource,
  type Input,
  isApiError,
  type Service,
  serviceResource,
} from '@tweendeck/kube';

export interface KubernetesServiceOptions {
  /** Its own address: the first of the service range. */
  readonly clusterIP: string;
  /** Where the API server listens: an IPv4 address. */
  readonly address: string;
  readonly port: number;
}

const ref = { namespace: 'default', name: 'kubernetes' };
const fieldManager = 'kube-apiserver';
const againMs = 10_000;

/**
 * Makes the Service and its EndpointSlice, and looks every 10 s whether they are as they should be, as upstream's
 * kubernetes-service controller does. Where another Service has its address already, it gets one that is free.
 */
export function kubernetesService(options: KubernetesServiceOptions): BackgroundTask {
  return {
    name: 'kubernetes-service',
    async run({ client, clock, log }: TaskContext, signal) {
      for (;;) {
        try {
          await ensureService(client, options, signal);
          await ensureSlice(client, options, signal);
        } catch (error) {
          if (signal.aborted) throw error;
          log.warn('the service kubernetes is not as it should be', { error });
        }
        await clock.sleep(againMs, signal);
      }
    },
  };
}

async function ensureService(
  client: Client,
  { clusterIP, port }: KubernetesServiceOptions,
  signal: AbortSignal,
): Promise<void> {
  const found = await client.get(serviceResource, ref, signal);
  if (found?.spec.ports?.some(({ targetPort }) => targetPort === port)) return;
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...ref, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
    },
  } as const satisfies Input<Service>;
  if (found) {
    await client.apply(serviceResource, service, { fieldManager, force: true }, signal);
    return;
  }
  const placed = { ...service, spec: { ...service.spec, clusterIP } };
  try {
    await client.create(serviceResource, placed, { fieldManager }, signal);
  } catch (error) {
    if (!isApiError(error, 'Invalid')) throw error;
    await client.create(serviceResource, service, { fieldManager }, signal);
  }
}

async function ensureSlice(
  client: Client,
  { address, port }: KubernetesServiceOptions,
  signal: AbortSignal,
): Promise<void> {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...ref, labels: { 'kubernetes.io/service-name': ref.name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  } as const satisfies Input<EndpointSlice>;
  await client.apply(endpointSliceResource, slice, { fieldManager, force: true }, signal);
}
