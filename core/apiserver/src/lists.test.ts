import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryStore } from '@tweendeck/store';
import { TestServer } from './testing/test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const names = (list: { items: { metadata: { name: string } }[] }): string =>
  list.items.map(({ metadata }) => metadata.name).join(' ');

async function filled(): Promise<TestServer> {
  const server = await TestServer.open();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await server.create(maps, { metadata: { name, labels: { odd: `${'ace'.includes(name)}` } } });
  }
  return server;
}

const selections: readonly (readonly [string, string, string])[] = [
  ['everything', '', 'a b c d e'],
  ['by label', '?labelSelector=odd%3Dtrue', 'a c e'],
  ['by missing label', '?labelSelector=!odd', ''],
  ['by name', '?fieldSelector=metadata.name%3Db', 'b'],
  ['all but one name', '?fieldSelector=metadata.name!%3Db', 'a c d e'],
  ['by label and name', '?labelSelector=odd%3Dtrue&fieldSelector=metadata.name%3Db', ''],
  ['whatever is there', '?resourceVersion=0', 'a b c d e'],
];

for (const [name, query, want] of selections) {
  test(`a list selects ${name}`, async () => {
    await using server = await filled();
    const { json } = await server.get(`${maps}${query}`);
    assert.equal(json.kind, 'ConfigMapList');
    assert.equal(names(json), want);
  });
}

test('a list over all namespaces leaves none out, a list of one shows no other', async () => {
  await using server = await filled();
  await server.create('/api/v1/namespaces', { metadata: { name: 'default-2' } });
  await server.create('/api/v1/namespaces/default-2/configmaps', { metadata: { name: 'z' } });
  assert.equal(names((await server.get('/api/v1/configmaps')).json), 'z a b c d e');
  assert.equal(names((await server.get(maps)).json), 'a b c d e');
});

test('pages are all of one moment, whatever is written between them', async () => {
  await using server = await filled();
  const { json: first } = await server.get(`${maps}?limit=2`);
  assert.deepEqual([names(first), first.metadata.remainingItemCount], ['a b', 3]);
  await server.ask('DELETE', `${maps}/c`);
  await server.create(maps, { metadata: { name: 'bb' } });
  await server.patch(`${maps}/d`, { data: { late: '1' } });
  const { json: second } = await server.get(`${maps}?limit=2&continue=${first.metadata.continue}`);
  assert.deepEqual([names(second), second.metadata.remainingItemCount], ['c d', 1]);
  assert.equal(second.items[1].data, undefined);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const { json: third } = await server.get(`${maps}?limit=2&continue=${second.metadata.continue}`);
  assert.deepEqual([names(third), third.metadata.continue], ['e', undefined]);
});

test('pages with a selector are full, and do not say how many are left', async () => {
  await using server = await filled();
  const query = `${maps}?limit=2&labelSelector=odd%3Dtrue`;
  const { json: first } = await server.get(query);
  assert.deepEqual([names(first), first.metadata.remainingItemCount], ['a c', undefined]);
  await server.ask('DELETE', `${maps}/e`);
  const { json: second } = await server.get(`${query}&continue=${first.metadata.continue}`);
  assert.deepEqual([names(second), second.metadata.continue], ['e', undefined]);
});

test('a page of a forgotten past is Gone, and offers the rest as it is now', async () => {
  await using server = await filled();
  const { json: first } = await server.get(`${maps}?limit=2`);
  await server.ask('DELETE', `${maps}/e`);
  await server.store.compact(server.store.revision);
  const { status, json } = await server.get(`${maps}?limit=2&continue=${first.metadata.continue}`);
  assert.deepEqual([status, json.reason], [410, 'Expired']);
  assert.match(json.message, /^The provided continue parameter is too old/);
  const { json: rest } = await server.get(`${maps}?limit=9&continue=${json.metadata.continue}`);
  assert.deepEqual(
    [names(rest), rest.metadata.resourceVersion],
    ['c d', String(server.store.revision)],
  );
});

