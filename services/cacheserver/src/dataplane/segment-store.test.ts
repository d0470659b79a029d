import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { SimClock } from '@tweendeck/sim';
import { clockOf, type PlatformError, seededRandom, silentLogger } from '@tweendeck/std';
import { Pace } from '../cleaner/pace.ts';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { type DiskCall, MemoryDisk, systemError } from './memory-disk.ts';
import type { ValueStoreStats } from './value-store.ts';
import { contentOf, getFiles, idOf, putFiles, testValueStore } from './value-store-conformance.ts';

const signal = new AbortController().signal;
const mebibyte = 1_048_576;

function openOn(
  disk: MemoryDisk,
  options: Partial<Parameters<typeof openCacheStore>[0]> = {},
): Promise<CacheStore> {
  return openCacheStore(
    {
      directory: 'memory',
      storageBytes: 16 * mebibyte,
      memoryBytes: 0,
      clock: clockOf(globalThis),
      random: seededRandom(1),
      log: silentLogger,
      disk,
      ...options,
    },
    signal,
  );
}

testValueStore('a store on segments', () => openOn(new MemoryDisk()));
testValueStore('a store with a memory tier', () =>
  openOn(new MemoryDisk(), { memoryBytes: 16 * mebibyte, storageBytes: 64 * mebibyte }),
);
testValueStore('a store with a tiny memory tier', () =>
  openOn(new MemoryDisk(), { memoryBytes: 64 * 1_024 }),
);
testValueStore('a store that syncs', () => openOn(new MemoryDisk(), { durability: 'commit' }));

test('a directory serves one process', async () => {
  const disk = new MemoryDisk();
  await using _first = await openOn(disk);
  await assert.rejects(openOn(disk), { code: 'CACHE_IN_USE' });
});

test('too little storage is refused', async () => {
  await assert.rejects(openOn(new MemoryDisk(), { storageBytes: mebibyte - 1 }), {
    code: 'CACHE_STORAGE_TOO_SMALL',
  });
});

test('a store finds everything after it was closed, and closes every file', async () => {
  const disk = new MemoryDisk();
  const options = { storageBytes: 64 * mebibyte };
  {
    await using store = await openOn(disk, options);
    for (let key = 0; key < 300; key++) {
      await putFiles(store, idOf(key), { a: contentOf(key, 10 + key * 991), i: contentOf(key, 9) });
    }
    await putFiles(store, idOf(7), { i: contentOf(99, 4) });
  }
  assert.equal(disk.openFiles, 0);
  await using store = await openOn(disk, options);
  assert.equal(store.stats().keys, 300);
  for (let key = 0; key < 300; key++) {
    const info = key === 7 ? contentOf(99, 4) : contentOf(key, 9);
    assert.deepEqual(await getFiles(store, idOf(key)), {
      a: contentOf(key, 10 + key * 991),
      i: info,
    });
  }
});

test('a key knows when it was stored and last used, also after a restart as far as it can', async () => {
  const disk = new MemoryDisk();
  const clock = new SimClock({ random: seededRandom(1) });
  const agesOf = async (store: CacheStore): Promise<unknown> => {
    const key = await store.describe(idOf(1), 0);
    return key && [key.ageSeconds, key.idleSeconds];
  };
  {
    await using store = await openOn(disk, { clock });
    await putFiles(store, idOf(1), { a: contentOf(1, 10) });
    await clock.advance(100_000);
    assert.deepEqual(await agesOf(store), [100, 100]);
    await getFiles(store, idOf(1));
    clock.jumpWall(-3_600_000);
    await clock.advance(5_000);
    assert.deepEqual(await agesOf(store), [105, 5]);
    (await store.peek(idOf(1), 0))?.release();
    assert.deepEqual(await agesOf(store), [105, 5]);
  }
  const killed = disk.afterCrash();
  for (const name of ['uses-0', 'uses-1']) killed.files.delete(name);
  {
    await using store = await openOn(disk, { clock }); // the wall clock is an hour behind
    assert.deepEqual(await agesOf(store), [105, 5]);
    await clock.advance(1_000_000);
    await getFiles(store, idOf(1));
    await clock.advance(70_000);
    await store.noteUses(new Pace(clock, { turnsMax: 10 }, signal));
    await getFiles(store, idOf(1));
  }
  {
    await using store = await openOn(disk, { clock });
    assert.deepEqual(await agesOf(store), [1_175, 0]);
  }
  for (const name of ['uses-0', 'uses-1']) {
    const torn = disk.afterCrash();
    const inode = torn.files.get(name);
    assert.ok(inode, name);
    inode.sizeBytes -= 1;
    await using store = await openOn(torn, { clock }); // the other note is whole
    const key = await store.describe(idOf(1), 0);
    assert.ok(key && key.idleSeconds <= 1_175, `${key?.idleSeconds} s`);
  }
  await using store = await openOn(killed, { clock }); // nothing was noted: as old as the commit
  const key = await store.describe(idOf(1), 0);
  assert.equal(key?.ageSeconds, key?.idleSeconds);
});

