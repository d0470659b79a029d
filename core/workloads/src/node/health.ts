// Whether a node still reports, judged by when its reports were seen to change here, never by comparing two machines' clocks.
// Rules and texts: upstream's node lifecycle controller.

import type { Lease, Node, NodeCondition } from '@tweendeck/kube';
import { withCondition } from '../owner/conditions.ts';

/** How long a node may be silent. */
export interface Patience {
  /** One that has reported before. */
  readonly monitorGraceMs: number;
  /** One that has not said yet how it is. */
  readonly startupGraceMs: number;
}

/** What was last seen of a node's reports. */
export interface Heartbeat {
  /** Changes with every report. */
  readonly mark: string;
  /** Monotonic, when it was first seen like this. */
  readonly seenMs: number;
}

/** Takes note of a report, from the node's lease or its status. */
export function heardFrom(
  node: Node,
  lease: Lease | undefined,
  before: Heartbeat | undefined,
  monotonicMs: number,
): Heartbeat {
  const ready = readyOf(node);
  const own = ready?.status === 'Unknown' ? '' : (ready?.lastHeartbeatTime ?? '');
  const mark = `${lease?.spec.renewTime ?? ''} ${own}`;
  return before?.mark === mark ? before : { mark, seenMs: monotonicMs };
}

export function readyOf(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready');
}

export interface HealthPlan {
  /** The conditions to write; undefined: as they are. */
  readonly conditions: readonly NodeCondition[] | undefined;
  /** When silence would begin to matter; undefined: it does already. */
  readonly leftMs: number | undefined;
}

const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** A silent node's conditions become Unknown; it is the node itself that makes them anything else again. */
export function planHealth(
  node: Node,
  heartbeat: Heartbeat,
  {
    patience,
    monotonicMs,
    now,
  }: {
    readonly patience: Patience;
    readonly monotonicMs: number;
    readonly now: string;
  },
): HealthPlan {
  const graceMs = readyOf(node) ? patience.monitorGraceMs : patience.startupGraceMs;
  const leftMs = heartbeat.seenMs + graceMs - monotonicMs;
  if (leftMs > 0) return { conditions: undefined, leftMs };
  const before = node.status?.conditions ?? [];
  const conditions = watched.reduce<readonly NodeCondition[]>((all, type) => {
    const known = before.find((condition) => condition.type === type);
    if (known?.status === 'Unknown') return all;
    const heard = known?.lastHeartbeatTime ?? node.metadata.creationTimestamp;
    return withCondition(all, {
      ...(heard ? { lastHeartbeatTime: heard } : {}),
      type,
      status: 'Unknown',
      reason: known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
      lastTransitionTime: now,
    });
  }, before);
  return { conditions: conditions === before ? undefined : conditions, leftMs: undefined };
}
