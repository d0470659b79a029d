// The value store on a real redis-server: what every store does, what several planes see of one another, and what
// happens when the server is full, away, silent or only to be read.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { StoredEntry } from '@tweendeck/cacheserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import {
  contentOf,
  getFiles,
  idOf,
  putFiles,
  testValueStore,
} from '../services/cacheserver/src/dataplane/value-store-conformance.ts';
import {
  defaultRedisConnection,
  defaultRedisKeeping,
  type RedisConnectionSettings,
  type RedisKeepingSettings,
} from '../services/cacheserver/src/redis/redis-settings.ts';
import { RedisValueStore } from '../services/cacheserver/src/redis/redis-store.ts';
import { until } from './support/home.ts';
import { type RedisServer, startRedis } from './support/redis.ts';

const ambience = {
  clock: clockOf(globalThis),
  random: randomOf(globalThis.crypto),
  log: silentLogger,
};
const shared = await startRedis();
after(() => shared[Symbol.asyncDispose]());
let prefixes = 0;

interface Changes {
  readonly connection?: Partial<RedisConnectionSettings>;
  readonly keeping?: Partial<RedisKeepingSettings>;
}

/** A plane's store; under a prefix of its own unless one is named. */
function open(
  server: RedisServer,
  { connection, keeping }: Changes = {},
): Promise<RedisValueStore> {
  const address = { host: '127.0.0.1', port: server.port };
  return RedisValueStore.open({
    connection: {
      ...defaultRedisConnection,
      address,
      timeoutMs: 500,
      connectTimeoutMs: 500,
      retryMaxMs: 200,
      ...connection,
    },
    keeping: { ...defaultRedisKeeping, prefix: `test-${prefixes++}[*]:`, ...keeping },
    ...ambience,
  });
}

/** What a reader makes of the bytes of a large file. */
async function readAll(entry: StoredEntry): Promise<Buffer> {
  const body = entry.open('a');
  const parts: Buffer[] = [];
  for (let part = await body.next(); part; part = await body.next()) parts.push(Buffer.from(part));
  body.close();
  entry.release();
  return Buffer.concat(parts);
}

testValueStore('a store on redis', () => open(shared));
testValueStore('a store on redis with a time to live', () =>
  open(shared, { keeping: { ttlMs: 60_000 } }),
);

test('another plane sees a transaction as soon as its commit is answered, and whole', async () => {
  const keeping = { prefix: 'planes:' };
  await using writer = await open(shared, { keeping });
  await using reader = await open(shared, { keeping });
  for (let round = 1; round <= 60; round++) {
    const files = {
      a: contentOf(round, round % 3 === 0 ? 300_000 + round : 50 * round),
      i: contentOf(round, round),
      r: contentOf(round, 7),
    };
    assert.deepEqual(await putFiles(writer, idOf(round % 4), files), { outcome: 'stored' });
    assert.deepEqual(await getFiles(reader, idOf(round % 4)), files, `round ${round}`);
  }
});

test('readers of other planes never see files of two writers, small or large', async () => {
  const keeping = { prefix: 'writers:' };
  await using stack = new AsyncDisposableStack();
  const planes: RedisValueStore[] = [];
  for (let plane = 0; plane < 4; plane++) planes.push(stack.use(await open(shared, { keeping })));
  let writing = true;
  const writers = planes.map(async (plane, at) => {
    for (let round = 0; round < 25; round++) {
      const writer = 1 + at * 25 + round;
      await putFiles(plane, idOf(1), {
        a: contentOf(writer, 1 + writer * 5_000),
        i: contentOf(writer, 10 + writer),
        r: contentOf(writer, 1 + writer * 17),
      });
    }
  });
  let seen = 0;
  const readers = planes.map(async (plane) => {
    while (writing) {
      const files = await getFiles(plane, idOf(1));
      const all = Object.values(files);
      if (all.length === 0) continue;
      seen++;
      assert.equal(all.length, 3);
      const [first = 0] = all[0] ?? [];
      for (const bytes of all) assert.ok(bytes.equals(Buffer.alloc(bytes.length, first)));
      const writer = first - 1;
      assert.deepEqual(
        all.map(({ length }) => length),
        [1 + writer * 5_000, 10 + writer, 1 + writer * 17],
      );
    }
  });
  await Promise.all(writers);
  writing = false;
  await Promise.all(readers);
  assert.ok(seen > 20, `${seen} looks`);
});