test('files with foreign names are left alone', async () => {
  const disk = new MemoryDisk();
  for (const name of ['12-34.bin', 'ab', 'cache.db', '7.txt', 'x.log']) disk.create(name).close();
  {
    await using store = await openOn(disk);
    await putFiles(store, idOf(1), { a: contentOf(1, 10) });
  }
  for (const name of ['12-34.bin', 'ab', 'cache.db', '7.txt', 'x.log']) {
    assert.ok(disk.files.has(name), name);
  }
});

// Death at any point.

interface Step {
  readonly key: number;
  readonly writer: number;
  readonly large: boolean;
  /** The key is removed instead. */
  readonly removal?: true;
}

const steps: readonly Step[] = [
  { key: 1, writer: 1, large: false },
  { key: 2, writer: 2, large: true },
  { key: 1, writer: 3, large: false },
  { key: 1, writer: 4, large: true },
  { key: 2, writer: 5, large: false },
  { key: 3, writer: 6, large: false },
  { key: 1, writer: 0, large: false, removal: true },
  { key: 2, writer: 0, large: false, removal: true },
  { key: 1, writer: 7, large: false },
];

function apply(store: CacheStore, step: Step): Promise<unknown> {
  if (!step.removal) return putFiles(store, idOf(step.key), filesOf(step));
  return Promise.resolve(store.remove(idOf(step.key), 0));
}

function filesOf({ writer, large, removal }: Step): Partial<Record<'a' | 'i' | 'r', Buffer>> {
  if (removal) return {};
  return {
    a: contentOf(writer, large ? 270_000 : 40),
    i: contentOf(writer, 11),
    r: contentOf(writer, 23),
  };
}

/** Every key holds one whole version: the last acknowledged, or one that was under way. */
async function assertWhole(store: CacheStore, acknowledged: number): Promise<void> {
  for (const key of [1, 2, 3]) {
    const files = await getFiles(store, idOf(key));
    const versions = steps.filter((step) => step.key === key);
    const done = steps.slice(0, acknowledged).findLast((step) => step.key === key);
    const next = steps.slice(acknowledged, acknowledged + 1).find((step) => step.key === key);
    const allowed = [done ? filesOf(done) : {}, ...(next ? [filesOf(next)] : [])];
    const match = allowed.some((version) => isDeepStrictEqual(version, files));
    assert.ok(match, `key ${key} of ${versions.length} versions after ${acknowledged} steps`);
  }
}

test('a process that dies at any call to the disk leaves the old or the new, never a mix', async () => {
  let calls = 0;
  for (let deathAt = 0; ; deathAt++) {
    for (const writtenBytes of [0, 1, 50, 95, 1_000_000]) {
      const disk = new MemoryDisk();
      calls = 0;
      disk.fault = (call: DiskCall) => {
        if (call.operation === 'read' || calls++ < deathAt) return undefined;
        return {
          error: systemError('EIO'),
          writtenBytes: calls === deathAt + 1 ? writtenBytes : 0,
        };
      };
      let acknowledged = 0;
      try {
        const store = await openOn(disk);
        for (const step of steps) {
          const outcome = await apply(store, step);
          if (calls > deathAt) break;
          assert.deepEqual(outcome, { outcome: step.removal ? 'removed' : 'stored' });
          acknowledged++;
        }
      } catch (error) {
        assert.ok(calls > deathAt, String(error)); // it died while opening
      }
      const after = disk.afterCrash();
      await using store = await openOn(after);
      await assertWhole(store, acknowledged);
      assert.deepEqual(await putFiles(store, idOf(9), { a: contentOf(9, 9) }), {
        outcome: 'stored',
      });
    }
    if (calls <= deathAt) break;
  }
  assert.ok(calls > 15, `only ${calls} calls were tried`);
});

