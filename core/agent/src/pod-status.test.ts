import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState, ContainerStatus, Pod, PodSpec } from '@tweendeck/kube';
import { mergedConditions, type PodView, podStatusOf } from './pod-status.ts';
import { platformStopReason } from './restart.ts';

const creating: ContainerState = { waiting: { reason: 'ContainerCreating' } };
const running: ContainerState = { running: { startedAt: 't' } };
const ended = (exitCode: number, reason = 'Error'): ContainerState => ({
  terminated: { exitCode, reason },
});

function status(
  name: string,
  state: ContainerState,
  more: Partial<ContainerStatus> = {},
): ContainerStatus {
  const up = state.running !== undefined;
  return { name, image: '', imageID: '', restartCount: 0, ready: up, started: up, state, ...more };
}

function view(more: Partial<Omit<PodView, 'pod'>> & { readonly spec?: Partial<PodSpec> }): PodView {
  const { spec, ...rest } = more;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'a',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
      generation: 3,
    },
    spec: { containers: [{ name: 'app' }], ...spec },
  };
  return {
    pod,
    previous: undefined,
    init: [],
    containers: [status('app', running)],
    podIP: '127.73.5.1',
    hostIP: '127.0.0.1',
    startTime: 't0',
    failure: undefined,
    stopped: false,
    deleted: false,
    now: 't1',
    ...rest,
  };
}

const crashed = status('app', { waiting: { reason: 'CrashLoopBackOff' } }, { lastState: ended(1) });
const withInit = { initContainers: [{ name: 'one' }, { name: 'two' }] };
const withSidecar = { initContainers: [{ name: 'one', restartPolicy: 'Always' }] };
for (const { name, of, phase } of [
  { name: 'nothing has started', of: { containers: [status('app', creating)] }, phase: 'Pending' },
  { name: 'all run', of: {}, phase: 'Running' },
  {
    name: 'one of two has not started',
    of: { containers: [status('a', running), status('b', creating)] },
    phase: 'Pending',
  },
  { name: 'it waits to run again', of: { containers: [crashed] }, phase: 'Running' },
  {
    name: 'it ended and will run again',
    of: { containers: [status('app', ended(1))] },
    phase: 'Running',
  },
  {
    name: 'it ended well and stays so',
    of: { spec: { restartPolicy: 'Never' }, containers: [status('app', ended(0))] },
    phase: 'Succeeded',
  },
  {
    name: 'it failed and stays so',
    of: { spec: { restartPolicy: 'Never' }, containers: [status('app', ended(1))] },
    phase: 'Failed',
  },
  {
    name: 'one of two failed for good',
    of: {
      spec: { restartPolicy: 'Never' },
      containers: [status('a', ended(0)), status('b', ended(2))],
    },
    phase: 'Failed',
  },
  {
    name: 'one ended and one runs',
    of: {
      spec: { restartPolicy: 'Never' },
      containers: [status('a', ended(0)), status('b', running)],
    },
    phase: 'Running',
  },
  {
    name: 'it failed and is tried again',
    of: { spec: { restartPolicy: 'OnFailure' }, containers: [status('app', ended(1))] },
    phase: 'Running',
  },
  {
    name: 'it ended well under OnFailure',
    of: { spec: { restartPolicy: 'OnFailure' }, containers: [status('app', ended(0))] },
    phase: 'Succeeded',
  },
  {
    name: 'the platform stopped it under OnFailure',
    of: {
      spec: { restartPolicy: 'OnFailure' },
      containers: [status('app', ended(0, platformStopReason))],
    },
    phase: 'Running',
  },
  {
    name: 'the platform stopped it under Never',
    of: {
      spec: { restartPolicy: 'Never' },
      containers: [status('app', ended(0, platformStopReason))],
    },
    phase: 'Failed',
  },
  {
    name: 'init is not done',
    of: { spec: withInit, init: [status('one', ended(0)), status('two', running)] },
    phase: 'Pending',
  },
  {
    name: 'init failed for good',
    of: {
      spec: { ...withInit, restartPolicy: 'Never' },
      init: [status('one', ended(1)), status('two', creating)],
    },
    phase: 'Failed',
  },
  {
    name: 'init failed and is tried again',
    of: { spec: withInit, init: [status('one', ended(1)), status('two', creating)] },
    phase: 'Pending',
  },
  {
    name: 'a sidecar runs beside',
    of: { spec: withSidecar, init: [status('one', running)] },
    phase: 'Running',
  },
  {
    name: 'a sidecar has not started',
    of: { spec: withSidecar, init: [status('one', running, { started: false })] },
    phase: 'Pending',
  },
  { name: 'it was evicted', of: { failure: { reason: 'Evicted', message: 'm' } }, phase: 'Failed' },
  {
    name: 'it is deleted and ended well',
    of: { deleted: true, containers: [status('app', ended(0))] },
    phase: 'Succeeded',
  },
  {
    name: 'it is deleted and was killed',
    of: { deleted: true, containers: [status('app', ended(137))] },
    phase: 'Failed',
  },
] as readonly { name: string; of: Parameters<typeof view>[0]; phase: string }[]) {
  test(`a pod is ${phase} when ${name}`, () => assert.equal(podStatusOf(view(of)).phase, phase));
}

