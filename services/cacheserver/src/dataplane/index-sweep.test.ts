import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { MemoryDisk } from './memory-disk.ts';
import { contentOf, getFiles, idOf, putFiles } from './value-store-conformance.ts';

const mebibyte = 1_048_576;
const keys = 3_000;

/** A store in which segments went: `keys` small keys, then large ones until room was needed. */
async function evicted(
  clock: SimClock,
  options: { readonly keysMax?: number } = {},
): Promise<CacheStore> {
  const store = await openCacheStore(
    {
      directory: 'memory',
      storageBytes: 4 * mebibyte,
      memoryBytes: 0,
      clock,
      random: seededRandom(1),
      log: silentLogger,
      disk: new MemoryDisk(),
      ...options,
    },
    new AbortController().signal,
  );
  for (let key = 0; key < keys; key++) await putFiles(store, idOf(key), { a: contentOf(key, 100) });
  for (let key = 0; store.stats().evictedSegments < 1; key++) {
    await putFiles(store, idOf(keys + key), { a: contentOf(key, 50_000) });
  }
  return store;
}

async function keysFound(store: CacheStore): Promise<number> {
  let found = 0;
  for (let key = 0; key < keys; key++) {
    if ((await getFiles(store, idOf(key))).a !== undefined) found++;
  }
  return found;
}

async function keysListed(store: CacheStore): Promise<number> {
  let listed = 0;
  let cursor: string | undefined;
  do {
    const page = await store.keys({ keysMax: 500, ...(cursor === undefined ? {} : { cursor }) });
    listed += page.keys.filter(({ id }) => id.readUInt32LE(12) < keys).length;
    cursor = page.next;
  } while (cursor !== undefined);
  return listed;
}

test('keys of a segment that went are gone at once for everybody, and from the figures a moment later', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  await using store = await evicted(clock);
  const before = store.stats().keys;
  const found = await keysFound(store);
  assert.ok(found < keys);
  let gone = 0;
  while ((await getFiles(store, idOf(gone))).a !== undefined) gone++;
  assert.equal(await store.find(idOf(gone), 0), undefined);
  assert.equal(await store.peek(idOf(gone), 0), undefined);
  await clock.advance(1_000);
  const large = store.stats().keys - found;
  assert.ok(large > 0 && before > found + large, `${before} keys before, ${found} found`);
  assert.equal(await keysListed(store), found);
});

for (const { name, ask } of [
  {
    name: 'listed',
    ask: async (store: CacheStore) => assert.equal(await keysListed(store), await keysFound(store)),
  },
  {
    name: 'removed or described',
    ask: async (store: CacheStore) => {
      for (let key = 0; key < keys; key++) {
        const { a } = await getFiles(store, idOf(key));
        if (a !== undefined) continue;
        assert.equal(await store.describe(idOf(key), 0), undefined);
        assert.deepEqual(await store.remove(idOf(key), 0), { outcome: 'absent' });
      }
    },
  },
  {
    name: 'cleaned',
    ask: async (store: CacheStore) => {
      let seen = 0;
      for (let from: number | undefined = 0; from !== undefined; ) {
        from = store.visit(from, ({ sizeBytes }) => {
          if (sizeBytes === 100) seen++;
        });
      }
      assert.equal(seen, await keysFound(store));
    },
  },
]) {
  test(`a key of a segment that went cannot be ${name}`, async () => {
    await using store = await evicted(new SimClock({ random: seededRandom(1) }));
    await ask(store);
  });
}

test('at the most keys there may be, those of segments that went make room first', async () => {
  await using store = await evicted(new SimClock({ random: seededRandom(1) }), { keysMax: keys });
  const { evictedSegments } = store.stats();
  for (let key = 0; key < 500; key++) {
    await putFiles(store, idOf(2 * keys + key), { a: contentOf(key, 1) });
  }
  assert.equal(store.stats().evictedSegments, evictedSegments);
  assert.ok(store.stats().keys <= keys);
});
