// What a DaemonSet does next, node by node, and its status. Rules: upstream's daemon controller and its update.

import type { DaemonSet, DaemonSetStatus, Node, Pod } from '@tweendeck/kube';
import { isAvailable, isFinished, isReady, nextAvailableInMs, timeMs } from '../pod/pod-state.ts';
import { nonZero } from '../replicaset/plan.ts';
import { nodeMatches, untolerated } from '../scheduler/node-match.ts';
import { daemonTolerations, isUpdated, nodeOf } from './daemon-pod.ts';

export interface DaemonSetObservation {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** Every pod it owns. */
  readonly pods: readonly Pod[];
  /** Of the present template. */
  readonly hash: string;
  readonly nowMs: number;
}

export interface DaemonDeletion {
  readonly pod: Pod;
  readonly why: 'failed' | 'succeeded' | 'surplus' | 'update' | 'misplaced';
}

export interface DaemonSetPlan {
  /** Names of nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly DaemonDeletion[];
  readonly status: DaemonSetStatus;
  readonly requeueAfterMs: number | undefined;
}

/** Creations or deletions of one pass. */
const burstMax = 250;

export function planDaemonSet(observed: DaemonSetObservation): DaemonSetPlan {
  const { set, nodes, pods, nowMs } = observed;
  // What was deleted and has ended only waits to be gone.
  const counting = pods.filter((pod) => !(isLeaving(pod) && isFinished(pod)));
  const placed = Map.groupBy(counting, nodeOf);
  const places = nodes.map((node): Place => {
    const own = placed.get(node.metadata.name) ?? [];
    return { node, pods: own.toSorted(byAge), ...runsOn(set, node) };
  });
  const settled = places.map((place) => settle(place, observed));
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  const homeless = pods
    .filter((pod) => !pod.spec.nodeName && !names.has(nodeOf(pod) ?? ''))
    .map((pod): DaemonDeletion => ({ pod, why: 'misplaced' }));
  const first = {
    create: settled.flatMap(({ create }) => create),
    remove: [...settled.flatMap(({ remove }) => remove), ...homeless],
  };
  // While nodes are being put right nothing is rolled: the next pass sees what came of it.
  const rests = first.create.length === 0 && first.remove.length === 0;
  const step = rests ? roll(places, observed) : first;
  return {
    create: step.create.slice(0, burstMax),
    remove: step.remove.slice(0, burstMax),
    status: statusOf(places, observed),
    requeueAfterMs: nextAvailableInMs(pods, set.spec.minReadySeconds ?? 0, nowMs),
  };
}

interface Place {
  readonly node: Node;
  /** Of this set, oldest first. */
  readonly pods: readonly Pod[];
  /** Whether it should get one. */
  readonly starts: boolean;
  /** Whether one that is there may stay. */
  readonly stays: boolean;
}

/** Which nodes have daemons: those that the template asks for and whose taints it tolerates. */
export function runsOn(
  { spec: { template } }: DaemonSet,
  node: Node,
): { readonly starts: boolean; readonly stays: boolean } {
  const never = { starts: false, stays: false };
  const { name } = node.metadata;
  const { nodeName } = template.spec ?? {};
  if (nodeName && nodeName !== name) return never;
  // Only what is asked of nodes is read.
  const pod = {
    spec: { containers: [], ...template.spec, tolerations: daemonTolerations(template.spec) },
  } as unknown as Pod;
  if (!nodeMatches(pod, node)) return never;
  if (untolerated(pod, node, ['NoExecute', 'NoSchedule']).length === 0) {
    return { starts: true, stays: true };
  }
  return { starts: false, stays: untolerated(pod, node, ['NoExecute']).length === 0 };
}

/** Bound pods before others, then the oldest. */
function byAge(left: Pod, right: Pod): number {
  const bound = (pod: Pod): number => (pod.spec.nodeName ? 0 : 1);
  const made = (pod: Pod): number => timeMs(pod.metadata.creationTimestamp) ?? 0;
  const order = bound(left) - bound(right) || made(left) - made(right);
  return order || (left.metadata.name < right.metadata.name ? -1 : 1);
}

interface Step {
  readonly create: readonly string[];
  readonly remove: readonly DaemonDeletion[];
}

const nothing: Step = { create: [], remove: [] };
const isLeaving = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** One pod on each node that should have one, none on others. */
function settle(place: Place, observed: DaemonSetObservation): Step {
  const { node, pods, starts, stays } = place;
  const create = [node.metadata.name];
  if (starts && pods.length === 0) return { ...nothing, create };
  const present = pods.filter((pod) => !isLeaving(pod));
  if (!stays) return { ...nothing, remove: present.map((pod) => ({ pod, why: 'misplaced' })) };
  const ended = present.flatMap((pod): readonly DaemonDeletion[] => {
    if (pod.status?.phase === 'Failed') return [{ pod, why: 'failed' }];
    return pod.status?.phase === 'Succeeded' ? [{ pod, why: 'succeeded' }] : [];
  });
  const running = present.filter((pod) => !ended.some((each) => each.pod === pod));
  if (surgeOf(observed.set, 1) === 0) {
    return { create: [], remove: [...ended, ...surplus(running.slice(1))] };
  }
  if (running.length === 0) return { create: starts ? create : [], remove: ended };
  return { create: [], remove: [...ended, ...surplus(outrun(running, observed))] };
}

function surplus(pods: readonly Pod[]): readonly DaemonDeletion[] {
  return pods.map((pod) => ({ pod, why: 'surplus' }));
}

/** With a surge an old and a new pod may share a node until the new one is available, or the old one is not ready. */
function outrun(
  running: readonly Pod[],
  { set, hash, nowMs }: DaemonSetObservation,
): readonly Pod[] {
  const [fresh, ...moreFresh] = running.filter((pod) => isUpdated(pod, set, hash));
  const [old, ...moreOld] = running.filter((pod) => !isUpdated(pod, set, hash));
  const extra = [...moreFresh, ...moreOld];
  if (!fresh || !old) return extra;
  const isOver = !isReady(old) || isAvailable(fresh, set.spec.minReadySeconds ?? 0, nowMs);
  return isOver ? [...extra, old] : extra;
}

/** A number, or a share of `count`, rounded up. */
function amountOf(value: number | string | undefined, count: number): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value ?? '0%');
  return Math.ceil((Number(match?.[1] ?? 0) * count) / 100);
}

