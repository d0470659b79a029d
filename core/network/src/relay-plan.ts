// On which addresses of a Service connections are taken, and to whom they lead. Pure.

import type { EndpointSlice, Service, ServicePort } from '@tweendeck/kube';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** An address, and who is ready behind it. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly targets: readonly Target[];
}

/**
 * Only what somebody serves: without anybody ready there is no listener, and clients are refused as by kube-proxy.
 * `relayed` says of a pod, by name, whether it cannot listen there itself.
 */
export function listenersOf(
  service: Service,
  slices: readonly EndpointSlice[],
  relayed: (pod: string) => boolean,
): readonly Listener[] {
  const { spec } = service;
  return (spec.ports ?? []).filter(isTcp).flatMap((port) => {
    const targets = slices.flatMap((slice) => targetsOf(slice, port, relayed));
    if (targets.length === 0) return [];
    const hosts = addressesOf(service).map((host) => ({ host, port: port.port }));
    const nodePort = spec.type === 'NodePort' ? port.nodePort : undefined;
    const doors = nodePort ? [...hosts, { host: homeAddress, port: nodePort }] : hosts;
    return doors.map((door) => ({ ...door, targets }));
  });
}

/** Where node ports of this home are served. */
const homeAddress = '127.0.0.1';

function targetsOf(
  { endpoints, ports, addressType }: EndpointSlice,
  { name: wanted }: ServicePort,
  relayed: (pod: string) => boolean,
): readonly Target[] {
  const port = ports?.find(({ name }) => (name ?? '') === (wanted ?? ''))?.port;
  if (port === undefined || addressType === 'FQDN') return [];
  return endpoints.flatMap(({ addresses, conditions, targetRef }) => {
    if (conditions?.ready === false || !relayed(targetRef?.name ?? '')) return [];
    return addresses.map((host) => ({ host, port }));
  });
}

function isTcp({ protocol = 'TCP' }: ServicePort): boolean {
  return protocol === 'TCP';
}

function addressesOf({ spec, status }: Service): readonly string[] {
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  const own = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  return [...own, ...ingress, ...(spec.externalIPs ?? [])].filter(
    (address) => address !== '' && address !== 'None',
  );
}
