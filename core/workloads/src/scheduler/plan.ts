// Which node a pod goes to, or why to none. Filters, scores and texts are those of kube-scheduler's usual plugins.

import type { Node, PersistentVolumeClaim, Pod } from '@tweendeck/kube';
import type { ClusterView, NodeRoom } from './cluster.ts';
import { nodeMatches, termMatches, untolerated } from './node-match.ts';
import {
  type AffinityCheck,
  affinitiesOf,
  checkAffinity,
  type NamespaceLabels,
} from './pod-affinity.ts';
import {
  type Amounts,
  type HostPort,
  hostPortsOf,
  plus,
  portsConflict,
  requestsOf,
  usualRequestsOf,
} from './requests.ts';
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
  /** Uniform integer in [0, bound); decides between equals. */
  readonly integer: (bound: number) => number;
}

export function planScheduling(
  pod: Pod,
  cluster: ClusterView,
  { namespaceLabels, storage, integer }: SchedulingTools,
): SchedulingPlan {
  const rooms = cluster.rooms();
  if (rooms.length === 0) return { fits: false, message: 'no nodes available to schedule pods' };
  const volumes = checkVolumes(pod, storage);
  if (volumes.hindrance !== undefined) {
    return { fits: false, message: messageOf(rooms.length, [volumes.hindrance]) };
  }
  const own = affinitiesOf(pod);
  const hasTerms = own.near.length + own.far.length + own.preferred.length > 0;
  const affinity = checkAffinity(pod, cluster.placed(hasTerms ? 'all' : 'choosy'), namespaceLabels);
  const requests = requestsOf(pod);
  const asked: Asked = { pod, requests, ports: hostPortsOf(pod), volumes, affinity };
  const feasible: NodeRoom[] = [];
  const reasons = new Map<string, number>();
  for (const room of rooms) {
    const problems = problemsOf(room, asked);
    if (problems.length === 0) feasible.push(room);
    for (const problem of problems) reasons.set(problem, (reasons.get(problem) ?? 0) + 1);
  }
  if (feasible.length === 0) {
    const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`);
    return { fits: false, message: messageOf(rooms.length, texts) };
  }
  const { name } = best(feasible, asked, integer).node.metadata;
  return { fits: true, nodeName: name, waiting: volumes.waiting };
}

interface Asked {
  readonly pod: Pod;
  readonly requests: Amounts;
  readonly ports: readonly HostPort[];
  readonly volumes: VolumeCheck;
  readonly affinity: AffinityCheck;
}

function messageOf(nodeCount: number, texts: readonly string[]): string {
  return `0/${nodeCount} nodes are available: ${texts.toSorted().join(', ')}.`;
}

/** The first kind of problem found; only resources are all named. */
function problemsOf(room: NodeRoom, asked: Asked): readonly string[] {
  const { pod, requests, ports, volumes, affinity } = asked;
  const { node } = room;
  if (node.spec?.unschedulable && !toleratesUnschedulable(pod)) {
    return ['node(s) were unschedulable'];
  }
  if (!isReadyNode(node)) return ['node(s) were not ready'];
  const [taint] = untolerated(pod, node, ['NoSchedule', 'NoExecute']);
  if (taint) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  if (!nodeMatches(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (ports.some((port) => room.ports.some((taken) => portsConflict(port, taken)))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  const shortages = shortagesOf(room, requests);
  if (shortages.length > 0) return shortages;
  const problem = volumes.problem(node) ?? affinity.problem(node);
  return problem === undefined ? [] : [problem];
}

function toleratesUnschedulable(pod: Pod): boolean {
  const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const; // the literal is the effect
  const cordoned = { spec: { taints: [taint] } };
  return untolerated(pod, cordoned, ['NoSchedule']).length === 0;
}

/** A node that says nothing of itself yet is not ready. */
function isReadyNode(node: Node): boolean {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True';
}

function shortagesOf(room: NodeRoom, requests: Amounts): readonly string[] {
  const shortages: string[] = [];
  const podsMax = room.allocatable['pods'];
  if (podsMax !== undefined && room.podCount + 1 > podsMax) shortages.push('Too many pods');
  for (const [name, amount] of Object.entries(requests)) {
    const free = (room.allocatable[name] ?? 0) - (room.requested[name] ?? 0);
    if (amount > 0 && amount > free) shortages.push(`Insufficient ${name}`);
  }
  return shortages;
}

const weights = { taints: 3, nodeAffinity: 2, podAffinity: 2, room: 1 } as const;

function best(
  rooms: readonly NodeRoom[],
  asked: Asked,
  integer: SchedulingTools['integer'],
): NodeRoom {
  const [only] = rooms;
  if (only && rooms.length === 1) return only;
  const usual = usualRequestsOf(asked.pod);
  const taints = spread(rooms.map(({ node }) => -unwelcome(asked.pod, node)));
  const nodeAffinity = spread(
    rooms.map(({ node }) => preference(asked.pod, node)),
    { from: 0 },
  );
  const podAffinity = spread(rooms.map(({ node }) => asked.affinity.score(node)));
  const totals = rooms.map(
    (room, at) =>
      weights.taints * (taints[at] ?? 0) +
      weights.nodeAffinity * (nodeAffinity[at] ?? 0) +
      weights.podAffinity * (podAffinity[at] ?? 0) +
      weights.room * roomScore(room, usual),
  );
  const most = Math.max(...totals);
  const winners = rooms.filter((_, at) => totals[at] === most);
  return winners[integer(winners.length)] ?? (rooms[0] as NodeRoom); // there is at least one room, and one total is the largest
}

/** Brings scores to 0 to 100: the largest is 100, the smallest (or `from`) 0; all 0 when they are equal. */
function spread(scores: readonly number[], { from }: { readonly from?: number } = {}): number[] {
  const least = from ?? Math.min(...scores);
  const range = Math.max(...scores) - least;
  return scores.map((score) => (range === 0 ? 0 : Math.floor((100 * (score - least)) / range)));
}

function unwelcome(pod: Pod, node: Node): number {
  return untolerated(pod, node, ['PreferNoSchedule']).length;
}

function preference(pod: Pod, node: Node): number {
  const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  return (terms ?? [])
    .filter(({ preference: term }) => termMatches(term, node))
    .reduce((total, { weight }) => total + weight, 0);
}

/** 100 for an empty node, 0 for a full one: the mean over processor and memory. */
function roomScore(room: NodeRoom, usual: Amounts): number {
  const taken = plus(room.usual, usual);
  const shares = ['cpu', 'memory'].map((name) => {
    const size = room.allocatable[name] ?? 0;
    return size === 0 ? 0 : Math.max(0, 1 - (taken[name] ?? 0) / size);
  });
  return Math.floor((100 * shares.reduce((total, share) => total + share, 0)) / shares.length);
}
