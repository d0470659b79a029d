// Who gets which port of the one address that this machine has for services of type LoadBalancer.

import { keyOf, type Service } from '@tweendeck/kube';
import { timeMs } from '../pod/pod-state.ts';

export type Allocation =
  | { readonly granted: true }
  /** `port` is `8126/TCP`; `holder` is `namespace/name`. */
  | { readonly granted: false; readonly port: string; readonly holder: string };

/** By uid. A service that holds its ports keeps them; then the oldest comes first; all of its ports or none. */
export function allocatePorts(services: readonly Service[]): ReadonlyMap<string, Allocation> {
  const holders = new Map<string, string>();
  const allocations = new Map<string, Allocation>();
  for (const service of services.filter(wantsAddress).toSorted(byClaim)) {
    const ports = (service.spec.ports ?? []).map(
      (each) => `${each.port}/${each.protocol ?? 'TCP'}`,
    );
    const taken = ports.find((port) => holders.has(port));
    if (taken !== undefined) {
      const holder = holders.get(taken) ?? '';
      allocations.set(service.metadata.uid, { granted: false, port: taken, holder });
      continue;
    }
    for (const port of ports) holders.set(port, keyOf(service));
    allocations.set(service.metadata.uid, { granted: true });
  }
  return allocations;
}

/** A service that names a class of balancers of its own is somebody else's. */
export function wantsAddress(service: Service): boolean {
  return service.spec.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined;
}

export function holdsAddress(service: Service): boolean {
  return (service.status?.loadBalancer?.ingress ?? []).length > 0;
}

function byClaim(left: Service, right: Service): number {
  const held = Number(holdsAddress(right)) - Number(holdsAddress(left));
  if (held !== 0) return held;
  const [leftMs, rightMs] = [createdMs(left), createdMs(right)];
  if (leftMs !== rightMs) return leftMs - rightMs;
  return left.metadata.uid < right.metadata.uid ? -1 : 1;
}

function createdMs(service: Service): number {
  return timeMs(service.metadata.creationTimestamp) ?? 0;
}