test('every prefix of a log, and of its values, recovers', async () => {
  const disk = new MemoryDisk();
  const small = steps.filter((step) => !step.large && !step.removal);
  {
    await using store = await openOn(disk);
    for (const step of small) await putFiles(store, idOf(step.key), filesOf(step));
  }
  for (const name of ['1.log', '1.values']) {
    const whole = disk.files.get(name)?.sizeBytes ?? 0;
    for (let length = 0; length < whole; length++) {
      const torn = disk.afterCrash();
      const inode = torn.files.get(name);
      assert.ok(inode);
      inode.sizeBytes = length;
      const survived = Math.floor(name === '1.log' ? length / 96 : length / 74);
      {
        await using store = await openOn(torn);
        for (const key of [1, 2, 3]) {
          const last = small.slice(0, survived).findLast((step) => step.key === key);
          assert.deepEqual(await getFiles(store, idOf(key)), last ? filesOf(last) : {}, name);
        }
        await putFiles(store, idOf(5), { a: contentOf(5, 5) });
      }
      await using again = await openOn(torn);
      assert.deepEqual(await getFiles(again, idOf(5)), { a: contentOf(5, 5) });
    }
  }
});

test('a flipped bit anywhere is a miss, never wrong bytes', async () => {
  const disk = new MemoryDisk();
  {
    await using store = await openOn(disk);
    for (const step of steps.slice(0, 2)) await putFiles(store, idOf(step.key), filesOf(step));
  }
  for (const name of disk.list()) {
    const size = disk.files.get(name)?.sizeBytes ?? 0;
    for (let at = 0; at < size; at += size > 1_000 ? 9_973 : 1) {
      const flipped = disk.afterCrash();
      const inode = flipped.files.get(name);
      assert.ok(inode);
      inode.bytes[at] = (inode.bytes[at] ?? 0) ^ 0x10;
      await using store = await openOn(flipped);
      for (const step of steps.slice(0, 2)) {
        const wanted: Record<string, Buffer> = filesOf(step);
        const files = await getFiles(store, idOf(step.key)).catch((error: PlatformError) => {
          assert.equal(error.code, 'CACHE_VALUE_DAMAGED');
          return {};
        });
        for (const [type, bytes] of Object.entries(files)) assert.deepEqual(bytes, wanted[type]);
      }
    }
  }
});

// A bounded disk, and one that fails.

test('the storage bound holds, the newest stay, and no evicted version comes back', async () => {
  const disk = new MemoryDisk();
  const storageBytes = 2 * mebibyte;
  const random = seededRandom(5);
  const newest = new Map<number, number>();
  {
    await using store = await openOn(disk, { storageBytes });
    for (let writer = 1; writer < 1_500; writer++) {
      const key = random.integer(200);
      const size =
        random.next() < 0.1 ? 100_000 + random.integer(100_000) : random.integer(9_000) + 1;
      const files = {
        a: contentOf(writer, size),
        i: contentOf(writer, 5),
        r: contentOf(writer, 6),
      };
      assert.deepEqual(await putFiles(store, idOf(key), files), { outcome: 'stored' });
      newest.set(key, writer);
      assert.ok(disk.usedBytes <= storageBytes, `${disk.usedBytes} bytes after ${writer}`);
      assert.deepEqual(await getFiles(store, idOf(key)), files);
    }
    assert.ok(store.stats().evictedSegments > 10);
    assert.ok(store.stats().keys > 10);
  }
  assert.equal(disk.openFiles, 0);
  await using store = await openOn(disk, { storageBytes });
  let present = 0;
  for (const [key, writer] of newest) {
    const files = await getFiles(store, idOf(key));
    if (Object.keys(files).length > 0) present++;
    for (const bytes of Object.values(files)) assert.equal(bytes[0], (writer % 255) + 1);
  }
  assert.ok(present > 10);
});

