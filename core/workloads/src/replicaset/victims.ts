// Which pods go first when there are too many. Ranking: upstream's ActivePodsWithRanks, with logarithmic age.

import type { Pod } from '@tweendeck/kube';
import { isReady, readySinceMs, timeMs } from '../pod/pod-state.ts';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseRanks: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** `pods` with the first to be deleted in front. `crowding` tells how many related pods share the pod's node. */
export function rankVictims(
  pods: readonly Pod[],
  crowding: (pod: Pod) => number,
  nowMs: number,
): readonly Pod[] {
  const questions: readonly ((left: Pod, right: Pod) => number)[] = [
    by((pod) => (pod.spec.nodeName ? 1 : 0)),
    by((pod) => phaseRanks[pod.status?.phase ?? 'Pending'] ?? 0),
    by((pod) => (isReady(pod) ? 1 : 0)),
    by(deletionCost),
    by((pod) => -crowding(pod)),
    (left, right) => compareAge(readyIf(left, right), readySinceMs, left, right, nowMs),
    by((pod) => -restarts(pod)),
    (left, right) => compareAge(true, createdMs, left, right, nowMs),
  ];
  return pods.toSorted((left, right) => {
    for (const question of questions) {
      const order = question(left, right);
      if (order !== 0) return order;
    }
    return 0;
  });
}

function by(measure: (pod: Pod) => number): (left: Pod, right: Pod) => number {
  return (left, right) => measure(left) - measure(right);
}

function readyIf(left: Pod, right: Pod): boolean {
  return isReady(left) && isReady(right);
}

function createdMs(pod: Pod): number | undefined {
  return timeMs(pod.metadata.creationTimestamp);
}

/** The younger first, compared by the logarithm of age so that pods of like age fall in any order (by uid). */
function compareAge(
  applies: boolean,
  stampOf: (pod: Pod) => number | undefined,
  left: Pod,
  right: Pod,
  nowMs: number,
): number {
  if (!applies) return 0;
  const [leftMs, rightMs] = [stampOf(left), stampOf(right)];
  if (leftMs === rightMs) return 0;
  if (leftMs === undefined) return -1;
  if (rightMs === undefined) return 1;
  const difference = ageRank(nowMs - leftMs) - ageRank(nowMs - rightMs);
  if (difference !== 0) return difference;
  return left.metadata.uid < right.metadata.uid ? -1 : 1;
}

/** Powers of two of nanoseconds, as upstream counts; the present and the future are -1. */
function ageRank(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1e6));
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation] ?? '0';
  return /^-?[0-9]{1,10}$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((each) => each.restartCount));
}
