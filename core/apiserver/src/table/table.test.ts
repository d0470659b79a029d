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

const told = { reason: 'Full', type: 'Warning', message: 'no room' };
const acted = {
  ...told,
  eventTime: '2025-12-31T23:59:00.000000Z',
  action: 'Placing',
  reportingComponent: 'planner',
  reportingInstance: 'planner-machine',
};

for (const { name, event, want } of [
  {
    name: 'an event of old',
    event: {
      ...told,
      source: { component: 'kubelet', host: 'node' },
      reportingComponent: 'kubelet',
      reportingInstance: 'other',
      firstTimestamp: '2025-12-31T23:58:00Z',
      lastTimestamp: '2025-12-31T23:59:30Z',
      count: 3,
    },
    want: ['30s', 'kubelet, node', '2m', 3],
  },
  {
    name: 'an event with an action',
    event: acted,
    want: ['60s', 'planner, planner-machine', '60s', 1],
  },
  {
    name: 'a series',
    event: { ...acted, series: { count: 2, lastObservedTime: '2025-12-31T23:59:59.000000Z' } },
    want: ['1s', 'planner, planner-machine', '60s', 2],
  },
]) {
  test(`the row of ${name} tells when, who and how often`, async () => {
    await using server = await TestServer.open();
    const events = '/api/v1/namespaces/default/events';
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
    const made = await server.create(events, { metadata: { name: 'e' }, involvedObject, ...event });
    assert.equal(made.status, 201, made.text);
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const { json } = await server.ask('GET', events, { headers });
    const names: readonly string[] = json.columnDefinitions.map(
      (column: { name: string }) => column.name,
    );
    const wanted = ['Last Seen', 'Source', 'First Seen', 'Count'];
    const cells = wanted.map((column) => json.rows[0].cells[names.indexOf(column)]);
    assert.deepEqual(cells, want);
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