test('what is read stays, what is not goes first', async () => {
  await using store = await openOn(new MemoryDisk(), { storageBytes: 4 * mebibyte });
  await putFiles(store, idOf(0), { a: contentOf(1, 200_000) });
  for (let key = 1; key < 100; key++) {
    await putFiles(store, idOf(key), { a: contentOf(key, 200_000) });
    assert.deepEqual(await getFiles(store, idOf(0)), { a: contentOf(1, 200_000) });
  }
  assert.deepEqual(await getFiles(store, idOf(1)), {});
});

test('evicting the newer version of a key takes the older one with it, for good', async () => {
  const disk = new MemoryDisk();
  const options = { storageBytes: 2 * mebibyte };
  const [overwritten, hot] = [idOf(1_000), idOf(1_001)];
  {
    await using store = await openOn(disk, options);
    await putFiles(store, overwritten, { a: contentOf(1, 10) });
    await putFiles(store, hot, { a: contentOf(2, 10) });
    await putFiles(store, overwritten, { a: contentOf(3, 300_000) });
    for (let key = 0; key < 12; key++) {
      await getFiles(store, hot); // keeps the segment of the older version from being the victim
      await putFiles(store, idOf(key), { a: contentOf(key, 300_000) });
    }
  }
  await using store = await openOn(disk, options);
  assert.deepEqual(await getFiles(store, overwritten), {});
});

test('a removal stays, and goes together with what it removed', async () => {
  const disk = new MemoryDisk();
  const options = { storageBytes: 2 * mebibyte };
  {
    await using store = await openOn(disk, options);
    await putFiles(store, idOf(1_000), { a: contentOf(1, 300_000), i: contentOf(1, 5) });
    await putFiles(store, idOf(1_001), { a: contentOf(2, 10) });
    assert.equal(store.stats().deadBytes, 0);
    await store.remove(idOf(1_000), 0);
    assert.equal(store.stats().deadBytes, 300_005);
    assert.deepEqual(await store.remove(idOf(1_002), 0), { outcome: 'absent' });
  }
  {
    await using store = await openOn(disk, options);
    assert.equal(store.stats().keys, 1);
    assert.equal(store.stats().deadBytes, 300_005);
    assert.deepEqual(await getFiles(store, idOf(1_000)), {});
    for (let key = 0; key < 20; key++) {
      await putFiles(store, idOf(key), { a: contentOf(key, 300_000) });
    }
    assert.deepEqual(await getFiles(store, idOf(1_001)), {});
  }
  await using store = await openOn(disk, options);
  assert.deepEqual(await getFiles(store, idOf(1_000)), {});
});

test('what goes together goes together, also when the process dies half-way', async () => {
  const options = { storageBytes: 4 * mebibyte };
  for (let deathAt = 0; ; deathAt++) {
    const disk = new MemoryDisk();
    const store = await openOn(disk, options);
    for (const writer of [1, 2, 3, 4]) {
      await putFiles(store, idOf(1), { a: contentOf(writer, writer % 2 ? 20 : 300_000) });
    }
    await putFiles(store, idOf(2), { a: contentOf(9, 20) });
    let calls = 0;
    disk.fault = () => (calls++ < deathAt ? undefined : { error: systemError('EIO') });
    assert.equal(await store.clear(), 2);
    await using again = await openOn(disk.afterCrash(), options);
    const left = await getFiles(again, idOf(1));
    const allowed = [{}, { a: contentOf(4, 300_000) }];
    assert.ok(
      allowed.some((files) => isDeepStrictEqual(files, left)),
      `${left.a?.[0]} after ${deathAt} calls`,
    );
    if (calls <= deathAt) break;
  }
});

test('what is being read is not evicted', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk, { storageBytes: 2 * mebibyte });
  await putFiles(store, idOf(0), { a: contentOf(77, 300_000) });
  const entry = await store.find(idOf(0), 0);
  assert.ok(entry);
  const body = entry.open('a');
  const parts = [await body.next()];
  for (let key = 1; key < 60; key++) {
    await putFiles(store, idOf(key), { a: contentOf(key, 90_000) });
    assert.ok(store.stats().storageBytes <= 2 * mebibyte);
  }
  assert.deepEqual(await getFiles(store, idOf(1)), {});
  assert.deepEqual(await getFiles(store, idOf(0)), { a: contentOf(77, 300_000) });
  for (let part = await body.next(); part; part = await body.next()) parts.push(part);
  assert.deepEqual(
    Buffer.concat(parts.filter((part) => part !== undefined)),
    contentOf(77, 300_000),
  );
  body.close();
  entry.release();
});

