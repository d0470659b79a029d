// Which endpoints a Service has: one for each pod that has an address, with its state and resolved ports.

import type { Endpoint, EndpointPort, Pod, Service, ServicePort } from '@tweendeck/kube';
import { isFinished, isReady } from '../pod/pod-state.ts';
import { canonicalJson } from '../pod/template.ts';

export type AddressType = 'IPv4' | 'IPv6';

/** Endpoints that share their ports, and so can share slices. */
export interface EndpointGroup {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointPort[];
  /** Ordered by pod name. */
  readonly endpoints: readonly Endpoint[];
}

/** Names a group; equal for equal ports. */
export function groupKey(group: {
  readonly addressType: string;
  readonly ports?: readonly EndpointPort[];
}): string {
  const ports = (group.ports ?? []).toSorted((left, right) =>
    canonicalJson(left) < canonicalJson(right) ? -1 : 1,
  );
  return canonicalJson([group.addressType, ports]);
}

/** Groups for a service with a selector, from the pods it selects. */
export function endpointGroups(service: Service, pods: readonly Pod[]): readonly EndpointGroup[] {
  const groups = new Map<string, EndpointGroup & { readonly endpoints: Endpoint[] }>();
  const families = service.spec.ipFamilies?.filter((family) => family !== '') ?? [];
  const ordered = pods.toSorted((left, right) =>
    left.metadata.name < right.metadata.name ? -1 : 1,
  );
  for (const addressType of families.length > 0 ? families : ['IPv4' as const]) {
    for (const pod of ordered) {
      const address = addressOf(pod, addressType);
      if (address === undefined || isFinished(pod)) continue;
      const ports = portsOf(service, pod);
      const key = groupKey({ addressType, ports });
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] };
      group.endpoints.push(endpointOf(service, pod, address));
      groups.set(key, group);
    }
  }
  return [...groups.values()];
}

function addressOf(pod: Pod, type: AddressType): string | undefined {
  const { podIP, podIPs } = pod.status ?? {};
  const addresses = podIPs?.map(({ ip }) => ip) ?? (podIP ? [podIP] : []);
  return addresses.find((address) => address.includes(':') === (type === 'IPv6'));
}

function endpointOf(service: Service, pod: Pod, address: string): Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { name, namespace, uid } = pod.metadata;
  const { nodeName, hostname, subdomain } = pod.spec;
  return {
    addresses: [address],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', name, ...(namespace ? { namespace } : {}), uid },
  };
}

function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ];
  });
}

/** Undefined when the pod has no container port of that name and protocol. */
function targetPort({ targetPort: target, port, protocol = 'TCP' }: ServicePort, pod: Pod) {
  if (typeof target === 'number') return target === 0 ? port : target;
  if (target === undefined || target === '') return port;
  const sidecars = (pod.spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  return [...pod.spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find((each) => each.name === target && (each.protocol ?? 'TCP') === protocol)?.containerPort;
}
