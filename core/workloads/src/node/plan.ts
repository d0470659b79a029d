// Whether a node still reports, judged by when its reports were seen to change here, never by comparing two machines' clocks.

import type { Lease, Node, NodeCondition } from '@tweendeck/kube';
import { withCondition } from '../owner/conditions.ts';

/** What was last seen of a node's reports. */
export interface Heartbeat {
  /** Changes with every report. */
  readonly mark: string;
  /** Monotonic, when it was first seen like this. */
  readonly seenMs: number;
}

/** A node is unknown when it has not reported for this long. */
export const graceMs = 40_000;

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

function readyOf(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready');
}

export interface NodePlan {
  /** The conditions to write; undefined: as they are. */
  readonly conditions: readonly NodeCondition[] | undefined;
  /** When to look again. */
  readonly requeueAfterMs: number;
}

const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** A silent node's conditions become Unknown; it is the node itself that makes them anything else again. */
export function planNode(
  node: Node,
  heartbeat: Heartbeat,
  { monotonicMs, now }: { readonly monotonicMs: number; readonly now: string },
): NodePlan {
  const silentMs = monotonicMs - heartbeat.seenMs;
  if (silentMs < graceMs) return { conditions: undefined, requeueAfterMs: graceMs - silentMs };
  const before = node.status?.conditions ?? [];
  const conditions = watched.reduce<readonly NodeCondition[]>((all, type) => {
    const known = before.find((condition) => condition.type === type);
    if (known?.status === 'Unknown' || (!known && type !== 'Ready')) return all;
    return withCondition(all, {
      ...(known?.lastHeartbeatTime ? { lastHeartbeatTime: known.lastHeartbeatTime } : {}),
      type,
      status: 'Unknown',
      reason: known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
      lastTransitionTime: now,
    });
  }, before);
  return { conditions: conditions === before ? undefined : conditions, requeueAfterMs: graceMs };
}
