import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOf, type Random, seededRandom, silentLogger } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import { Pace } from '../cleaner/pace.ts';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { MemoryDisk, systemError } from './memory-disk.ts';
import { contentOf, getFiles, idOf, putFiles } from './value-store-conformance.ts';

const signal = new AbortController().signal;
const clock = clockOf(globalThis);
const mebibyte = 1_048_576;

function openOn(
  disk: MemoryDisk,
  options: Partial<Parameters<typeof openCacheStore>[0]> = {},
): Promise<CacheStore> {
  const shared = { clock, random: seededRandom(1), log: silentLogger };
  const store = { directory: 'memory', storageBytes: 2 * mebibyte, memoryBytes: 0 };
  return openCacheStore({ ...store, ...shared, disk, ...options }, signal);
}

const pace = (): Pace => new Pace(clock, { restMs: 0 }, signal);

/** Gives up the keys whose idOf numbers are named. */
async function forget(store: CacheStore, numbers: readonly number[]): Promise<void> {
  const sizes = new Map<number, number>();
  for (const number of numbers) {
    const key = await store.describe(idOf(number), 0);
    if (key)
      sizes.set(
        Object.values(key.sizes).reduce((sum, size) => sum + size, 0),
        number,
      );
  }
  const records: number[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    from = store.visit(from, ({ record, sizeBytes }) => {
      if (sizes.has(sizeBytes)) records.push(record);
    });
  }
  for (const record of records) store.forget(record);
}

test('the space of given up keys comes back, and the others stay', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk, { storageBytes: 16 * mebibyte });
  for (let key = 0; key < 200; key++) {
    await putFiles(store, idOf(key), { a: contentOf(key, 20_000 + key), i: contentOf(key, 3) });
  }
  const before = store.usedBytes;
  await forget(
    store,
    Array.from({ length: 200 }, (_, key) => key).filter((key) => key % 4 > 0),
  );
  assert.equal(store.stats().keys, 50);
  const reclaimed = await store.reclaim({}, pace());
  assert.equal(reclaimed.left, 0);
  assert.ok(store.usedBytes < before / 3, `${store.usedBytes} of ${before} bytes`);
  assert.ok(disk.usedBytes <= store.usedBytes);
  for (let key = 0; key < 200; key++) {
    const files = { a: contentOf(key, 20_000 + key), i: contentOf(key, 3) };
    assert.deepEqual(await getFiles(store, idOf(key)), key % 4 === 0 ? files : {});
  }
  assert.ok(store.stats().deadBytes < 100_000);
});

test('a reader keeps what it reads while its segment is compacted away', async () => {
  await using store = await openOn(new MemoryDisk());
  for (const size of [15_000, 300_000]) {
    await putFiles(store, idOf(1), { a: contentOf(7, size) });
    await putFiles(store, idOf(2), { a: contentOf(8, size + 1) });
    const entry = await store.find(idOf(1), 0);
    assert.ok(entry);
    const body = entry.open('a');
    await forget(store, [1, 2]);
    await store.reclaim({}, pace());
    await putFiles(store, idOf(1), { a: contentOf(9, size) });
    const parts: Buffer[] = [];
    for (let part = await body.next(); part; part = await body.next()) parts.push(part);
    assert.deepEqual(Buffer.concat(parts), contentOf(7, size));
    body.close();
    entry.release();
  }
});

test('a compaction finds damaged values, and moves the rest', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk);
  for (let key = 1; key <= 8; key++)
    await putFiles(store, idOf(key), { a: contentOf(key, 10_000 + key) });
  const values = disk.files.get('1.values');
  assert.ok(values);
  values.bytes[25_000] = 99; // in key 3
  await forget(store, [1, 2, 4, 5, 6]);
  assert.equal((await store.reclaim({}, pace())).left, 0);
  assert.equal(store.stats().damagedValues, 1);
  assert.deepEqual(await getFiles(store, idOf(3)), {});
  for (const key of [7, 8])
    assert.deepEqual(await getFiles(store, idOf(key)), { a: contentOf(key, 10_000 + key) });
});

