import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from './testing/test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const pod = (name: string) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'x' }] },
});

async function withPod(options: { readonly bound: boolean }): Promise<TestServer> {
  const server = await TestServer.open();
  await server.create(pods, pod('p'));
  if (options.bound) {
    await server.create(`${pods}/p/binding`, { metadata: { name: 'p' }, target: { name: 'n' } });
  }
  return server;
}

test('an object without finalizers is gone at once, and the answer says what it was', async () => {
  await using server = await TestServer.open();
  const { json: made } = await server.create(maps, { metadata: { name: 'a' } });
  const { status, json } = await server.ask('DELETE', `${maps}/a`);
  assert.deepEqual(
    [status, json.status, json.details],
    [200, 'Success', { name: 'a', kind: 'configmaps', uid: made.metadata.uid }],
  );
  assert.equal((await server.get(`${maps}/a`)).status, 404);
});

test('what is shown as deleted has the version of its leaving, the last change of what goes with it the one before', async () => {
  await using server = await TestServer.open();
  const services = '/api/v1/namespaces/default/services';
  const { json: made } = await server.create(services, {
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }] },
  });
  const { json: deleted } = await server.ask('DELETE', `${services}/s`);
  const { resourceVersion } = made.metadata;
  assert.deepEqual(deleted, {
    ...made,
    metadata: { ...made.metadata, resourceVersion: `${Number(resourceVersion) + 1}` },
  });
  await server.create(maps, { metadata: { name: 'a', finalizers: ['x/y'] } });
  const { json: held } = await server.ask('DELETE', `${maps}/a`);
  const { json: last } = await server.patch(`${maps}/a`, { metadata: { finalizers: null } });
  assert.equal(last.metadata.resourceVersion, held.metadata.resourceVersion);
});

test('finalizers hold a deleted object until the last is gone, and no new one may come', async () => {
  await using server = await TestServer.open();
  await server.create(maps, { metadata: { name: 'a', finalizers: ['x/y'] } });
  const { json } = await server.ask('DELETE', `${maps}/a`);
  assert.equal(json.metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
  const { status, json: refused } = await server.patch(`${maps}/a`, {
    metadata: { finalizers: ['x/y', 'x/z'] },
  });
  assert.equal(status, 422);
  assert.match(refused.message, /no new finalizers can be added if the object is being deleted/);
  await server.patch(`${maps}/a`, { metadata: { finalizers: null } });
  assert.equal((await server.get(`${maps}/a`)).status, 404);
});

for (const { policy, finalizers, status } of [
  { policy: 'Orphan', finalizers: ['orphan'], status: 200 },
  { policy: 'Foreground', finalizers: ['foregroundDeletion'], status: 200 },
  { policy: 'Background', finalizers: undefined, status: 200 },
]) {
  test(`propagation ${policy} leaves the finalizers ${finalizers ?? 'none'}`, async () => {
    await using server = await TestServer.open();
    await server.create(maps, { metadata: { name: 'a' } });
    const body = { kind: 'DeleteOptions', propagationPolicy: policy };
    const answer = await server.ask('DELETE', `${maps}/a`, { body });
    assert.equal(answer.status, status);
    const { json } = await server.get(`${maps}/a`);
    assert.deepEqual(json.metadata?.finalizers, finalizers);
  });
}

test('the update that takes the last finalizer away is the removal, in one step', async () => {
  await using server = await TestServer.open();
  await server.create(maps, { metadata: { name: 'a', finalizers: ['x/y'] } });
  const { json: ending } = await server.ask('DELETE', `${maps}/a`);
  const { resourceVersion } = ending.metadata;
  const watch = await server.watch(`${maps}?watch=1&resourceVersion=${resourceVersion}`);
  const dry = await server.patch(`${maps}/a?dryRun=All`, { metadata: { finalizers: null } });
  assert.equal(dry.json.metadata.resourceVersion, resourceVersion);
  await server.patch(`${maps}/a`, { metadata: { finalizers: null } });
  assert.deepEqual(await watch.shorts(1), [`DELETED a@${Number(resourceVersion) + 1}`]);
  await watch.close();
});

test('options may stand in the query', async () => {
  await using server = await TestServer.open();
  await server.create(maps, { metadata: { name: 'a' } });
  const { json } = await server.ask('DELETE', `${maps}/a?propagationPolicy=Orphan`);
  assert.deepEqual(json.metadata.finalizers, ['orphan']);
});

test('a pod without a node is gone at once', async () => {
  await using server = await withPod({ bound: false });
  const { json } = await server.ask('DELETE', `${pods}/p`);
  const { deletionTimestamp, deletionGracePeriodSeconds } = json.metadata;
  assert.deepEqual([deletionTimestamp, deletionGracePeriodSeconds], ['2026-01-01T00:00:00Z', 0]);
  assert.equal((await server.get(`${pods}/p`)).status, 404);
});

test('a pod with a node gets its grace, which may be shortened, until somebody ends it', async () => {
  await using server = await withPod({ bound: true });
  const { json: first } = await server.ask('DELETE', `${pods}/p`);
  assert.deepEqual(
    [first.metadata.deletionTimestamp, first.metadata.deletionGracePeriodSeconds],
    ['2026-01-01T00:00:30Z', 30],
  );
  const { json: longer } = await server.ask('DELETE', `${pods}/p`, {
    body: { gracePeriodSeconds: 60 },
  });
  assert.equal(longer.metadata.deletionGracePeriodSeconds, 30);
  const { json: shorter } = await server.ask('DELETE', `${pods}/p`, {
    body: { gracePeriodSeconds: 5 },
  });
  assert.deepEqual(
    [shorter.metadata.deletionTimestamp, shorter.metadata.deletionGracePeriodSeconds],
    ['2026-01-01T00:00:05Z', 5],
  );
  const last = await server.ask('DELETE', `${pods}/p`, { body: { gracePeriodSeconds: 0 } });
  assert.equal(
    last.json.metadata.deletionGracePeriodSeconds,
    0,
    'watchers are told that it is not to wait',
  );
  assert.equal((await server.get(`${pods}/p`)).status, 404);
});

test('a collection delete takes what a selector matches', async () => {
  await using server = await TestServer.open();
  for (const [name, labels] of [
    ['a', { x: '1' }],
    ['b', {}],
  ]) {
    await server.create(maps, { metadata: { name, labels } });
  }
  const { json } = await server.ask('DELETE', `${maps}?labelSelector=x`);
  assert.equal(json.items.length, 1);
  const { json: left } = await server.get(maps);
  assert.deepEqual(
    left.items.map((each: { metadata: { name: string } }) => each.metadata.name),
    ['b'],
  );
});

test('a namespace ends when its finalizers are taken away', async () => {
  await using server = await TestServer.open();
  await server.create('/api/v1/namespaces', { metadata: { name: 'n' } });
  const { json: ending } = await server.ask('DELETE', '/api/v1/namespaces/n');
  assert.deepEqual([ending.status.phase, ending.spec.finalizers], ['Terminating', ['kubernetes']]);
  await server.patch('/api/v1/namespaces/n', { spec: { finalizers: [] } });
  assert.equal((await server.get('/api/v1/namespaces/n')).json.spec.finalizers.length, 1);
  await server.ask('PUT', '/api/v1/namespaces/n/finalize', {
    body: { metadata: { name: 'n' }, spec: { finalizers: [] } },
  });
  assert.equal((await server.get('/api/v1/namespaces/n')).status, 404);
});
