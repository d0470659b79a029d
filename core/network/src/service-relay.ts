// Serves the addresses of Services whose programs cannot listen there themselves, where no kernel does it: in the
// embedded home.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import {
  endpointSliceResource,
  type ObjectRef,
  type Pod,
  podResource,
  type Service,
  serviceResource,
} from '@tweendeck/kube';
import { listenersOf } from './relay-plan.ts';
import type { TcpRelay } from './tcp-relay.ts';

const serviceNameLabel = 'kubernetes.io/service-name';
/** An address that is taken may become free. */
const tryAgainMs = 2_000;

export interface ServiceRelayOptions {
  readonly relay: TcpRelay;
  /** Whether the programs of a pod listen on the addresses of its Services themselves. */
  readonly servesItself: (pod: Pod) => Promise<boolean>;
}

/** Keeps a relay in step with Services and who is ready behind them. */
export function serviceRelayController({ relay, servesItself }: ServiceRelayOptions): Controller {
  return defineController<Service>({
    name: 'service-relay',
    resource: serviceResource,
    watches: [
      watching(endpointSliceResource, ({ metadata: { labels = {}, namespace = '' } }) => {
        const name = labels[serviceNameLabel];
        return name === undefined ? [] : [{ name, namespace }];
      }),
      watching(podResource, () => []),
    ],
    reconcile: async (service, { cache, log }) => {
      const { name, namespace = '' } = service.metadata;
      const labels = { [serviceNameLabel]: name };
      const slices = cache(endpointSliceResource).list({ namespace, labels });
      const relayed = new Set<string>();
      for (const { targetRef } of slices.flatMap(({ endpoints }) => endpoints)) {
        const pod = cache(podResource).get({ namespace, name: targetRef?.name ?? '' });
        if (pod && !(await servesItself(pod))) relayed.add(pod.metadata.name);
      }
      const failures = await relay.set(
        keyOf({ name, namespace }),
        listenersOf(service, slices, (pod) => relayed.has(pod)),
      );
      if (failures.length === 0) return undefined;
      log.warn('an address of a Service cannot be served', { service: name, namespace, failures });
      return { requeueAfterMs: tryAgainMs };
    },
    forget: (ref) => void relay.set(keyOf(ref), []),
  });
}

function keyOf({ namespace = '', name }: ObjectRef): string {
  return `${namespace}/${name}`;
}
