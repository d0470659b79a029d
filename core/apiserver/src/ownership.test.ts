import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from './testing/test-server.ts';

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const applied = (spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec,
});
const template = {
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'c', image: 'x' }] },
};
const whole = applied({ replicas: 1, selector: { matchLabels: { a: 'b' } }, template });

test('apply makes what is missing, and the same again changes nothing', async () => {
  await using server = await TestServer.open();
  const first = await server.apply(`${deployments}/d?fieldManager=one`, whole);
  assert.equal(first.status, 201);
  await server.clock.advance(60_000);
  const second = await server.apply(`${deployments}/d?fieldManager=one`, whole);
  assert.deepEqual([second.status, second.json], [200, first.json]);
});

test('apply meets a conflict where another owns the field, unless it is forced', async () => {
  await using server = await TestServer.open();
  await server.apply(`${deployments}/d?fieldManager=one`, whole);
  await server.patch(`${deployments}/d/scale?fieldManager=two`, { spec: { replicas: 3 } });
  const refused = await server.apply(
    `${deployments}/d?fieldManager=three`,
    applied({ replicas: 2 }),
  );
  assert.deepEqual([refused.status, refused.json.reason], [409, 'Conflict']);
  assert.deepEqual(refused.json.details.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "two" with subresource "scale" using apps/v1',
      field: '.spec.replicas',
    },
  ]);
  const forced = await server.apply(
    `${deployments}/d?fieldManager=three&force=true`,
    applied({ replicas: 2 }),
  );
  assert.equal(forced.json.spec.replicas, 2);
  const owners = forced.json.metadata.managedFields.map(
    (entry: { manager: string }) => entry.manager,
  );
  assert.deepEqual(owners, ['one', 'three']);
});

test('apply takes away what its manager applied before and applies no more', async () => {
  await using server = await TestServer.open();
  const path = '/api/v1/namespaces/default/configmaps/c?fieldManager=one';
  const map = (data: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c' },
    data,
  });
  await server.apply(path, map({ a: '1', b: '2' }));
  const { json } = await server.apply(path, map({ b: '2' }));
  assert.deepEqual(json.data, { b: '2' });
});

test('apply needs a manager, and keeps to the uid it names', async () => {
  await using server = await TestServer.open();
  const nobody = await server.apply(`${deployments}/d`, whole);
  assert.equal(nobody.status, 422);
  assert.match(nobody.json.message, /fieldManager: Required value: is required for apply patch/);
  const other = { ...whole, metadata: { name: 'd', uid: 'gone' } };
  const refused = await server.apply(`${deployments}/d?fieldManager=one`, other);
  assert.equal(refused.status, 409);
  assert.match(refused.json.message, /and no existing object was found$/);
});

test('updates own what they set, by the name of the client’s program', async () => {
  await using server = await TestServer.open();
  const { json } = await server.ask('POST', '/api/v1/namespaces/default/configmaps', {
    body: { metadata: { name: 'c' }, data: { a: '1' } },
    headers: { 'user-agent': 'kubectl/v1.35' },
  });
  assert.deepEqual(json.metadata.managedFields, [
    {
      manager: 'kubectl',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
    },
  ]);
});

for (const { name, type, patch, want } of [
  {
    name: 'a merge patch',
    type: 'merge-patch+json',
    patch: { data: { a: null, b: '2' } },
    want: { b: '2' },
  },
  {
    name: 'a JSON patch',
    type: 'json-patch+json',
    patch: [{ op: 'add', path: '/data/b', value: '2' }],
    want: { a: '1', b: '2' },
  },
  {
    name: 'a strategic patch',
    type: 'strategic-merge-patch+json',
    patch: { data: { b: '2' } },
    want: { a: '1', b: '2' },
  },
]) {
  test(`${name} changes an object`, async () => {
    await using server = await TestServer.open();
    const path = '/api/v1/namespaces/default/configmaps';
    await server.create(path, { metadata: { name: 'c' }, data: { a: '1' } });
    const { status, json } = await server.patch(`${path}/c`, patch, type);
    assert.deepEqual([status, json.data], [200, want]);
  });
}

test('annotations of a deployment count, those written with its status do not', async () => {
  await using server = await TestServer.open();
  await server.create(deployments, whole);
  const noted = await server.patch(`${deployments}/d`, { metadata: { annotations: { a: 'b' } } });
  assert.equal(noted.json.metadata.generation, 2);
  const reported = await server.patch(`${deployments}/d/status`, {
    metadata: { annotations: { c: 'd' } },
  });
  assert.equal(reported.json.metadata.annotations.c, 'd');
  assert.equal(reported.json.metadata.generation, 2);
});

test('nobody owns fields that are null', async () => {
  await using server = await TestServer.open();
  const { json } = await server.create('/api/v1/namespaces/default/events', {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
  });
  assert.equal(json.eventTime, null);
  const [entry] = json.metadata.managedFields;
  assert.ok(!('f:eventTime' in entry.fieldsV1) && 'f:involvedObject' in entry.fieldsV1);
});