function surgeOf({ spec: { updateStrategy } }: DaemonSet, count: number): number {
  if (updateStrategy?.type !== 'RollingUpdate') return 0;
  return amountOf(updateStrategy.rollingUpdate?.maxSurge, count);
}

function roll(places: readonly Place[], observed: DaemonSetObservation): Step {
  const { updateStrategy } = observed.set.spec;
  if (updateStrategy?.type !== 'RollingUpdate') return nothing;
  const desired = places.filter(({ starts }) => starts).length;
  const surge = surgeOf(observed.set, desired);
  if (surge > 0) return rollWithSurge(places, { observed, surge, desired });
  const unavailable = amountOf(updateStrategy.rollingUpdate?.maxUnavailable, desired);
  return rollInPlace(places, observed, Math.max(unavailable, surge === 0 ? 1 : 0));
}

interface Pair {
  readonly place: Place;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
}

/** The new and the old pod of every node that has any; undefined where there are several of a kind. */
function pairsOf(
  places: readonly Place[],
  { set, hash }: DaemonSetObservation,
): readonly (Pair | undefined)[] {
  return places
    .filter(({ pods }) => pods.length > 0)
    .map((place) => {
      const present = place.pods.filter((pod) => !isLeaving(pod));
      const [fresh, another] = present.filter((pod) => isUpdated(pod, set, hash));
      const [old, more] = present.filter((pod) => !isUpdated(pod, set, hash));
      return another || more ? undefined : { place, fresh, old };
    });
}

const update = (pod: Pod): DaemonDeletion => ({ pod, why: 'update' });

/** Deletes old pods, those that are not available first, and never more than may be missing at once. */
function rollInPlace(
  places: readonly Place[],
  observed: DaemonSetObservation,
  unavailableMax: number,
): Step {
  const available = availability(observed);
  const replaceable: Pod[] = [];
  const candidates: Pod[] = [];
  let missing = 0;
  for (const pair of pairsOf(places, observed)) {
    if (!pair || (pair.fresh === undefined) === (pair.old === undefined)) missing++;
    else if (pair.fresh) missing += available(pair.fresh) ? 0 : 1;
    else if (pair.old && available(pair.old)) candidates.push(pair.old);
    else if (pair.old) {
      replaceable.push(pair.old);
      missing++;
    }
  }
  const more = candidates.slice(0, Math.max(0, unavailableMax - missing));
  return { create: [], remove: [...replaceable, ...more].map(update) };
}

function availability({ set, nowMs }: DaemonSetObservation): (pod: Pod) => boolean {
  return (pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

/** Makes new pods beside old ones; an old one goes when the new one is available. */
function rollWithSurge(
  places: readonly Place[],
  {
    observed,
    surge,
    desired,
  }: { readonly observed: DaemonSetObservation; readonly surge: number; readonly desired: number },
): Step {
  const available = availability(observed);
  const [allowed, candidates]: [string[], string[]] = [[], []];
  const [over, misplaced]: [Pod[], Pod[]] = [[], []];
  let surging = 0;
  let availableCount = 0;
  for (const pair of pairsOf(places, observed)) {
    if (!pair) {
      surging++;
      continue;
    }
    const { fresh, old, place } = pair;
    const serving = old ?? fresh;
    if (serving && available(serving)) availableCount++;
    if (!old) continue;
    const { name } = place.node.metadata;
    if (fresh) {
      if (available(fresh)) over.push(old);
      else surging++;
    } else if (!available(old)) {
      if (place.starts) allowed.push(name);
      else over.push(old);
    } else if (place.starts) candidates.push(name);
    else misplaced.push(old);
  }
  const free = Math.max(0, availableCount - desired);
  return {
    create: [...allowed, ...candidates.slice(0, Math.max(0, surge - surging))],
    remove: [...over, ...misplaced.slice(0, free)].map(update),
  };
}

function statusOf(places: readonly Place[], observed: DaemonSetObservation): DaemonSetStatus {
  const { set, hash } = observed;
  const available = availability(observed);
  const wanted = places.filter(({ starts }) => starts);
  const first = wanted.flatMap(({ pods: [oldest] }) => (oldest ? [oldest] : []));
  const count = (holds: (pod: Pod) => boolean): number => first.filter(holds).length;
  const numberAvailable = count((pod) => isReady(pod) && available(pod));
  const misplaced = places.filter(({ starts, pods }) => !starts && pods.length > 0);
  const { collisionCount, conditions } = set.status ?? {};
  return {
    currentNumberScheduled: first.length,
    numberMisscheduled: misplaced.length,
    desiredNumberScheduled: wanted.length,
    numberReady: count(isReady),
    observedGeneration: set.metadata.generation ?? 0,
    ...nonZero({
      updatedNumberScheduled: count((pod) => isUpdated(pod, set, hash)),
      numberAvailable,
      numberUnavailable: wanted.length - numberAvailable,
    }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions ? { conditions } : {}),
  };
}