for (const operation of ['read', 'write', 'create'] as const) {
  test(`a disk that fails to ${operation} leaves what could not be moved where it was`, async () => {
    const disk = new MemoryDisk();
    await using store = await openOn(disk);
    for (let key = 1; key <= 8; key++)
      await putFiles(store, idOf(key), { a: contentOf(key, 10_000 + key) });
    await forget(store, [1, 2, 3, 4, 5, 6]);
    disk.fault = (call) =>
      call.operation === operation ? { error: systemError('EIO') } : undefined;
    const { left } = await store.reclaim({}, pace());
    assert.ok(left > 0);
    disk.fault = () => undefined;
    for (const key of [7, 8])
      assert.deepEqual(await getFiles(store, idOf(key)), { a: contentOf(key, 10_000 + key) });
    assert.equal((await store.reclaim({}, pace())).left, 0);
    for (const key of [7, 8])
      assert.deepEqual(await getFiles(store, idOf(key)), { a: contentOf(key, 10_000 + key) });
  });
}

// Histories.

/** What a key may hold: for each file its newest version, or nothing. */
class Model {
  readonly newest = new Map<string, number>();
  readonly #random: Random;
  #writer = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  async put(store: CacheStore, key: number): Promise<void> {
    const files: Partial<Record<UnityCacheFileType, Buffer>> = {};
    this.#writer++;
    for (const type of ['a', 'i', 'r'] as const) {
      if (this.#random.next() < 0.4) continue;
      const size = this.#random.next() < 0.1 ? 20_000 : this.#random.integer(6_000) + 4;
      const bytes = Buffer.alloc(size);
      for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(this.#writer, at);
      files[type] = bytes;
    }
    const { outcome } = await putFiles(store, idOf(key), files);
    for (const type of Object.keys(files)) {
      if (outcome === 'stored') this.newest.set(`${key}${type}`, this.#writer);
      else if (outcome === 'refused') this.newest.set(`${key}${type}`, -1); // either is right
    }
  }

  /** A reader may find less than there was, and never an older version. */
  async check(store: CacheStore, keys: number, when: string): Promise<void> {
    for (let key = 0; key < keys; key++) {
      for (const [type, bytes] of Object.entries(await getFiles(store, idOf(key)))) {
        const newest = this.newest.get(`${key}${type}`);
        const found = bytes.readUInt32LE(0);
        if (newest === -1) continue;
        assert.equal(found, newest, `${type} of key ${key} ${when}`);
      }
    }
  }

  removed(key: number): void {
    for (const type of ['a', 'i', 'r']) this.newest.set(`${key}${type}`, 0);
  }
}

for (const durability of ['none', 'commit'] as const) {
  test(`no older version ever comes back, whatever is removed, moved, evicted or dies (${durability})`, async () => {
    const keys = 40;
    for (let seed = 1; seed <= 6; seed++) {
      const random = seededRandom(seed);
      const model = new Model(random);
      let disk = new MemoryDisk();
      const options = { durability, storageBytes: mebibyte, random };
      let store = await openOn(disk, options);
      for (let step = 0; step < 250; step++) {
        const chance = random.next();
        const key = random.integer(keys);
        if (chance < 0.7) await model.put(store, key);
        else if (chance < 0.76) {
          const { outcome } = await store.remove(idOf(key), 0);
          if (outcome === 'removed') model.removed(key);
        } else if (chance < 0.88) {
          store.visit(0, ({ record }) => random.next() < 0.3 && store.forget(record));
        } else if (chance < 0.96) {
          const share = random.next();
          const work = store.reclaim({ deadShare: share, storageBytesTarget: 300_000 }, pace());
          for (let put = 0; put < 5; put++) await model.put(store, random.integer(keys));
          await work;
        } else {
          await model.check(store, keys, `at step ${step} of seed ${seed}`);
          let calls = random.integer(40);

          disk.fault = ({ operation }) =>
            operation !== 'read' && calls-- < 0 ? { error: systemError('EIO') } : undefined; // it dies in the middle of this
          await store.reclaim({ deadShare: 0.01 }, pace());
          disk = disk.afterCrash();
          store = await openOn(disk, options);
          await model.check(store, keys, `after the restart at step ${step} of seed ${seed}`);
        }
      }
      await model.check(store, keys, `at the end of seed ${seed}`);
      await store[Symbol.asyncDispose]();
      assert.equal(disk.openFiles, 0);
      assert.ok(disk.usedBytes <= mebibyte);
    }
  });
}
