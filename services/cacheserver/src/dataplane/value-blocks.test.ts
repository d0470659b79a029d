import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOf, seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { MemoryDisk } from './memory-disk.ts';
import { blockBytes } from './value-blocks.ts';
import { contentOf, getFiles, idOf, putFiles } from './value-store-conformance.ts';

const mebibyte = 1_048_576;
const keys = 100;
const valueBytes = 1_000; // no divisor of a block: some values lie in two

function openOn(disk: MemoryDisk, memoryBytes: number): Promise<CacheStore> {
  return openCacheStore(
    {
      directory: 'memory',
      storageBytes: 64 * mebibyte,
      memoryBytes,
      clock: clockOf(globalThis),
      random: seededRandom(1),
      log: silentLogger,
      disk,
    },
    new AbortController().signal,
  );
}

/** A store with small values, and what it reads from now on. */
async function filled(memoryBytes: number): Promise<{
  readonly store: CacheStore;
  readonly disk: MemoryDisk;
  readonly reads: number[];
}> {
  const disk = new MemoryDisk();
  const store = await openOn(disk, memoryBytes);
  for (let key = 0; key < keys; key++) {
    await putFiles(store, idOf(key), { a: contentOf(key, valueBytes) });
  }
  const reads: number[] = [];
  disk.fault = ({ operation, length }) => {
    if (operation === 'read') reads.push(length);
    return undefined;
  };
  return { store, disk, reads };
}

async function readAll(store: CacheStore): Promise<number[]> {
  const wrong: number[] = [];
  for (let key = 0; key < keys; key++) {
    const { a } = await getFiles(store, idOf(key));
    if (a === undefined || !contentOf(key, valueBytes).equals(a)) wrong.push(key);
  }
  return wrong;
}

test('neighbours come with one read, and then none; only the end of a segment is read value by value', async () => {
  const { store, reads } = await filled(mebibyte);
  await using _store = store;
  assert.deepEqual(await readAll(store), []);
  const blocks = Math.floor((keys * valueBytes) / blockBytes);
  assert.equal(reads.filter((length) => length === blockBytes).length, blocks);
  reads.length = 0;
  assert.deepEqual(await readAll(store), []);
  const atEnd = Math.ceil(((keys * valueBytes) % blockBytes) / valueBytes);
  assert.deepEqual(
    reads.filter((length) => length !== valueBytes),
    [],
  );
  assert.ok(reads.length <= atEnd, `${reads.length} reads, ${atEnd} values at the end`);
  assert.ok(store.stats().memoryBytes >= blocks * blockBytes);
});

for (const memoryBytes of [0, 8 * blockBytes]) {
  test(`${memoryBytes} bytes of memory hold no block, and everything is read`, async () => {
    const { store, reads } = await filled(memoryBytes);
    await using _store = store;
    assert.deepEqual(await readAll(store), []);
    assert.deepEqual(await readAll(store), []);
    assert.equal(reads.length, 2 * keys);
    assert.equal(store.stats().memoryBytes, 0);
  });
}

test('a damaged value in a block is a miss, and its neighbours are not', async () => {
  const { store, disk } = await filled(mebibyte);
  await using _store = store;
  const values = disk.files.get('1.values')?.bytes;
  assert.ok(values);
  values[20 * valueBytes + 5] = (values[20 * valueBytes + 5] ?? 0) ^ 1;
  assert.deepEqual(await readAll(store), [20]);
  assert.equal(store.stats().damagedValues, 1);
});

test('where a block cannot be read, the value itself is', async () => {
  const { store, disk } = await filled(mebibyte);
  await using _store = store;
  disk.fault = ({ operation, length }) =>
    operation === 'read' && length === blockBytes
      ? { error: Object.assign(new Error('EIO: injected'), { code: 'EIO' }) }
      : undefined;
  assert.deepEqual(await readAll(store), []);
  assert.equal(store.stats().memoryBytes, 0);
  assert.equal(store.stats().diskErrors, 0);
});
