// Which node a pod goes to, or why to none. Filters, their order and their texts are those of kube-scheduler's usual plugins.

import type { Node, PersistentVolumeClaim, Pod } from '@tweendeck/kube';
import type { ClusterView, NodeRoom } from './cluster.ts';
import { namedNodes, nodeMatches, untolerated } from './node-match.ts';
import { peersOf, type SelectorView } from './peers.ts';
import { type AffinityCheck, checkAffinity } from './pod-affinity.ts';
import type { NamespaceLabels } from './pod-matcher.ts';
import {
  type Amounts,
  type HostPort,
  hostPortsOf,
  portsConflict,
  requestsOf,
  usualRequestsOf,
} from './requests.ts';
import { totalScores } from './scores.ts';
import { checkSpread } from './topology-spread.ts';
import { checkVolumes, type StorageView, type VolumeCheck } from './volume-check.ts';

export type SchedulingPlan =
  | {
      readonly fits: true;
      readonly nodeName: string;
      /** Claims that have to get their volume on this node before the pod can be bound to it. */
      readonly waiting: readonly PersistentVolumeClaim[];
    }
  /** `0/1 nodes are available: 1 Insufficient memory.` */
  | { readonly fits: false; readonly message: string };

export interface SchedulingTools {
  readonly namespaceLabels: NamespaceLabels;
  readonly storage: StorageView;
  readonly selectors: SelectorView;
  /** Uniform integer in [0, bound); decides between equals. */
  readonly integer: (bound: number) => number;
}

