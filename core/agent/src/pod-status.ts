// The status of a pod from the states of its containers: phase and conditions with the kubelet's meaning. Pure.

import type { ContainerStatus, Pod, PodCondition, PodSpec, PodStatus } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { platformStopReason, restartsAfter } from './restart.ts';

export interface PodView {
  readonly pod: Pod;
  /** The status written before, whose transition times and foreign conditions are kept. */
  readonly previous: PodStatus | undefined;
  /** In the order of the spec; every container has one. */
  readonly init: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  /** Undefined until the pod has its address and directories. */
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: string;
  /** Set when the pod as a whole was ended: evicted, past its deadline. */
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
  /** Set while nothing runs because the platform is stopping. */
  readonly stopped: boolean;
  /** The pod is being deleted: what has ended does not run again. */
  readonly deleted: boolean;
  /** RFC 3339, for conditions that change now. */
  readonly now: string;
}

/** The whole status; fields that are undefined are left out. */
export function podStatusOf(view: PodView): PodStatus {
  const { pod, previous, podIP } = view;
  const phase = phaseOf(view);
  const generation = pod.metadata.generation;
  return {
    phase,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(view.failure ?? {}),
    conditions: mergedConditions(previous?.conditions ?? [], conditionsOf(view, phase), view.now),
    hostIP: view.hostIP,
    hostIPs: [{ ip: view.hostIP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: view.startTime,
    ...(view.init.length > 0 ? { initContainerStatuses: view.init } : {}),
    containerStatuses: view.containers,
    ...(previous?.qosClass ? { qosClass: previous.qosClass } : {}),
  };
}

type Phase = NonNullable<PodStatus['phase']>;

/** An init container with restart policy Always: it runs beside the containers. */
export function isSidecar(container: PodSpec['containers'][number]): boolean {
  return container.restartPolicy === 'Always';
}

/** The phase that the container states amount to. */
function phaseOf(
  view: Pick<PodView, 'pod' | 'init' | 'containers' | 'failure' | 'deleted'>,
): Phase {
  if (view.failure) return 'Failed';
  const policy = view.pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Never' && failedInit(view)) return 'Failed';
  if (incompleteInit(view).length > 0) return 'Pending';
  const states = view.containers.map((status) => stateWord(status));
  if (states.includes('waiting')) return 'Pending';
  if (states.includes('running')) return 'Running';
  if (policy === 'Always' && !view.deleted) return 'Running';
  const ends = view.containers.map(
    ({ state, lastState }) => state?.terminated ?? lastState?.terminated,
  );
  const more = ends.some((end) => end === undefined || restartsAfter(policy, end));
  if (more && !view.deleted) return 'Running';
  const failed = ends.some((end) => end?.exitCode !== 0 || end.reason === platformStopReason);
  return failed ? 'Failed' : 'Succeeded';
}

function stateWord(status: ContainerStatus): 'running' | 'waiting' | 'stopped' {
  if (status.state?.running) return 'running';
  return status.state?.terminated || status.lastState?.terminated ? 'stopped' : 'waiting';
}

function failedInit(view: Pick<PodView, 'pod' | 'init'>): boolean {
  return view.init.some((status, index) => {
    const container = view.pod.spec.initContainers?.[index];
    const end = status.state?.terminated;
    return container && !isSidecar(container) && end !== undefined && end.exitCode !== 0;
  });
}

/** Names of init containers that have not done their part: ended well, or started if they stay. */
function incompleteInit(view: Pick<PodView, 'pod' | 'init'>): readonly string[] {
  return view.init.flatMap((status, index) => {
    const container = view.pod.spec.initContainers?.[index];
    const done =
      container && isSidecar(container)
        ? status.started === true
        : status.state?.terminated?.exitCode === 0;
    return done ? [] : [status.name];
  });
}

type NewCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf(view: PodView, phase: Phase): readonly NewCondition[] {
  const containersReady = readiness(view, phase);
  return [
    { type: 'PodReadyToStartContainers', status: view.podIP && !view.stopped ? 'True' : 'False' },
    initialized(view, phase),
    { type: 'Ready', ...podReadiness(view, containersReady) },
    { type: 'ContainersReady', ...containersReady },
    { type: 'PodScheduled', status: 'True' },
  ];
}

function initialized(view: PodView, phase: Phase): NewCondition {
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' };
  const missing = incompleteInit(view);
  if (missing.length === 0) return { type: 'Initialized', status: 'True' };
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${missing.join(' ')}]`,
  };
}

function readiness(view: PodView, phase: Phase): Omit<NewCondition, 'type'> {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = view.init.filter((_, index) => {
    const container = view.pod.spec.initContainers?.[index];
    return container !== undefined && isSidecar(container);
  });
  const unready = [...sidecars, ...view.containers].filter(({ ready }) => !ready);
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.map(({ name }) => name).join(' ')}]`,
  };
}

function podReadiness(
  view: PodView,
  containersReady: Omit<NewCondition, 'type'>,
): Omit<NewCondition, 'type'> {
  if (containersReady.status !== 'True') return containersReady;
  const closed = (view.pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) =>
      view.previous?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (closed.length === 0) return { status: 'True' };
  const first = closed.map(
    ({ conditionType }) =>
      `the status of pod readiness gate "${conditionType}" is not "True", but False`,
  );
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: first.join(', ') };
}

/** Ours over the previous ones; a transition time moves only with its status. Conditions of others stay. */
export function mergedConditions(
  previous: readonly PodCondition[],
  own: readonly NewCondition[],
  now: string,
): readonly PodCondition[] {
  const merged = own.map((condition): PodCondition => {
    const before = previous.find(({ type }) => type === condition.type);
    const same = before?.status === condition.status && before.lastTransitionTime;
    return dropUndefined({ ...condition, lastTransitionTime: same || now });
  });
  const foreign = previous.filter(({ type }) => !own.some((condition) => condition.type === type));
  return [...merged, ...foreign];
}

function dropUndefined(condition: PodCondition): PodCondition {
  // Only undefined properties go, so the type stays true.
  return Object.fromEntries(
    Object.entries(condition).filter(([, value]) => value !== undefined),
  ) as unknown as PodCondition;
}

/** Whether writing `next` over `previous` would change anything. */
export function sameStatus(previous: PodStatus | undefined, next: PodStatus): boolean {
  return previous !== undefined && jsonEqual(previous, next);
}
