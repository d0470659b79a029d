// Which level of fairness a request belongs to, and whose turn it takes there. After the flow schemas that kube-apiserver comes with.

import type { UserInfo } from '@tweendeck/kube';
import type { ParsedRequest } from '../request.ts';

export type LevelName =
  | 'exempt'
  | 'system'
  | 'node-high'
  | 'leader-election'
  | 'workload-high'
  | 'workload-low'
  | 'global-default'
  | 'catch-all';

/** Parts of all seats that a level has; `exempt` takes none and never waits. */
export const levelShares: Readonly<Record<Exclude<LevelName, 'exempt'>, number>> = {
  system: 30,
  'node-high': 40,
  'leader-election': 10,
  'workload-high': 40,
  'workload-low': 100,
  'global-default': 20,
  'catch-all': 5,
};

export interface Flow {
  readonly schema: string;
  readonly level: LevelName;
  /** Requests of one level with the same one wait for each other; those with others take turns with them. */
  readonly distinguisher: string;
}

const probePaths = new Set(['/healthz', '/readyz', '/livez']);
const leaseVerbs = new Set(['get', 'create', 'update']);
const kubeSystemAccounts = 'system:serviceaccounts:kube-system';

export function flowOf(request: ParsedRequest, user: UserInfo): Flow {
  const { name, groups } = user;
  if (groups.includes('system:masters')) return exempt('exempt');
  if (request.type === 'plain' && probePaths.has(request.plain.path)) return exempt('probes');
  const components = name === 'system:kube-controller-manager' || name === 'system:kube-scheduler';
  const system = components || groups.includes(kubeSystemAccounts);
  if (system && isLease(request)) {
    return { schema: 'system-leader-election', level: 'leader-election', distinguisher: name };
  }
  if (groups.includes('system:nodes')) return nodeFlow(request, name);
  if (system) {
    const schema = components ? name.slice('system:'.length) : 'kube-system-service-accounts';
    return { schema, level: 'workload-high', distinguisher: `${name} ${namespaceOf(request)}` };
  }
  if (groups.includes('system:serviceaccounts')) {
    return { schema: 'service-accounts', level: 'workload-low', distinguisher: name };
  }
  if (groups.includes('system:authenticated') || groups.includes('system:unauthenticated')) {
    return { schema: 'global-default', level: 'global-default', distinguisher: name };
  }
  return { schema: 'catch-all', level: 'catch-all', distinguisher: name };
}

function exempt(schema: string): Flow {
  return { schema, level: 'exempt', distinguisher: '' };
}

/** Heartbeats do not wait behind the other requests of nodes. */
function nodeFlow(request: ParsedRequest, name: string): Flow {
  const { group = '-', plural = '' } = request.type === 'resource' ? request.resource : {};
  const heartbeat =
    (group === '' && plural === 'nodes') ||
    (group === 'coordination.k8s.io' && plural === 'leases');
  return heartbeat
    ? { schema: 'system-node-high', level: 'node-high', distinguisher: name }
    : { schema: 'system-nodes', level: 'system', distinguisher: name };
}

function isLease(request: ParsedRequest): boolean {
  if (request.type === 'plain') return false;
  const { group, plural, verb } = request.resource;
  return group === 'coordination.k8s.io' && plural === 'leases' && leaseVerbs.has(verb);
}

function namespaceOf(request: ParsedRequest): string {
  return request.type === 'resource' ? request.resource.namespace : '';
}