export function planScheduling(
  pod: Pod,
  cluster: ClusterView,
  tools: SchedulingTools,
): SchedulingPlan {
  const { nodeCount } = cluster;
  if (nodeCount === 0) return { fits: false, message: 'no nodes available to schedule pods' };
  const refuse = (texts: readonly string[], evictable: readonly string[]): SchedulingPlan => {
    const none = `0/${nodeCount} nodes are available:`;
    const tail = preemptionText(pod, { none, nodeCount, evictable, cluster });
    return { fits: false, message: `${none} ${texts.toSorted().join(', ')}.${tail}` };
  };
  const named = namedNodes(pod);
  if (named?.size === 0) return refuse(['pod affinity terms conflict'], []);
  const volumes = checkVolumes(pod, tools.storage, (claim) => cluster.isClaimUsed(claim));
  if (volumes.hindrance !== undefined) return refuse([volumes.hindrance], []);
  const asked = questionOf(pod, cluster, { volumes, ...tools });
  const rooms = named
    ? [...named].flatMap((name) => cluster.room(name) ?? [])
    : [...cluster.rooms()];
  const feasible: NodeRoom[] = [];
  const reasons = new Map<string, number>();
  const evictable: string[] = [];
  if (rooms.length < nodeCount) {
    reasons.set("node(s) didn't satisfy plugin(s) [NodeAffinity]", nodeCount - rooms.length);
  }
  for (const room of rooms) {
    const problems = problemsOf(room, asked);
    if (problems.length === 0) feasible.push(room);
    else if (!problems.some((problem) => isLasting(problem, room, asked))) {
      evictable.push(room.node.metadata.name);
    }
    for (const problem of problems) reasons.set(problem, (reasons.get(problem) ?? 0) + 1);
  }
  if (feasible.length === 0) {
    const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`);
    return refuse(texts, evictable);
  }
  const { name } = best(feasible, { asked, cluster, tools }).node.metadata;
  return { fits: true, nodeName: name, waiting: volumes.waiting };
}

/**
 * What upstream adds of preemption, as far as it is true of a scheduler that has none: nothing is said where it would have
 * evicted somebody.
 *
 * @param evictable nodes that would do with fewer pods
 */
function preemptionText(
  { spec }: Pod,
  {
    none,
    nodeCount,
    evictable,
    cluster,
  }: {
    readonly none: string;
    readonly nodeCount: number;
    readonly evictable: readonly string[];
    readonly cluster: ClusterView;
  },
): string {
  const begin = ' no new claims to deallocate, preemption:';
  if (spec.preemptionPolicy === 'Never') {
    return `${begin} not eligible due to preemptionPolicy=Never.`;
  }
  if (evictable.some((name) => cluster.hasLesserPod(name, spec.priority ?? 0))) return '';
  const unhelpful = nodeCount - evictable.length;
  const texts = [
    ...(evictable.length > 0
      ? [`${evictable.length} No preemption victims found for incoming pod`]
      : []),
    ...(unhelpful > 0 ? [`${unhelpful} Preemption is not helpful for scheduling`] : []),
  ];
  return `${begin} ${none} ${texts.toSorted().join(', ')}.`;
}

/** Problems that fewer pods on the node would mend. */
const passing: ReadonlySet<string> = new Set([
  "node(s) didn't have free ports for the requested pod ports",
  "node(s) didn't match pod topology spread constraints",
  "node(s) didn't match pod anti-affinity rules",
  "node(s) didn't satisfy existing pods anti-affinity rules",
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  'Too many pods',
]);

function isLasting(problem: string, { allocatable }: NodeRoom, { requests }: Question): boolean {
  if (passing.has(problem)) return false;
  if (!problem.startsWith('Insufficient ')) return true;
  const name = problem.slice('Insufficient '.length);
  return (requests[name] ?? 0) > (allocatable[name] ?? 0);
}

interface Question {
  readonly pod: Pod;
  readonly requests: Amounts;
  readonly ports: readonly HostPort[];
  readonly volumes: VolumeCheck;
  readonly spread: ((node: Node) => string | undefined) | undefined;
  readonly affinity: AffinityCheck;
}

function questionOf(
  pod: Pod,
  cluster: ClusterView,
  {
    volumes,
    namespaceLabels,
  }: Pick<SchedulingTools, 'namespaceLabels'> & { readonly volumes: VolumeCheck },
): Question {
  return {
    pod,
    requests: requestsOf(pod),
    ports: hostPortsOf(pod),
    volumes,
    spread: checkSpread(pod, cluster),
    affinity: checkAffinity(pod, cluster, namespaceLabels),
  };
}

/** What the first filter says that the node does not pass; only resources are all named. */
function problemsOf(room: NodeRoom, asked: Question): readonly string[] {
  const { pod, requests, ports, volumes, affinity, spread } = asked;
  const { node } = room;
  if (node.spec?.unschedulable && !toleratesUnschedulable(pod)) {
    return ['node(s) were unschedulable'];
  }
  if (untolerated(pod, node, ['NoSchedule', 'NoExecute']).length > 0) {
    return ['node(s) had untolerated taint(s)'];
  }
  if (!nodeMatches(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (ports.some((port) => room.ports.some((taken) => portsConflict(port, taken)))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  const shortages = shortagesOf(room, requests);
  if (shortages.length > 0) return shortages;
  const problem = volumes.problem(node) ?? spread?.(node) ?? affinity.problem(node);
  return problem === undefined ? [] : [problem];
}

function toleratesUnschedulable(pod: Pod): boolean {
  const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const; // the literal is the effect
  const cordoned = { spec: { taints: [taint] } };
  return untolerated(pod, cordoned, ['NoSchedule']).length === 0;
}

function shortagesOf(room: NodeRoom, requests: Amounts): readonly string[] {
  const shortages: string[] = [];
  if (room.podCount + 1 > (room.allocatable['pods'] ?? 0)) shortages.push('Too many pods');
  for (const name in requests) {
    const amount = requests[name] ?? 0;
    const free = (room.allocatable[name] ?? 0) - (room.requested[name] ?? 0);
    if (amount > 0 && amount > free) shortages.push(`Insufficient ${name}`);
  }
  return shortages;
}

function best(
  rooms: readonly NodeRoom[],
  {
    asked,
    cluster,
    tools,
  }: {
    readonly asked: Question;
    readonly cluster: ClusterView;
    readonly tools: SchedulingTools;
  },
): NodeRoom {
  const [only] = rooms;
  if (only && rooms.length === 1) return only;
  const totals = totalScores(rooms, {
    pod: asked.pod,
    requests: asked.requests,
    usual: usualRequestsOf(asked.pod),
    affinity: asked.affinity.score,
    view: cluster,
    peers: () => peersOf(asked.pod, tools.selectors),
  });
  const most = Math.max(...totals);
  const winners = rooms.filter((_, at) => totals[at] === most);
  return winners[tools.integer(winners.length)] ?? (rooms[0] as NodeRoom); // there is at least one room, and one total is the largest
}
