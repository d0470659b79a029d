import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft } from '../draft.ts';
import { TestServer } from '../testing/test-server.ts';
import { statusWord } from './pod-columns.ts';
import { durationText } from './table.ts';

for (const [seconds, want] of [
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [190, '3m10s'],
  [11 * 60, '11m'],
  [179 * 60, '179m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 60, '3h1m'],
  [9 * 3600, '9h'],
  [49 * 3600, '2d1h'],
  [9 * 86400, '9d'],
  [800 * 86400, '2y70d'],
  [-5, '<invalid>'],
] as const) {
  test(`an age of ${seconds} seconds reads ${want}`, () => {
    assert.equal(durationText(seconds * 1_000), want);
  });
}

const waiting = (reason: string) => ({ name: 'c', state: { waiting: { reason } } });
const ended = (exitCode: number) => ({ name: 'c', state: { terminated: { exitCode } } });
const running = { name: 'c', ready: true, state: { running: {} } };

for (const { name, pod, want } of [
  { name: 'a new pod', pod: { status: { phase: 'Pending' } }, want: 'Pending' },
  {
    name: 'a waiting container',
    pod: { status: { phase: 'Pending', containerStatuses: [waiting('ImagePullBackOff')] } },
    want: 'ImagePullBackOff',
  },
  {
    name: 'a running pod',
    pod: { status: { phase: 'Running', containerStatuses: [running] } },
    want: 'Running',
  },
  {
    name: 'a container that ended badly',
    pod: { status: { phase: 'Running', containerStatuses: [ended(3)] } },
    want: 'ExitCode:3',
  },
  {
    name: 'a pod that is initialised',
    pod: {
      spec: { initContainers: [{ name: 'c' }, { name: 'd' }] },
      status: { phase: 'Pending', initContainerStatuses: [ended(0), waiting('PodInitializing')] },
    },
    want: 'Init:1/2',
  },
  {
    name: 'a pod that is ending',
    pod: {
      metadata: { deletionTimestamp: 'x' },
      status: { phase: 'Running', containerStatuses: [running] },
    },
    want: 'Terminating',
  },
]) {
  test(`the status of ${name} reads ${want}`, () => {
    const draft: Draft = { apiVersion: 'v1', kind: 'Pod', metadata: {}, ...pod };
    assert.equal(statusWord(draft), want);
  });
}

test('there is no table of an answer to a question', async () => {
  await using server = await TestServer.open();
  const ask = (accept: string) =>
    server.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      body: { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } },
      headers: { accept },
    });
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  assert.equal((await ask(table)).status, 406);
  assert.equal((await ask(`${table},application/json`)).json.status.allowed, true);
});
