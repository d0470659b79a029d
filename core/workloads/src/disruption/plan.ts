// How many pods of a budget may go now. Rules: upstream's disruption controller.

import type {
  Condition,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '@tweendeck/kube';
import { isReady, timeMs } from '../pod/pod-state.ts';

/** A pod that was to be evicted counts as going for this long; then it is taken to stay. */
const evictionMs = 120_000;

export interface BudgetObservation {
  readonly budget: PodDisruptionBudget;
  /** Every pod that it selects. */
  readonly pods: readonly Pod[];
  /** How many pods their controllers want, all together; undefined where one of them is not known. */
  readonly scale: number | undefined;
  /** Names of pods without a controller. */
  readonly unmanaged: readonly string[];
  readonly nowMs: number;
  /** The present as a timestamp. */
  readonly now: string;
}

interface BudgetEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus;
  readonly events: readonly BudgetEvent[];
  /** Pods that should be gone and are not. */
  readonly notDeleted: readonly Pod[];
  readonly requeueAfterMs: number | undefined;
}

export function planBudget(observed: BudgetObservation): BudgetPlan {
  const { budget, pods, nowMs } = observed;
  const going = goingPods(observed);
  const events: BudgetEvent[] = [];
  if (pods.length === 0) {
    events.push({ type: 'Normal', reason: 'NoPods', message: 'No matching pods found' });
  }
  const needed = neededOf(observed);
  if (!needed)
    return { ...withoutScale(budget, observed.now), notDeleted: [], requeueAfterMs: undefined };
  if (needed.usesScale && observed.unmanaged.length > 0) events.push(unmanagedEvent(budget));
  const currentHealthy = pods.filter(
    (pod) => isReady(pod) && !pod.metadata.deletionTimestamp && !going.names.has(pod.metadata.name),
  ).length;
  const spare = Math.max(0, currentHealthy - needed.desiredHealthy);
  const disruptionsAllowed = needed.expectedPods > 0 ? spare : 0;
  const disruptedPods = Object.fromEntries(
    Object.entries(budget.status?.disruptedPods ?? {}).filter(([name]) => going.names.has(name)),
  );
  const observedGeneration = budget.metadata.generation ?? 0;
  const ends = Object.values(disruptedPods).map((since) => (timeMs(since) ?? 0) + evictionMs);
  return {
    status: {
      observedGeneration,
      ...(going.names.size > 0 ? { disruptedPods } : {}),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy: needed.desiredHealthy,
      expectedPods: needed.expectedPods,
      conditions: withAllowed(budget.status?.conditions, {
        status: disruptionsAllowed > 0 ? 'True' : 'False',
        reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration,
        lastTransitionTime: observed.now,
      }),
    },
    events,
    notDeleted: going.overdue,
    requeueAfterMs: ends.length === 0 ? undefined : Math.max(0, Math.min(...ends) - nowMs),
  };
}

/** Pods that an eviction announced and that have not begun to go. */
function goingPods({ budget, pods, nowMs }: BudgetObservation): {
  readonly names: ReadonlySet<string>;
  readonly overdue: readonly Pod[];
} {
  const announced = budget.status?.disruptedPods ?? {};
  const names = new Set<string>();
  const overdue: Pod[] = [];
  for (const pod of pods) {
    const since = timeMs(announced[pod.metadata.name]);
    if (since === undefined || pod.metadata.deletionTimestamp) continue;
    if (since + evictionMs < nowMs) overdue.push(pod);
    else names.add(pod.metadata.name);
  }
  return { names, overdue };
}

interface Needed {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  readonly usesScale: boolean;
}

function neededOf({ budget, pods, scale }: BudgetObservation): Needed | undefined {
  const { maxUnavailable, minAvailable } = budget.spec ?? {};
  if (maxUnavailable === undefined && typeof minAvailable !== 'string') {
    if (minAvailable === undefined) {
      return { expectedPods: 0, desiredHealthy: 0, usesScale: false };
    }
    return { expectedPods: pods.length, desiredHealthy: minAvailable, usesScale: false };
  }
  if (scale === undefined) return undefined;
  const desiredHealthy =
    maxUnavailable === undefined
      ? shareOf(minAvailable, scale)
      : Math.max(0, scale - shareOf(maxUnavailable, scale));
  return { expectedPods: scale, desiredHealthy, usesScale: true };
}

/** A number, or a share of `count`, rounded up. */
function shareOf(value: number | string | undefined, count: number): number {
  if (typeof value !== 'string') return value ?? 0;
  return Math.ceil((Number.parseInt(value, 10) * count) / 100);
}

function unmanagedEvent({ spec }: PodDisruptionBudget): BudgetEvent {
  const selector = JSON.stringify(spec?.selector ?? null);
  const message = `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
  return { type: 'Warning', reason: 'UnmanagedPods', message };
}

/** What cannot be worked out must not let pods go. */
function withoutScale(
  { status }: PodDisruptionBudget,
  now: string,
): Pick<BudgetPlan, 'status' | 'events'> {
  const why = 'found no controllers for some of the pods';
  const message = `Failed to calculate the number of expected pods: ${why}`;
  return {
    status: {
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
      ...status,
      disruptionsAllowed: 0,
      conditions: withAllowed(status?.conditions, {
        status: 'False',
        reason: 'SyncFailed',
        message: why,
        observedGeneration: status?.observedGeneration ?? 0,
        lastTransitionTime: now,
      }),
    },
    events: [{ type: 'Warning', reason: 'CalculateExpectedPodCountFailed', message }],
  };
}

function withAllowed(
  conditions: readonly Condition[] = [],
  next: Omit<Condition, 'type'>,
): readonly Condition[] {
  const type = 'DisruptionAllowed';
  const before = conditions.find((each) => each.type === type);
  const same = before?.status === next.status ? before.lastTransitionTime : undefined;
  const made = { type, ...next, ...(same ? { lastTransitionTime: same } : {}) };
  const rest = conditions.filter((each) => each !== before);
  return [...rest, made];
}