for (const { name, of, want } of [
  {
    name: 'ready',
    of: {},
    want: {
      Initialized: 'True',
      ContainersReady: 'True',
      Ready: 'True',
      PodReadyToStartContainers: 'True',
    },
  },
  {
    name: 'unready',
    of: { containers: [status('app', running, { ready: false })] },
    want: { ContainersReady: 'False ContainersNotReady', Ready: 'False ContainersNotReady' },
  },
  {
    name: 'initializing',
    of: {
      spec: withInit,
      init: [status('one', ended(0)), status('two', running)],
      containers: [status('app', creating)],
    },
    want: { Initialized: 'False ContainersNotInitialized' },
  },
  {
    name: 'completed',
    of: { spec: { restartPolicy: 'Never' }, containers: [status('app', ended(0))] },
    want: { Initialized: 'True PodCompleted', Ready: 'False PodCompleted' },
  },
  {
    name: 'failed',
    of: { failure: { reason: 'Evicted', message: '' } },
    want: { Ready: 'False PodFailed' },
  },
  {
    name: 'held by a gate',
    of: { spec: { readinessGates: [{ conditionType: 'x/y' }] } },
    want: { ContainersReady: 'True', Ready: 'False ReadinessGatesNotReady' },
  },
  {
    name: 'let through by its gate',
    of: {
      spec: { readinessGates: [{ conditionType: 'x/y' }] },
      previous: { conditions: [{ type: 'x/y', status: 'True' }] },
    },
    want: { Ready: 'True', 'x/y': 'True' },
  },
  {
    name: 'without an address',
    of: { podIP: undefined },
    want: { PodReadyToStartContainers: 'False' },
  },
] as readonly { name: string; of: Parameters<typeof view>[0]; want: Record<string, string> }[]) {
  test(`the conditions of a pod that is ${name}`, () => {
    const found = podStatusOf(view(of)).conditions ?? [];
    for (const [type, text] of Object.entries(want)) {
      const condition = found.find((one) => one.type === type);
      assert.equal([condition?.status, condition?.reason].filter(Boolean).join(' '), text, type);
    }
  });
}

test('a condition keeps its transition time until its status turns', () => {
  const previous = [
    { type: 'Ready', status: 'False', reason: 'A', lastTransitionTime: 't0' },
    { type: 'Other', status: 'True' },
  ];
  const same = mergedConditions(previous, [{ type: 'Ready', status: 'False', reason: 'B' }], 't1');
  assert.deepEqual(same, [
    { type: 'Ready', status: 'False', reason: 'B', lastTransitionTime: 't0' },
    previous[1],
  ]);
  const turned = mergedConditions(previous, [{ type: 'Ready', status: 'True' }], 't1');
  assert.deepEqual(turned[0], { type: 'Ready', status: 'True', lastTransitionTime: 't1' });
});

test('a status says where the pod is and which generation it is of', () => {
  const { podIP, podIPs, hostIP, startTime, observedGeneration } = podStatusOf(view({}));
  assert.deepEqual(
    { podIP, podIPs, hostIP, startTime, observedGeneration },
    {
      podIP: '127.73.5.1',
      podIPs: [{ ip: '127.73.5.1' }],
      hostIP: '127.0.0.1',
      startTime: 't0',
      observedGeneration: 3,
    },
  );
});
