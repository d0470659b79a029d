// Times that clients write in other ways than the server: the Python client has offsets, JavaScript milliseconds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';

const base = '/api/v1/namespaces/default';

test('an object comes back with its times written with an offset', async () => {
  await using server = await TestServer.open();
  const { json: made } = await server.create(`${base}/configmaps`, { metadata: { name: 'm' } });
  const creationTimestamp = made.metadata.creationTimestamp.replace('Z', '+00:00');
  const annotations = { since: creationTimestamp };
  const body = { ...made, metadata: { ...made.metadata, creationTimestamp, annotations } };
  const { status, json: replaced } = await server.ask('PUT', `${base}/configmaps/m`, { body });
  assert.equal(status, 200);
  assert.equal(replaced.metadata.creationTimestamp, made.metadata.creationTimestamp);
  assert.deepEqual(replaced.metadata.annotations, { since: creationTimestamp });
});

for (const { name, sent, kept } of [
  { name: 'in UTC', sent: '2026-01-02T03:04:05.123456+02:00', kept: '2026-01-02T01:04:05.123456Z' },
  {
    name: 'with six digits',
    sent: '2026-01-02T3:04:05,123456Z',
    kept: '2026-01-02T03:04:05.123456Z',
  },
  { name: 'as it was', sent: '2026-01-02T03:04:05.000001Z', kept: '2026-01-02T03:04:05.000001Z' },
]) {
  test(`a time of microseconds is kept ${name}`, async () => {
    await using server = await TestServer.open();
    const { json } = await server.create('/apis/coordination.k8s.io/v1/namespaces/default/leases', {
      metadata: { name: 'l' },
      spec: { renewTime: sent },
    });
    assert.equal(json.spec.renewTime, kept);
  });
}

test('times within lists are kept in whole seconds', async () => {
  await using server = await TestServer.open();
  await server.create(`${base}/pods`, {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  });
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:04:05.9Z' };
  const { json } = await server.patch(`${base}/pods/p/status`, {
    status: { conditions: [condition] },
  });
  assert.equal(json.status.conditions.at(-1).lastTransitionTime, '2026-01-02T03:04:05Z');
});

const parsing = 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday"';
const patchType = 'application/merge-patch+json';
for (const { name, path, body, said } of [
  {
    name: 'metadata',
    path: `${base}/configmaps`,
    body: { metadata: { name: 'm', creationTimestamp: 'yesterday' } },
    said: `ConfigMap in version "v1" cannot be handled as a ConfigMap: ${parsing} as "2006"`,
  },
  {
    name: 'a spec',
    path: '/apis/coordination.k8s.io/v1/namespaces/default/leases',
    body: { metadata: { name: 'l' }, spec: { renewTime: '2026-01-02T03:04:05.123Z' } },
    said: 'Lease in version "v1" cannot be handled as a Lease: parsing time "2026-01-02T03:04:05.123Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse ".123Z" as ".000000"',
  },
  {
    name: 'a status, though another value is of a wrong type',
    path: `${base}/pods`,
    body: { spec: { hostNetwork: 1 }, status: { startTime: 'yesterday' } },
    said: `Pod in version "v1" cannot be handled as a Pod: ${parsing} as "2006"`,
  },
]) {
  test(`what is no time is refused in ${name}`, async () => {
    await using server = await TestServer.open();
    const { status, json } = await server.create(path, body);
    assert.deepEqual([status, json.message], [400, said]);
  });
}

test('what is no time is refused of patches', async () => {
  await using server = await TestServer.open();
  await server.create(`${base}/configmaps`, { metadata: { name: 'm' } });
  const { status, json } = await server.ask('PATCH', `${base}/configmaps/m`, {
    body: { metadata: { deletionTimestamp: 'yesterday' } },
    headers: { 'content-type': patchType },
  });
  assert.equal(status, 422);
  assert.ok(json.message.includes(`: ${parsing} as "2006"`), json.message);
});
