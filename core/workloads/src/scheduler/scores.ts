// Which of the nodes that will do is best for a pod. Scores and their weights: kube-scheduler's usual plugins.

import type { LabelSelector, Node, Pod } from '@tweendeck/kube';
import type { NodeRoom } from './cluster.ts';
import { termMatches, untolerated } from './node-match.ts';
import type { AffinityCheck } from './pod-affinity.ts';
import type { Amounts } from './requests.ts';
import { type SpreadView, scoreSpread } from './topology-spread.ts';

/** What a pod is weighed by. */
export interface ScoreQuestion {
  readonly pod: Pod;
  readonly requests: Amounts;
  /** With something for containers that ask for nothing. */
  readonly usual: Amounts;
  readonly affinity: AffinityCheck['score'];
  readonly view: SpreadView;
  readonly peers: () => LabelSelector | undefined;
}

const weights = {
  taints: 3,
  nodeAffinity: 2,
  podAffinity: 2,
  spread: 2,
  room: 1,
  balance: 1,
} as const;

/** Larger is better; in the order of the rooms. */
export function totalScores(rooms: readonly NodeRoom[], asked: ScoreQuestion): readonly number[] {
  const { pod, affinity, view, peers } = asked;
  const nodes = rooms.map(({ node }) => node);
  const taints = nodes.map((node) => untolerated(pod, node, ['PreferNoSchedule']).length);
  const liked = nodes.map((node) => preference(pod, node));
  const parts: readonly (readonly [number, readonly number[] | undefined])[] = [
    [weights.taints, shares(taints).map((share) => 100 - share)],
    [weights.nodeAffinity, shares(liked)],
    [weights.podAffinity, affinity && stretched(nodes.map(affinity))],
    [weights.spread, scoreSpread(pod, nodes, { view, peers })],
    [weights.room, rooms.map((room) => roomScore(room, asked.usual))],
    [weights.balance, balances(rooms, asked.requests)],
  ];
  return rooms.map((_, at) =>
    parts.reduce((total, [weight, scores]) => total + weight * (scores?.[at] ?? 0), 0),
  );
}

/** In hundredths of the largest. */
function shares(scores: readonly number[]): readonly number[] {
  const most = Math.max(...scores);
  return most === 0 ? scores : scores.map((score) => Math.floor((100 * score) / most));
}

/** The largest becomes 100, the smallest 0; all 0 when they are equal. */
function stretched(scores: readonly number[]): readonly number[] {
  const least = Math.min(...scores);
  const range = Math.max(...scores) - least;
  return scores.map((score) => (range === 0 ? 0 : Math.floor((100 * (score - least)) / range)));
}

function preference(pod: Pod, node: Node): number {
  const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  return (terms ?? [])
    .filter(({ preference: term }) => termMatches(term, node))
    .reduce((total, { weight }) => total + weight, 0);
}

const weighed = ['cpu', 'memory'] as const;

/** 100 for an empty node, 0 for a full one: the mean over processor and memory. */
function roomScore(room: NodeRoom, usual: Amounts): number {
  let total = 0;
  let count = 0;
  for (const name of weighed) {
    const size = room.allocatable[name] ?? 0;
    if (size === 0) continue;
    count++;
    const taken = (room.usual[name] ?? 0) + (usual[name] ?? 0);
    total += Math.max(0, Math.floor((100 * (size - taken)) / size));
  }
  return count === 0 ? 0 : Math.floor(total / count);
}

/** 100 where processor and memory would be taken alike. Pods that ask for neither do not care. */
function balances(rooms: readonly NodeRoom[], requests: Amounts): readonly number[] | undefined {
  if (weighed.every((name) => !requests[name])) return undefined;
  return rooms.map((room) => {
    const fractions = weighed.flatMap((name) => {
      const size = room.allocatable[name] ?? 0;
      const taken = (room.requested[name] ?? 0) + (requests[name] ?? 0);
      return size === 0 ? [] : [Math.min(1, taken / size)];
    });
    const [first = 0, second = first] = fractions;
    return Math.floor((1 - Math.abs(first - second) / 2) * 100);
  });
}
