// Bindings, told to a pod or to a namespace: what they do, and why they are refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from './testing/test-server.ts';

const base = '/api/v1/namespaces/default';
const target = { kind: 'Node', name: 'n' };
const metadata = { name: 'p' };

async function withPod(): Promise<TestServer> {
  const server = await TestServer.open();
  const spec = { containers: [{ name: 'c', image: 'x' }] };
  await server.create(`${base}/pods`, { metadata, spec });
  return server;
}

for (const { name, path } of [
  { name: 'a pod', path: `${base}/pods/p/binding` },
  { name: 'a namespace', path: `${base}/bindings` },
]) {
  test(`a binding told to ${name} gives the pod its node`, async () => {
    await using server = await withPod();
    const note = { ...metadata, annotations: { a: 'b' } };
    const { status, json } = await server.create(path, { metadata: note, target });
    assert.deepEqual([status, json.status, json.code], [201, 'Success', 201]);
    const { json: pod } = await server.get(`${base}/pods/p`);
    assert.equal(pod.spec.nodeName, 'n');
    assert.deepEqual(pod.metadata.annotations, { a: 'b' });
    const again = await server.create(path, { metadata, target });
    assert.deepEqual([again.status, again.json.details.kind], [409, 'pods/binding']);
  });

  for (const { why, body, code, message } of [
    {
      why: 'no node',
      body: { metadata },
      code: 500,
      message: 'target.name: Required value',
    },
    {
      why: 'no node, but something else',
      body: { metadata, target: { kind: 'Rack' } },
      code: 500,
      message:
        '[target.kind: Unsupported value: "Rack": supported values: "Node", "<empty>", target.name: Required value]',
    },
    {
      why: 'another namespace',
      body: { metadata: { ...metadata, namespace: 'x' }, target },
      code: 400,
      message:
        'the namespace of the provided object does not match the namespace sent on the request',
    },
    {
      why: 'an old state of the pod',
      body: { metadata: { ...metadata, resourceVersion: '1' }, target },
      code: 409,
      message: /Code: 4, Key: \/registry\/pods\/default\/p, .*ResourceVersion in precondition: 1, /,
    },
  ]) {
    test(`a binding told to ${name} is refused for ${why}`, async () => {
      await using server = await withPod();
      const { status, json } = await server.create(path, body);
      assert.equal(status, code, json.message);
      if (typeof message === 'string') assert.equal(json.message, message);
      else assert.match(json.message, message);
      assert.equal((await server.get(`${base}/pods/p`)).json.spec.nodeName, undefined);
    });
  }
}

test('only a binding told to a pod says which one of that name', async () => {
  await using server = await withPod();
  const other = { metadata: { ...metadata, uid: 'other' }, target };
  const refused = await server.create(`${base}/pods/p/binding`, other);
  assert.equal(refused.status, 409);
  assert.match(refused.json.message, /UID in precondition: other, UID in object meta: /);
  assert.equal((await server.create(`${base}/bindings`, other)).status, 201);
});

test('a binding told to a pod names it', async () => {
  await using server = await withPod();
  const refused = await server.create(`${base}/pods/p/binding`, { target });
  assert.equal(refused.status, 400);
  assert.equal(refused.json.message, 'name in URL does not match name in Binding object');
});

test('bindings are discovered, and only made', async () => {
  await using server = await withPod();
  const { json } = await server.get('/api/v1');
  const found = json.resources.find((each: { name: string }) => each.name === 'bindings');
  assert.deepEqual(found, {
    ...{ name: 'bindings', singularName: 'binding', namespaced: true },
    ...{ kind: 'Binding', verbs: ['create'] },
  });
  assert.equal((await server.get(`${base}/bindings`)).status, 405);
  const missing = await server.create('/api/v1/namespaces/absent/bindings', { metadata, target });
  assert.equal(missing.json.message, 'namespaces "absent" not found');
  assert.equal((await server.get('/api/v1/bindings')).json.reason, 'NotFound');
});

test('what is warned of is told with a failure, too', async () => {
  await using server = await withPod();
  const odd = { metadata: { name: 'absent' }, target, nonsense: 1 };
  const { status, headers } = await server.create(`${base}/bindings`, odd);
  assert.deepEqual([status, headers['warning']], [404, '299 - "unknown field \\"nonsense\\""']);
});