test('who binds a pod to a node owns nothing of it', async () => {
  await using server = await TestServer.open();
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { containers: [{ name: 'c', image: 'x' }] };
  await server.create(`${pods}?fieldManager=maker`, { metadata: { name: 'p' }, spec });
  const bound = await server.create(`${pods}/p/binding?fieldManager=scheduler`, {
    ...{ apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' } },
    target: { kind: 'Node', name: 'n' },
  });
  assert.equal(bound.status, 201, bound.text);
  const { json: pod } = await server.get(`${pods}/p`);
  assert.equal(pod.spec.nodeName, 'n');
  const owners = pod.metadata.managedFields.map((entry: { manager: string }) => entry.manager);
  assert.deepEqual(owners, ['maker']);
});

test('scale shows and sets the replicas of a workload', async () => {
  await using server = await TestServer.open();
  await server.create(deployments, whole);
  const { json } = await server.get(`${deployments}/d/scale`);
  assert.deepEqual(
    [json.kind, json.apiVersion, json.spec, json.status],
    ['Scale', 'autoscaling/v1', { replicas: 1 }, { replicas: 0, selector: 'a=b' }],
  );
  const put = await server.ask('PUT', `${deployments}/d/scale`, {
    body: { ...json, spec: { replicas: 5 } },
  });
  assert.equal(put.json.spec.replicas, 5);
  assert.equal((await server.get(`${deployments}/d`)).json.metadata.generation, 2);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const { json: table } = await server.ask('GET', `${deployments}/d/scale`, {
    headers: { accept },
  });
  assert.equal(table.kind, 'Table');
  const names = table.columnDefinitions.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['Name', 'Desired', 'Available', 'Age']);
  assert.equal(table.rows[0].cells[0], 'd');
  const none = await server.patch(`${deployments}/d/scale`, { spec: { replicas: 0 } });
  assert.deepEqual(none.json.spec, {}, 'a zero is left out');
  const bad = await server.patch(`${deployments}/d/scale`, { spec: { replicas: -1 } });
  assert.deepEqual([bad.status, bad.json.details.kind], [422, 'Scale']);
});

test('very many owners are looked through once', async () => {
  await using server = await TestServer.open();
  const path = '/api/v1/namespaces/default/configmaps';
  const ownerReferences = Array.from({ length: 20_000 }, (_, at) => ({
    ...{ apiVersion: 'v1', kind: 'Secret', name: `o${at}`, uid: '1' },
  }));
  const made = await server.create(path, { metadata: { name: 'c', ownerReferences } });
  assert.equal(made.json.metadata.ownerReferences.length, 20_000, made.text.slice(0, 300));
});

test('owners that are named twice are kept once, with a warning', async () => {
  await using server = await TestServer.open();
  const path = '/api/v1/namespaces/default/configmaps';
  const owner = { apiVersion: 'v1', kind: 'Secret', name: 'o', uid: '1' };
  const metadata = { name: 'c', ownerReferences: [owner, { ...owner, name: 'p' }, owner] };
  const made = await server.create(path, { metadata });
  assert.equal(made.json.metadata.ownerReferences.length, 2, made.text);
  assert.match(String(made.headers['warning']), /contains duplicate entries; .* observed: 1"$/);
  const patched = await server.patch(`${path}/c`, {
    metadata: { ownerReferences: [owner, owner] },
  });
  assert.equal(patched.json.metadata.ownerReferences.length, 1, patched.text);
  assert.match(String(patched.headers['warning']), /entries after mutating admission happens; /);
});

test('an owner that a patch names twice is named by who patched', async () => {
  await using server = await TestServer.open();
  const path = '/api/v1/namespaces/default/configmaps/c';
  const owner = { apiVersion: 'v1', kind: 'Secret', name: 'o', uid: '1' };
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', ownerReferences: [owner] },
  };
  await server.apply(`${path}?fieldManager=two`, map);
  const { json } = await server.patch(`${path}?fieldManager=one`, {
    metadata: { ownerReferences: [owner, owner] },
  });
  assert.deepEqual(json.metadata.ownerReferences, [owner]);
  assert.deepEqual(
    json.metadata.managedFields.map(({ manager }: { manager: string }) => manager),
    ['one'],
  );
});

test('a service that goes outside and comes back keeps its inner policy, and its owner, hidden meanwhile', async () => {
  await using server = await TestServer.open();
  const services = '/api/v1/namespaces/default/services';
  await server.create(`${services}?fieldManager=one`, {
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }], internalTrafficPolicy: 'Local' },
  });
  const patch = `${services}/s?fieldManager=two`;
  const outside = { type: 'ExternalName', externalName: 'example.com' };
  const gone = await server.patch(patch, { spec: outside });
  const read = await server.get(`${services}/s`);
  assert.deepEqual(read.json, gone.json);
  assert.ok(!('internalTrafficPolicy' in gone.json.spec), gone.text);
  const back = await server.patch(patch, { spec: { type: 'ClusterIP', externalName: null } });
  assert.equal(back.json.spec.internalTrafficPolicy, 'Local', back.text);
  const entries: readonly { manager: string; fieldsV1: object }[] =
    back.json.metadata.managedFields;
  const owners = entries.filter(({ fieldsV1 }) =>
    JSON.stringify(fieldsV1).includes('f:internalTrafficPolicy'),
  );
  assert.deepEqual(
    owners.map(({ manager }) => manager),
    ['one'],
  );
});