test('an upload that can never fit is refused and evicts nothing', async () => {
  await using store = await openOn(new MemoryDisk(), { storageBytes: 2 * mebibyte });
  await putFiles(store, idOf(1), { a: contentOf(1, 10) });
  assert.deepEqual(await putFiles(store, idOf(2), { a: contentOf(2, mebibyte + 1) }), {
    outcome: 'refused',
    reason: 'too-large',
  });
  assert.deepEqual(await getFiles(store, idOf(1)), { a: contentOf(1, 10) });
  assert.equal(store.stats().uploadBytes, 0);
});

test('a bound on keys holds', async () => {
  await using store = await openOn(new MemoryDisk(), { storageBytes: mebibyte, keysMax: 100 });
  for (let key = 0; key < 400; key++) await putFiles(store, idOf(key), { a: contentOf(key, 900) });
  assert.ok(store.stats().keys <= 160, `${store.stats().keys} keys`);
  assert.deepEqual(await getFiles(store, idOf(399)), { a: contentOf(399, 900) });
});

for (const size of [100, 400_000]) {
  test(`a full disk refuses a put of ${size} bytes, keeps reads going, and recovers`, async () => {
    const disk = new MemoryDisk();
    await using store = await openOn(disk);
    await putFiles(store, idOf(1), { a: contentOf(1, 1_000) });
    const before = disk.usedBytes;
    for (const roomBytes of [0, 1, 50, 99, 120, 150]) {
      disk.capacityBytes = before + roomBytes;
      assert.deepEqual(await putFiles(store, idOf(2), { a: contentOf(2, size) }), {
        outcome: 'refused',
        reason: 'disk-full',
      });
      assert.deepEqual(await getFiles(store, idOf(1)), { a: contentOf(1, 1_000) });
      assert.deepEqual(await getFiles(store, idOf(2)), {});
      assert.equal(disk.usedBytes, before);
      assert.equal(store.stats().uploadBytes, 0);
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    assert.deepEqual(await putFiles(store, idOf(2), { a: contentOf(2, size) }), {
      outcome: 'stored',
    });
    assert.deepEqual(await getFiles(store, idOf(2)), { a: contentOf(2, size) });
  });
}

for (const operation of ['create', 'write', 'truncate', 'sync', 'read'] as const) {
  test(`a disk that fails to ${operation} costs the put or the get, not the store`, async () => {
    const disk = new MemoryDisk();
    await using store = await openOn(disk, { durability: 'commit' });
    await putFiles(store, idOf(1), { a: contentOf(1, 1_000) });
    disk.fault = (call) =>
      call.operation === operation || (operation === 'truncate' && call.operation === 'write')
        ? { error: systemError('EIO'), writtenBytes: 10 }
        : undefined;
    const small = await putFiles(store, idOf(2), { a: contentOf(2, 10) });
    const large = await putFiles(store, idOf(3), { a: contentOf(3, 400_000) });
    const refused = { outcome: 'refused', reason: 'disk-error' };
    if (operation !== 'read') assert.deepEqual(large, refused);
    if (operation === 'write' || operation === 'sync') assert.deepEqual(small, refused);
    const kept = await getFiles(store, idOf(1));
    assert.deepEqual(kept, operation === 'read' ? {} : { a: contentOf(1, 1_000) });
    disk.fault = () => undefined;
    assert.deepEqual(await getFiles(store, idOf(1)), { a: contentOf(1, 1_000) });
    for (const key of [4, 5]) {
      const files = { a: contentOf(key, key === 4 ? 50 : 400_000) };
      assert.deepEqual(await putFiles(store, idOf(key), files), { outcome: 'stored' });
      assert.deepEqual(await getFiles(store, idOf(key)), files);
    }
    const { uploadBytes, diskErrors }: ValueStoreStats = store.stats();
    assert.equal(uploadBytes, 0);
    assert.ok(diskErrors > 0);
  });
}