test('a removal on one plane is a miss on the others, and no version comes back', async () => {
  const keeping = { prefix: 'removal:' };
  await using first = await open(shared, { keeping });
  await using second = await open(shared, { keeping });
  await putFiles(first, idOf(1), { a: contentOf(1, 400_000) });
  assert.deepEqual(await second.remove(idOf(1), 0), { outcome: 'removed' });
  assert.deepEqual(await getFiles(first, idOf(1)), {});
  assert.deepEqual(await first.remove(idOf(1), 0), { outcome: 'absent' });
});

test('the server drops keys by their time to live, which a hit renews and a look does not', async () => {
  const keeping = { prefix: 'ttl:', ttlMs: 100_000, graceMs: 50_000 };
  await using store = await open(shared, { keeping });
  await putFiles(store, idOf(1), { a: contentOf(1, 300_000), i: contentOf(1, 10) });
  const record = `ttl:k:${idOf(1).toString('hex')}`;
  const left = async (key: string): Promise<number> =>
    Number((await shared.ask(`PTTL ${key}`)).slice(1));
  assert.ok((await left(record)) > 90_000);
  const [value = ''] = /ttl:v:\S+/.exec(await shared.ask('KEYS ttl:v:*')) ?? [];
  assert.ok((await left(value)) > 140_000);
  await shared.ask(`PEXPIRE ${record} 40000`);
  await shared.ask(`PEXPIRE ${value} 40000`);
  const key = await store.describe(idOf(1), 0);
  assert.equal(key?.idleSeconds, 0, 'never idle for longer than it is old');
  (await store.peek(idOf(1), 0))?.release();
  assert.ok((await left(record)) <= 40_000);
  await getFiles(store, idOf(1));
  await until(
    'renewed',
    async () => (await left(record)) > 90_000 && (await left(value)) > 140_000,
  );
  await shared.ask(`PEXPIRE ${record} 1`);
  // Asked of the server: a hit that comes in time would renew it.
  await until('dropped', async () => (await shared.ask(`EXISTS ${record}`)).startsWith(':0'));
  assert.equal(await store.find(idOf(1), 0), undefined);
});

test('what was replaced goes after a while, what was given up goes at once', async () => {
  await using store = await open(shared, { keeping: { prefix: 'gone:', graceMs: 300 } });
  const values = async (): Promise<number> =>
    Number((await shared.ask('KEYS gone:v:*')).split('\r\n')[0]?.slice(1));
  await putFiles(store, idOf(1), { a: contentOf(1, 300_000) });
  await putFiles(store, idOf(1), { a: contentOf(2, 300_000) });
  await until('one version', async () => (await values()) === 1);
  await putFiles(store, idOf(1), { i: contentOf(3, 5) });
  assert.deepEqual(await getFiles(store, idOf(1)), {
    a: contentOf(2, 300_000),
    i: contentOf(3, 5),
  });
  const upload = store.begin(idOf(2), 0);
  upload.startFile('a', 900_000);
  await upload.write(contentOf(1, 600_000));
  await until('chunks there', async () => (await values()) === 2);
  upload.abandon();
  await until('chunks gone', async () => (await values()) === 1);
  assert.equal(store.stats().uploadBytes, 0);
  await store.remove(idOf(1), 0);
  await until('nothing left', async () => (await values()) === 0);
});

test('a plane that dies in an upload or a commit leaves nothing for good', async () => {
  const keeping = { prefix: 'orphans:', graceMs: 200, uploadMs: 300 };
  await using store = await open(shared, { keeping });
  await putFiles(store, idOf(1), { a: contentOf(1, 300_000) });
  const dying = await open(shared, { keeping });
  const upload = dying.begin(idOf(2), 0);
  upload.startFile('a', 900_000);
  const values = async (): Promise<string> =>
    (await shared.ask('KEYS orphans:v:*')).split('\r\n')[0] ?? '';
  await upload.write(contentOf(1, 600_000));
  await until('a chunk there', async () => (await values()) === '*2');
  await dying[Symbol.asyncDispose]();
  await until('the upload gone', async () => (await values()) === '*1');
  await shared.ask(`DEL orphans:k:${idOf(1).toString('hex')}`); // as an eviction does
  assert.equal(await values(), '*1');
  await using later = await open(shared, { keeping });
  assert.equal(later.redis().orphans, 1);
  await until('the orphan gone', async () => (await values()) === '*0');
});

