import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from './testing/test-server.ts';
import { adminUser } from './users.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const map = (name: string, labels: object = {}) => ({ metadata: { name, labels } });

test('a watch from a version tells every later change once, in order', async () => {
  await using server = await TestServer.open();
  const { json: a } = await server.create(maps, map('a'));
  await server.patch(`${maps}/a`, { data: { x: '1' } });
  const watch = await server.watch(
    `${maps}?watch=true&resourceVersion=${a.metadata.resourceVersion}`,
  );
  await server.create(maps, map('b'));
  await server.ask('DELETE', `${maps}/a`);
  assert.deepEqual(await watch.shorts(3), ['MODIFIED a@8', 'ADDED b@9', 'DELETED a@10']);
  await watch.close();
});

test('all watchers get the same bytes', async () => {
  await using server = await TestServer.open();
  const first = await server.server.handle(
    { method: 'GET', path: `${maps}?watch=1&resourceVersion=1`, headers: {} },
    { name: 'a', groups: ['system:masters'] },
    new AbortController().signal,
  );
  const second = await server.server.handle(
    { method: 'GET', path: `${maps}?watch=1&resourceVersion=1`, headers: {} },
    { name: 'b', groups: ['system:masters'] },
    new AbortController().signal,
  );
  await server.create(maps, map('a'));
  const [left, right] = [first.body[Symbol.asyncIterator](), second.body[Symbol.asyncIterator]()];
  assert.equal((await left.next()).value, (await right.next()).value);
  await left.return?.();
  await right.return?.();
});

test('entering a selector is ADDED, leaving it is DELETED with the last state that matched', async () => {
  await using server = await TestServer.open();
  const watch = await server.watch(`${maps}?watch=true&resourceVersion=6&labelSelector=on`);
  await server.create(maps, map('a'));
  await server.patch(`${maps}/a`, { metadata: { labels: { on: '1' } } });
  await server.patch(`${maps}/a`, { data: { x: '1' } });
  await server.patch(`${maps}/a`, { metadata: { labels: { on: null } } });
  assert.deepEqual(await watch.shorts(2), ['ADDED a@8', 'MODIFIED a@9']);
  const left = await watch.next();
  assert.deepEqual(
    [left.type, left.object.metadata.resourceVersion, left.object.metadata.labels],
    ['DELETED', '10', { on: '1' }],
  );
  await watch.close();
});

test('a watch without a version begins with what is there', async () => {
  await using server = await TestServer.open();
  await server.create(maps, map('a'));
  const watch = await server.watch(`${maps}?watch=true`);
  await server.create(maps, map('b'));
  assert.deepEqual(await watch.shorts(2), ['ADDED a@7', 'ADDED b@8']);
  await watch.close();
});

test('sendInitialEvents begins with what is there and marks its end', async () => {
  await using server = await TestServer.open();
  await server.create(maps, map('a'));
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const watch = await server.watch(`${maps}?${query}&allowWatchBookmarks=true`);
  assert.deepEqual(await watch.shorts(1), ['ADDED a@7']);
  const { type, object } = await watch.next();
  assert.equal(type, 'BOOKMARK');
  assert.equal(object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  assert.equal(object.metadata.resourceVersion, '7');
  await server.create(maps, map('b'));
  assert.deepEqual(await watch.shorts(1), ['ADDED b@8']);
  await watch.close();
});

test('bookmarks say how far a quiet watch has come, and the last word is one too', async () => {
  await using server = await TestServer.open();
  const watch = await server.watch(
    `${maps}?watch=true&resourceVersion=6&allowWatchBookmarks=true&timeoutSeconds=90`,
  );
  await server.create('/api/v1/namespaces/default/secrets', map('elsewhere'));
  await server.clock.advance(100_000);
  assert.deepEqual(await watch.shorts(3), ['BOOKMARK @7', 'BOOKMARK @7', 'END']);
});

test('a watch from a forgotten version is told so by an ERROR event', async () => {
  await using server = await TestServer.open({ historyMs: 1_000 });
  await server.create(maps, map('a'));
  await server.clock.advance(2_500);
  const watch = await server.watch(`${maps}?watch=true&resourceVersion=1`);
  const { type, object } = await watch.next();
  assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
  assert.equal(await watch.next(), undefined);
});

test('a watcher that falls too far behind is cut off', async () => {
  await using server = await TestServer.open({ watchQueueLengthMax: 2 });
  const watch = await server.watch(`${maps}?watch=true&resourceVersion=6`);
  for (const name of ['a', 'b', 'c', 'd']) await server.create(maps, map(name));
  assert.deepEqual(await watch.shorts(1), ['END']);
});

test('a watch of a table gives one row with each event', async () => {
  await using server = await TestServer.open();
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const watch = await server.watch(`${maps}?watch=true&resourceVersion=6`, { accept });
  await server.create(maps, map('a'));
  await server.ask('DELETE', `${maps}/a`);
  const added = await watch.next();
  assert.deepEqual([added.object.kind, added.object.rows[0].cells[0]], ['Table', 'a']);
  const deleted = await watch.next();
  assert.deepEqual(
    [deleted.type, deleted.object.rows[0].object.metadata.resourceVersion],
    ['DELETED', '8'],
  );
  await watch.close();
});

test('closing the server ends its watches', async () => {
  const server = await TestServer.open();
  const watch = await server.watch(`${maps}?watch=true`);
  const end = watch.next();
  await server[Symbol.asyncDispose]();
  assert.equal(await end, undefined);
  assert.equal(server.clock.waitingCount, 0);
});

test('a large object that is there already comes whole, in pieces that are its own', async () => {
  await using server = await TestServer.open();
  const data = { x: 'y'.repeat(200_000) };
  const maps = '/api/v1/namespaces/default/configmaps';
  for (const name of ['a', 'b']) {
    await server.create(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  }
  const request = { method: 'GET', path: `${maps}?watch=true`, headers: {} } as const;
  const ending = new AbortController();
  const { body } = await server.server.handle(request, adminUser, ending.signal);
  let text = '';
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString();
    if (text.split('\n').length > 2) break;
  }
  ending.abort();
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.metadata.name, object.data.x.length]),
    [
      ['ADDED', 'a', 200_000],
      ['ADDED', 'b', 200_000],
    ],
  );
});
