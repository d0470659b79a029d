// The addresses besides the pod's own on which a container's program should listen too. There is no proxy: a data plane
// binds the service's address itself, next to the other replicas on this machine. Pure.

import type { Container, ContainerPort, Pod, Service, ServicePort } from '@tweendeck/kube';

export interface Front {
  readonly address: string;
  readonly port: number;
  /** The container's own port that this address stands for. */
  readonly containerPort: number;
}

/** Where node ports of this home are served, whichever node a pod is on: nobody but this machine reaches them. */
const homeAddress = '127.0.0.1';

/** What a pod's fronts follow from besides itself. */
export interface FrontSources {
  readonly services: readonly Service[];
  /** Where host ports of its node are served. */
  readonly nodeAddress: string;
}

/** Fronts of one container: cluster, load-balancer, external and node addresses of the services that select its pod, and its host ports. TCP only; sorted. */
export function frontsOf(
  container: Container,
  pod: Pod,
  { services, nodeAddress }: FrontSources,
): readonly Front[] {
  const fronts: Front[] = [];
  for (const port of container.ports ?? []) {
    if (!port.hostPort || !isTcp(port)) continue;
    const address = port.hostIP || nodeAddress;
    fronts.push({ address, port: port.hostPort, containerPort: port.containerPort });
  }
  for (const service of services.filter((candidate) => selects(candidate, pod))) {
    for (const port of service.spec.ports ?? []) {
      const containerPort = isTcp(port) ? targetOf(port, container, pod) : undefined;
      if (containerPort === undefined) continue;
      for (const address of addressesOf(service)) {
        fronts.push({ address, port: port.port, containerPort });
      }
      if (service.spec.type === 'NodePort' && port.nodePort) {
        for (const address of new Set([homeAddress, nodeAddress])) {
          fronts.push({ address, port: port.nodePort, containerPort });
        }
      }
    }
  }
  return [...new Map(fronts.map((front) => [textOf(front), front])).entries()]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, front]) => front);
}

/** Whether the service's selector picks the pod; a service without selector picks none. */
function selects(service: Service, pod: Pod): boolean {
  if (service.metadata.namespace !== pod.metadata.namespace) return false;
  const wanted = Object.entries(service.spec.selector ?? {});
  const labels = pod.metadata.labels ?? {};
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

function addressesOf({ spec, status }: Service): readonly string[] {
  const cluster = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  return [...cluster, ...ingress, ...(spec.externalIPs ?? [])].filter(
    (address) => address !== '' && address !== 'None',
  );
}

/** The port of this container that a service port leads to. A number that no container declares belongs to the first container. */
function targetOf(port: ServicePort, container: Container, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  const tcpPorts = (container.ports ?? []).filter(isTcp);
  if (typeof target === 'string' && !/^\d+$/.test(target)) {
    return tcpPorts.find(({ name }) => name === target)?.containerPort;
  }
  const wanted = Number(target);
  if (tcpPorts.some(({ containerPort }) => containerPort === wanted)) return wanted;
  const declared = pod.spec.containers.some((other) =>
    (other.ports ?? []).some(({ containerPort }) => containerPort === wanted),
  );
  return !declared && pod.spec.containers[0]?.name === container.name ? wanted : undefined;
}

function isTcp(port: Pick<ContainerPort, 'protocol'>): boolean {
  return (port.protocol ?? 'TCP') === 'TCP';
}

function textOf({ address, port, containerPort }: Front): string {
  return `${address} ${port} ${containerPort}`;
}

/** What a program reads that finds its fronts in a file. */
export function frontsFileText(fronts: readonly Front[]): string {
  return fronts
    .map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}\n`)
    .join('');
}

/** Whether two lists of fronts are the same. */
export function sameFronts(left: readonly Front[], right: readonly Front[]): boolean {
  return left.map(textOf).join() === right.map(textOf).join();
}
