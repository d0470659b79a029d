// What a pod asks of a node: amounts of resources and host ports.

import {
  type Container,
  type Pod,
  parseQuantity,
  quantityMilliValue,
  quantityValue,
} from '@tweendeck/kube';

/** Amounts by resource name: `cpu` in thousandths, everything else in whole units (bytes). Read-only. */
export type Amounts = Readonly<Record<string, number>>;

export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts: Record<string, number> = {};
  for (const [name, text] of Object.entries(quantities ?? {})) {
    const quantity = parseQuantity(text);
    amounts[name] = Number(name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity));
  }
  return amounts;
}

export function plus(left: Amounts, right: Amounts): Amounts {
  const total: Record<string, number> = { ...left };
  for (const [name, amount] of Object.entries(right)) total[name] = (total[name] ?? 0) + amount;
  return total;
}

export function minus(left: Amounts, right: Amounts): Amounts {
  const rest: Record<string, number> = { ...left };
  for (const [name, amount] of Object.entries(right)) rest[name] = (rest[name] ?? 0) - amount;
  return rest;
}

function larger(left: Amounts, right: Amounts): Amounts {
  const most: Record<string, number> = { ...left };
  for (const [name, amount] of Object.entries(right)) {
    most[name] = Math.max(most[name] ?? 0, amount);
  }
  return most;
}

/**
 * The pod's requests: its containers and sidecars together, or, where that is more, an init container with the sidecars
 * started before it; overhead on top. Requests of the pod as a whole take the place of its containers'.
 */
export function requestsOf(
  pod: Pod,
  ofContainer: (container: Container) => Amounts = containerRequests,
): Amounts {
  const { containers, initContainers = [], overhead, resources } = pod.spec;
  let running: Amounts = containers.map(ofContainer).reduce(plus, {});
  let sidecars: Amounts = {};
  let starting: Amounts = {};
  for (const container of initContainers) {
    const own = ofContainer(container);
    if (container.restartPolicy === 'Always') {
      running = plus(running, own);
      sidecars = plus(sidecars, own);
      starting = larger(starting, sidecars);
    } else {
      starting = larger(starting, plus(sidecars, own));
    }
  }
  const needed = larger(running, starting);
  return plus({ ...needed, ...amountsOf(resources?.requests) }, amountsOf(overhead));
}

function containerRequests(container: Container): Amounts {
  return amountsOf(container.resources?.requests);
}

const usualMilliCpu = 100;
const usualMemoryBytes = 200 * 1_024 * 1_024;

/** For scores: a container that asks for nothing is taken to need a little. */
export function usualRequestsOf(pod: Pod): Amounts {
  return requestsOf(pod, (container) => ({
    cpu: usualMilliCpu,
    memory: usualMemoryBytes,
    ...containerRequests(container),
  }));
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export function hostPortsOf(pod: Pod): readonly HostPort[] {
  const sidecars = (pod.spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  return [...pod.spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol = 'TCP' }) =>
      hostPort ? [{ ip: hostIP || '0.0.0.0', protocol, port: hostPort }] : [],
    ),
  );
}

/** Whether both cannot be bound on one machine; 0.0.0.0 takes every address. */
export function portsConflict(left: HostPort, right: HostPort): boolean {
  return (
    left.port === right.port &&
    left.protocol === right.protocol &&
    (left.ip === right.ip || left.ip === '0.0.0.0' || right.ip === '0.0.0.0')
  );
}
