// What the node says of itself. Pure.

import type { NodeCondition, NodeStatus, NodeSystemInfo } from '@tweendeck/kube';

/** What the node offers to pods. */
export interface NodeCapacity {
  /** Cores; may be a fraction. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly pods: number;
}

export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIP: string;
  /** Where the API server reaches the agent; 0: not by the network. */
  readonly port: number;
  readonly capacity: NodeCapacity;
  readonly storageBytes: number;
  readonly info: NodeSystemInfo;
  readonly memoryAvailableBytes: number;
  readonly storageAvailableBytes: number;
  readonly limits: { readonly enforced: boolean; readonly explanation: string };
  /** False while the platform is stopping. */
  readonly running: boolean;
}

const memoryLowBytes = 100 * 1_024 * 1_024;
const storageLowBytes = 1_024 * 1_024 * 1_024;

/** Quantities as a kubelet writes them. */
export function resourcesOf(
  facts: Pick<NodeFacts, 'capacity' | 'storageBytes'>,
): Readonly<Record<string, string>> {
  const { cpu, memoryBytes, pods } = facts.capacity;
  return {
    cpu: Number.isInteger(cpu) ? String(cpu) : `${Math.floor(cpu * 1_000)}m`,
    memory: `${Math.floor(memoryBytes / 1_024)}Ki`,
    'ephemeral-storage': `${Math.floor(facts.storageBytes / 1_024)}Ki`,
    pods: String(pods),
  };
}

/** The whole status; a condition's transition time moves only with its status. `now` is RFC 3339. */
export function nodeStatusOf(
  facts: NodeFacts,
  previous: NodeStatus | undefined,
  now: string,
): NodeStatus {
  const resources = resourcesOf(facts);
  return {
    addresses: [
      { type: 'InternalIP', address: facts.hostIP },
      { type: 'Hostname', address: facts.nodeName },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: conditionsOf(facts).map((condition) => {
      const before = previous?.conditions?.find(({ type }) => type === condition.type);
      const same = before?.status === condition.status ? before.lastTransitionTime : undefined;
      return { ...condition, lastHeartbeatTime: now, lastTransitionTime: same ?? now };
    }),
    nodeInfo: facts.info,
    daemonEndpoints: { kubeletEndpoint: { Port: facts.port } },
  };
}

function conditionsOf(facts: NodeFacts): readonly NodeCondition[] {
  const memoryLow = facts.memoryAvailableBytes < memoryLowBytes;
  const storageLow = facts.storageAvailableBytes < storageLowBytes;
  const { enforced, explanation } = facts.limits;
  return [
    {
      type: 'MemoryPressure',
      status: memoryLow ? 'True' : 'False',
      reason: memoryLow ? 'KubeletHasInsufficientMemory' : 'KubeletHasSufficientMemory',
      message: memoryLow ? 'less than 100Mi of memory are free' : 'there is enough memory',
    },
    {
      type: 'DiskPressure',
      status: storageLow ? 'True' : 'False',
      reason: storageLow ? 'KubeletHasDiskPressure' : 'KubeletHasNoDiskPressure',
      message: storageLow ? 'less than 1Gi of disk is free' : 'there is enough disk',
    },
    {
      type: 'PIDPressure',
      status: 'False',
      reason: 'KubeletHasSufficientPID',
      message: 'there are enough process ids',
    },
    {
      type: 'ResourceLimitsEnforced',
      status: enforced ? 'True' : 'False',
      reason: enforced ? 'Cgroups' : 'NoCgroups',
      message: explanation,
    },
    {
      type: 'Ready',
      status: facts.running ? 'True' : 'False',
      reason: facts.running ? 'KubeletReady' : 'KubeletNotReady',
      message: facts.running ? 'the agent runs pods' : 'the platform is stopped',
    },
  ];
}
