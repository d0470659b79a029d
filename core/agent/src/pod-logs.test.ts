import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from '@tweendeck/kube';
import { restoredRun } from './container-runner.ts';
import { chosenContainer, runNumber } from './pod-logs.ts';
import { parseStat } from './proc.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [{ name: 'one' }, { name: 'two' }], initContainers: [{ name: 'init' }] },
};
const single: Pod = { ...pod, spec: { containers: [{ name: 'one' }] } };
const base = { name: 'one', image: '', imageID: '', ready: false, restartCount: 2 };
const ended = { terminated: { exitCode: 1 } };

test('a container is chosen by name, or because it is the only one', () => {
  assert.equal(chosenContainer(single, undefined), 'one');
  assert.equal(chosenContainer(pod, 'init'), 'init');
  assert.throws(() => chosenContainer(pod, 'x'), {
    code: 400,
    message: 'container x is not valid for pod p',
  });
  assert.throws(() => chosenContainer(pod, undefined), {
    message: 'a container name must be specified for pod p, choose one of: [init one two]',
  });
});

for (const { name, status, previous = false, want } of [
  { name: 'the run that goes on', status: { state: { running: {} } }, want: 2 },
  { name: 'the run that ended', status: { state: ended }, want: 2 },
  {
    name: 'the last run while it waits',
    status: { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended },
    want: 2,
  },
  {
    name: 'the run before',
    status: { state: { running: {} }, lastState: ended },
    previous: true,
    want: 1,
  },
  {
    name: 'the run before, while it waits',
    status: { state: { waiting: {} }, lastState: ended },
    previous: true,
    want: 2,
  },
  {
    name: 'no run before',
    status: { state: { running: {} } },
    previous: true,
    want: 'previous terminated container "one" in pod "p" not found',
  },
  {
    name: 'no run yet',
    status: { state: { waiting: { reason: 'ContainerCreating' } } },
    want: 'container "one" in pod "p" is waiting to start: ContainerCreating',
  },
  {
    name: 'no program yet',
    status: { state: { waiting: { reason: 'ErrImagePull' } } },
    want: 'container "one" in pod "p" is waiting to start: image can\'t be pulled',
  },
  {
    name: 'no program',
    status: { state: { waiting: { reason: 'ImagePullBackOff' } } },
    want: 'container "one" in pod "p" is waiting to start: trying and failing to pull image',
  },
  { name: 'no status', status: undefined, want: 'container "one" in pod "p" is not available' },
] as readonly {
  name: string;
  status: Partial<ContainerStatus> | undefined;
  previous?: boolean;
  want: number | string;
}[]) {
  test(`the log of ${name}`, () => {
    const asked = { container: 'one', status: status && { ...base, ...status }, previous };
    if (typeof want === 'number') assert.equal(runNumber(pod, asked), want);
    else
      assert.throws(() => runNumber(pod, asked), {
        code: 400,
        reason: 'BadRequest',
        message: want,
      });
  });
}

for (const { name, previous, want } of [
  {
    name: 'begins anew',
    previous: undefined,
    want: { state: undefined, restartCount: 0, ranBefore: false },
  },
  {
    name: 'that ran has ended',
    previous: { state: { running: { startedAt: 's' } } },
    want: { state: 137, restartCount: 2, ranBefore: true },
  },
  {
    name: 'that had ended stays so',
    previous: { state: ended },
    want: { state: 1, restartCount: 2, ranBefore: true },
  },
  {
    name: 'that waited to run again runs again',
    previous: { state: { waiting: {} }, lastState: ended },
    want: { state: undefined, restartCount: 2, ranBefore: true },
  },
  {
    name: 'that never ran begins',
    previous: { state: { waiting: {} }, restartCount: 0 },
    want: { state: undefined, restartCount: 0, ranBefore: false },
  },
] as readonly {
  name: string;
  previous: Partial<ContainerStatus> | undefined;
  want: Record<string, unknown>;
}[]) {
  test(`at the start of the platform a container ${name}`, () => {
    const { state, restartCount, ranBefore } = restoredRun(
      previous && { ...base, ...previous },
      'now',
    );
    assert.deepEqual({ state: state?.terminated?.exitCode, restartCount, ranBefore }, want);
  });
}

test('a process is read whatever its name', () => {
  const stat = '42 (a) b (c) S 1 40 40 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2';
  assert.deepEqual(parseStat(stat), { pid: 42, startTime: '987654', group: 40, zombie: false });
  assert.equal(parseStat('nonsense'), undefined);
});