test('a page of a forgotten past is Gone even where nothing changed since', async () => {
  await using server = await filled();
  const { json: first } = await server.get(`${maps}?limit=2`);
  await server.create('/api/v1/namespaces', { metadata: { name: 'other' } });
  const next = `${maps}?limit=2&continue=${first.metadata.continue}`;
  assert.equal((await server.get(next)).status, 200);
  await server.store.compact(server.store.revision);
  const { status, json } = await server.get(next);
  assert.equal(status, 410);
  const { json: rest } = await server.get(`${maps}?limit=2&continue=${json.metadata.continue}`);
  assert.deepEqual([names(rest), rest.metadata.remainingItemCount], ['c d', 1]);
});

test('an exact version is the past, a version not older than it is now', async () => {
  await using server = await filled();
  const { json: before } = await server.get(maps);
  await server.ask('DELETE', `${maps}/a`);
  const version = before.metadata.resourceVersion;
  const exact = await server.get(`${maps}?resourceVersion=${version}&resourceVersionMatch=Exact`);
  assert.deepEqual(
    [names(exact.json), exact.json.metadata.resourceVersion],
    ['a b c d e', version],
  );
  const { json: now } = await server.get(`${maps}?resourceVersion=${version}`);
  assert.equal(names(now), 'b c d e');
});

test('metadata alone and tables come by Accept', async () => {
  await using server = await filled();
  const partial = await server.get(`${maps}?limit=1`, {
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  });
  assert.equal(partial.json.kind, 'PartialObjectMetadataList');
  assert.deepEqual(Object.keys(partial.json.items[0]), ['kind', 'apiVersion', 'metadata']);
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  await server.clock.advance(180_000);
  const { json: table } = await server.get(`${maps}?limit=1`, { accept });
  assert.deepEqual(table.rows[0].cells, ['a', 0, '3m']);
  assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  const { json: bare } = await server.get(`${maps}/a?includeObject=None`, { accept });
  assert.equal(bare.rows[0].object, null);
  const { json: full } = await server.get(`${maps}/a?includeObject=Object`, { accept });
  assert.equal(full.rows[0].object.kind, 'ConfigMap');
});

test('a server that is opened again serves what was written before', async () => {
  const store = openMemoryStore();
  const first = await TestServer.open({}, { store });
  const { json: made } = await first.create(maps, { metadata: { name: 'a' } });
  await first.server[Symbol.asyncDispose]();
  await using second = await TestServer.open({}, { store });
  const { json } = await second.get(`${maps}/a`);
  assert.deepEqual(json, made);
});

test('a write to a store that was closed fails, and does not hang', async () => {
  const server = await TestServer.open();
  await server.store[Symbol.asyncDispose]();
  const { status } = await server.create(maps, { metadata: { name: 'a' } });
  assert.equal(status, 503);
  const read = await server.clock.until(server.get(`${maps}?resourceVersion=99`));
  assert.equal(read.status, 503);
  await server[Symbol.asyncDispose]();
});

test('fields that are no texts are selected by what Go says of them when they are not there', async () => {
  await using server = await TestServer.open();
  await server.create('/api/v1/nodes', { metadata: { name: 'n' } });
  for (const [query, want] of [
    ['spec.unschedulable=false', 'n'],
    ['spec.unschedulable=true', ''],
    ['spec.unschedulable=', ''],
  ] as const) {
    const { json } = await server.get(`/api/v1/nodes?fieldSelector=${encodeURIComponent(query)}`);
    assert.equal(names(json), want, query);
  }
});

test('events are selected by who reports them, wherever they say so', async () => {
  await using server = await TestServer.open();
  const events = '/api/v1/namespaces/default/events';
  const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' };
  for (const [name, reporter] of [
    ['a', { source: { component: 'kubelet' } }],
    ['b', { reportingComponent: 'kubelet' }],
    ['c', { source: { component: 'other' }, reportingComponent: 'kubelet' }],
  ] as const) {
    await server.create(events, { metadata: { name }, involvedObject, ...reporter });
  }
  const { json } = await server.get(`${events}?fieldSelector=source%3Dkubelet`);
  assert.equal(names(json), 'a b');
});
