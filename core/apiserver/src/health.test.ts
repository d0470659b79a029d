// A store that takes no writes: what clients are told, and what goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlatformError } from '@tweendeck/std';
import { openMemoryStore, type Store } from '@tweendeck/store';
import { TestServer } from './testing/test-server.ts';

/** A store whose commits fail while `fault` says so. */
class FaultyStore {
  readonly #store = openMemoryStore();
  fault: 'STORE_FULL' | 'STORE_FAILED' | undefined;
  compactions = 0;

  open(): Store {
    const store = this.#store;
    return {
      get revision() {
        return store.revision;
      },
      get compactedRevision() {
        return store.compactedRevision;
      },
      get: (key) => store.get(key),
      list: (prefix, options) => store.list(prefix, options),
      watch: (prefix, after, signal) => store.watch(prefix, after, signal),
      compact: (revision) => {
        this.compactions++;
        return store.compact(revision);
      },
      commit: (mutations) => {
        const frees = mutations.every((each) => each.operation === 'delete' || each.reclaims);
        if (this.fault === undefined || (this.fault === 'STORE_FULL' && frees)) {
          return store.commit(mutations);
        }
        return Promise.reject(new PlatformError(this.fault, 'the disk says no', { hint: '' }));
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }
}

const maps = '/api/v1/namespaces/default/configmaps';
const map = (name: string, more = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...more },
});

test('on a full disk writes are refused, reads, watches and deletes go on, and all is well when there is room', async () => {
  const faulty = new FaultyStore();
  await using server = await TestServer.open({}, { store: faulty.open() });
  await server.create(maps, map('a'));
  await server.create(maps, map('held', { finalizers: ['example.com/hold'] }));
  faulty.fault = 'STORE_FULL';
  const refused = await server.create(maps, map('b'));
  assert.deepEqual([refused.status, refused.json.reason], [507, 'InsufficientStorage']);
  assert.match(
    refused.json.message,
    /^the store is full, so that nothing was changed; delete objects or free space/,
  );
  assert.equal(faulty.compactions, 1);
  const watch = await server.watch(`${maps}?watch=true&resourceVersion=0`);
  const ready = await server.get('/readyz');
  assert.deepEqual(
    [ready.status, ready.text],
    [
      500,
      '[+]ping ok\n[-]store failed: the disk is full, writes are refused\nreadyz check failed\n',
    ],
  );
  assert.equal((await server.get('/livez')).status, 200);
  assert.equal((await server.get(maps)).json.items.length, 2);
  assert.equal((await server.ask('DELETE', `${maps}/a`)).status, 200);
  assert.equal((await server.ask('DELETE', `${maps}/held`)).status, 200);
  const freed = await server.patch(`${maps}/held`, { metadata: { finalizers: null } });
  assert.equal(freed.status, 200);
  assert.equal((await server.get(maps)).json.items.length, 0);
  assert.equal((await server.get('/readyz')).status, 500, 'deletes prove nothing');
  faulty.fault = undefined;
  assert.equal((await server.create(maps, map('b'))).status, 201);
  assert.deepEqual([(await server.get('/readyz')).text], ['ok']);
  await watch.close();
});

test('after the disk failed the server reads on, and is neither ready nor alive', async () => {
  const faulty = new FaultyStore();
  await using server = await TestServer.open({}, { store: faulty.open() });
  faulty.fault = 'STORE_FAILED';
  assert.equal((await server.create(maps, map('a'))).status, 500);
  assert.equal((await server.get(maps)).status, 200);
  for (const path of ['/livez', '/readyz', '/healthz', '/readyz/store']) {
    assert.equal((await server.get(path)).status, 500, path);
  }
  assert.equal((await server.get('/readyz/ping')).status, 200);
});

test('an object that etcd would not take is refused in its words', async () => {
  await using server = await TestServer.open();
  await server.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'blobs.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'blobs', kind: 'Blob' },
      scope: 'Cluster',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { data: { type: 'string' } } },
          },
        },
      ],
    },
  });
  const blob = (length: number) => ({
    apiVersion: 'example.com/v1',
    kind: 'Blob',
    metadata: { name: 'b' },
    data: 'x'.repeat(length),
  });
  const refused = await server.create('/apis/example.com/v1/blobs', blob(1_600_000));
  assert.deepEqual(
    [refused.status, refused.json.message],
    [500, 'etcdserver: request is too large'],
  );
  assert.equal((await server.create('/apis/example.com/v1/blobs', blob(1_500_000))).status, 201);
});