test('a large file whose chunks were evicted is a miss, and is taken anew', async () => {
  await using store = await open(shared, { keeping: { prefix: 'evicted:' } });
  await putFiles(store, idOf(1), { a: contentOf(1, 300_000), i: contentOf(1, 3) });
  const [value = ''] = /evicted:v:\S+/.exec(await shared.ask('KEYS evicted:v:*')) ?? [];
  await shared.ask(`DEL ${value}`);
  assert.deepEqual(await getFiles(store, idOf(1)), { i: contentOf(1, 3) });
  assert.equal(store.redis().lostFiles, 1);
  await putFiles(store, idOf(1), { a: contentOf(2, 300_000) });
  assert.deepEqual(await getFiles(store, idOf(1)), {
    a: contentOf(2, 300_000),
    i: contentOf(1, 3),
  });
});

test('a value that is not what was stored never leaves whole, and is given up', async () => {
  await using store = await open(shared, { keeping: { prefix: 'damaged:' } });
  await putFiles(store, idOf(1), { a: contentOf(1, 300_000), i: contentOf(1, 3) });
  const [value = ''] = /damaged:v:\S+/.exec(await shared.ask('KEYS damaged:v:*')) ?? [];
  const record = `damaged:k:${idOf(1).toString('hex')}`;
  await shared.ask(`HSET ${value} 1 ${'x'.repeat(300_000 - 262_144)}`);
  await shared.ask(`HSET ${record} I xyz`);
  const entry = await store.find(idOf(1), 0);
  assert.ok(entry);
  assert.equal(entry.copy('i', Buffer.alloc(3), 0), false);
  await assert.rejects(readAll(entry), { code: 'CACHE_VALUE_DAMAGED' });
  await until('given up', async () => (await store.find(idOf(1), 0)) === undefined);
  assert.equal(store.stats().damagedValues, 2);
  await shared.ask(`DEL ${record}`);
  await shared.ask(`SET ${record} foreign`);
  assert.equal(await store.find(idOf(1), 0), undefined);
  assert.deepEqual(await putFiles(store, idOf(1), { i: contentOf(1, 3) }), {
    outcome: 'refused',
    reason: 'disk-error',
  });
});

test('a full server refuses puts, goes on answering gets, and takes puts again when there is room', async () => {
  await using server = await startRedis('--maxmemory', '4mb', '--maxmemory-policy', 'noeviction');
  await using store = await open(server);
  await putFiles(store, idOf(1), { i: contentOf(1, 1_000) });
  const full = { outcome: 'refused', reason: 'storage-full' };
  assert.deepEqual(await putFiles(store, idOf(2), { a: contentOf(2, 12_000_000) }), full);
  for (let key = 10; ; key++) {
    assert.ok(key < 200);
    const { outcome } = await putFiles(store, idOf(key), { a: contentOf(1, 60_000) });
    if (outcome === 'refused') break;
  }
  assert.deepEqual(await getFiles(store, idOf(1)), { i: contentOf(1, 1_000) });
  assert.equal(store.stats().uploadBytes, 0);
  assert.ok((store.redis().refusals['storage-full'] ?? 0) >= 2);
  await store.clear();
  const again = { a: contentOf(1, 60_000) };
  await until(
    'room again',
    async () => (await putFiles(store, idOf(3), again)).outcome === 'stored',
  );
});

test('a server that evicts keeps serving what is there', async () => {
  await using server = await startRedis('--maxmemory', '8mb', '--maxmemory-policy', 'allkeys-lru');
  await using store = await open(server);
  for (let key = 0; key < 100; key++) {
    await putFiles(store, idOf(key), { a: contentOf(key, key % 2 === 0 ? 300_000 : 30_000) });
  }
  let hits = 0;
  for (let key = 0; key < 100; key++) {
    const { a } = await getFiles(store, idOf(key));
    if (a !== undefined) assert.deepEqual(a, contentOf(key, key % 2 === 0 ? 300_000 : 30_000));
    if (a !== undefined) hits++;
  }
  assert.ok(hits > 5 && hits < 100, `${hits} hits`);
});

test('a server that goes away costs nothing but misses, and serves again when it is back', async () => {
  await using server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  await using store = await open(server);
  const files = { a: contentOf(1, 300_000), i: contentOf(1, 3) };
  await putFiles(store, idOf(1), files);
  const upload = store.begin(idOf(2), 0);
  upload.startFile('a', 900_000);
  await upload.write(contentOf(1, 600_000));
  const reading = await store.find(idOf(1), 0);
  const body = reading?.open('a');
  assert.ok(body);
  await server.kill();
  await until('noticed', async () => store.redis().state !== 'ready');
  await assert.rejects(async () => {
    while (await body.next());
  }, /CACHE_REDIS|127\.0\.0\.1/);
  const startMs = performance.now();
  for (let round = 0; round < 1_000; round++) assert.equal(store.find(idOf(1), 0), undefined);
  assert.ok(performance.now() - startMs < 500, 'misses at once');
  upload.endFile();
  assert.deepEqual(await upload.commit(), { outcome: 'refused', reason: 'store-away' });
  assert.deepEqual(await putFiles(store, idOf(3), files), {
    outcome: 'refused',
    reason: 'store-away',
  });
  assert.deepEqual(await store.remove(idOf(1), 0), { outcome: 'refused', reason: 'store-away' });
  assert.equal(store.stats().uploadBytes, 0);
  await server.start();
  await until('back', async () => (await store.find(idOf(1), 0)) !== undefined);
  assert.deepEqual(await getFiles(store, idOf(1)), files);
  assert.deepEqual(await putFiles(store, idOf(3), files), { outcome: 'stored' });
});

test('a store opens without its server', async () => {
  const server = await startRedis();
  await server.kill();
  await using store = await open(server);
  assert.equal(await store.find(idOf(1), 0), undefined);
  await server.start();
  await until(
    'there',
    async () => (await putFiles(store, idOf(1), { i: contentOf(1, 2) })).outcome === 'stored',
  );
  await server[Symbol.asyncDispose]();
});

test('a silent server is given up after the time limit, and gets do not wait for it again', async () => {
  await using server = await startRedis();
  await using store = await open(server, { connection: { timeoutMs: 200 } });
  await putFiles(store, idOf(1), { i: contentOf(1, 3) });
  server.freeze();
  const startMs = performance.now();
  assert.equal(await store.find(idOf(1), 0), undefined);
  assert.ok(performance.now() - startMs < 2_000);
  assert.equal(store.find(idOf(1), 0), undefined, 'at once');
  assert.match(store.redis().lastFailure, /silent/);
  server.thaw();
  await until('back', async () => (await store.find(idOf(1), 0)) !== undefined);
});

test('a server that is only to be read refuses puts', async () => {
  await using primary = await startRedis();
  await using replica = await startRedis('--replicaof', '127.0.0.1', String(primary.port));
  const keeping = { prefix: 'read:' };
  await using writer = await open(primary, { keeping });
  await using reader = await open(replica, { keeping });
  const files = { a: contentOf(1, 300_000), i: contentOf(1, 3) };
  await putFiles(writer, idOf(1), files);
  await until('replicated', async () => (await reader.find(idOf(1), 0)) !== undefined);
  assert.deepEqual(await getFiles(reader, idOf(1)), files);
  for (const sizeBytes of [10, 300_000]) {
    const put = await putFiles(reader, idOf(2), { a: contentOf(1, sizeBytes) });
    assert.deepEqual(put, { outcome: 'refused', reason: 'read-only' });
  }
});

test('a user of the access list, a password and a database are asked for', async () => {
  const rules = ['on', '>secret', '~own:*', '+@all', '-@dangerous', '+info', '-@admin'];
  await using server = await startRedis('--requirepass', 'top', '--user', 'cache', ...rules);
  const keeping = { prefix: 'own:' };
  const connection = { user: 'cache', password: () => 'secret', database: 3 };
  await using store = await open(server, { connection, keeping });
  const files = { a: contentOf(1, 300_000), i: contentOf(1, 3) };
  assert.deepEqual(await putFiles(store, idOf(1), files), { outcome: 'stored' });
  assert.deepEqual(await getFiles(store, idOf(1)), files);
  await using other = await open(server, { connection: { password: () => 'top' }, keeping });
  assert.equal(await other.find(idOf(1), 0), undefined, 'another database');
  await using foreign = await open(server, { connection, keeping: { prefix: 'foreign:' } });
  const refused = { outcome: 'refused', reason: 'not-permitted' };
  assert.deepEqual(await putFiles(foreign, idOf(1), files), refused);
  await using wrong = await open(server, {
    connection: { ...connection, password: () => 'x' },
    keeping,
  });
  assert.equal(await wrong.find(idOf(1), 0), undefined);
  assert.match(wrong.redis().lastFailure, /WRONGPASS/);
});
