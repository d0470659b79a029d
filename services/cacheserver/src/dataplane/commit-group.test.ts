import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOf, type Random, seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { type DiskCall, MemoryDisk, systemError } from './memory-disk.ts';
import type { PutRefusal } from './value-store.ts';
import { contentOf, getFiles, idOf, putFiles } from './value-store-conformance.ts';

const mebibyte = 1_048_576;

function openOn(disk: MemoryDisk): Promise<CacheStore> {
  return openCacheStore(
    {
      directory: 'memory',
      storageBytes: 64 * mebibyte,
      memoryBytes: mebibyte,
      clock: clockOf(globalThis),
      random: seededRandom(1),
      log: silentLogger,
      disk,
    },
    new AbortController().signal,
  );
}

/** Commits without waiting for the disk; tells whether that was taken, and later why it was taken back. */
function stage(
  store: CacheStore,
  key: number,
  files: Readonly<Partial<Record<'a' | 'i', Buffer>>>,
  refused: (reason: PutRefusal) => void = (reason) => assert.fail(reason),
): void {
  const upload = store.begin(idOf(key), 0);
  for (const type of ['a', 'i'] as const) {
    const bytes = files[type];
    if (bytes === undefined) continue;
    upload.startFile(type, bytes.length);
    void upload.write(bytes);
    upload.endFile();
  }
  assert.deepEqual(upload.commit(refused), { outcome: 'stored' });
}

function callsOf(disk: MemoryDisk): DiskCall[] {
  const calls: DiskCall[] = [];
  disk.fault = (call) => {
    calls.push(call);
    return undefined;
  };
  return calls;
}

/** Whether a key has the content of a writer, and nothing else. */
async function holds(store: CacheStore, key: number, writer: number | undefined): Promise<boolean> {
  const { a } = await getFiles(store, idOf(key));
  if (a === undefined || writer === undefined) return a === undefined && writer === undefined;
  return a.equals(contentOf(writer, lengthOf(writer)));
}

const lengthOf = (writer: number): number => 1 + ((writer * 997) % 9_000);

test('commits of one turn are two writes, and all there after the process died behind them', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk);
  await putFiles(store, idOf(0), { a: contentOf(9, 10) });
  const calls = callsOf(disk);
  for (let key = 0; key < 20; key++) stage(store, key, { a: contentOf(key, lengthOf(key)) });
  assert.deepEqual(calls, []);
  store.flush?.();
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['1.values', '1.log'],
  );
  await using again = await openOn(disk.afterCrash());
  for (const one of [store, again]) {
    for (let key = 0; key < 20; key++) assert.ok(await holds(one, key, key), `key ${key}`);
  }
});

test('no more waits than 256 commits or 256 KiB', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk);
  stage(store, 0, { a: contentOf(0, 1) });
  const calls = callsOf(disk);
  for (let key = 1; key < 256; key++) stage(store, key, { a: contentOf(0, 1) });
  assert.equal(calls.length, 0);
  stage(store, 256, { a: contentOf(0, 1) });
  assert.equal(calls.length, 2);
  store.flush?.();
  calls.length = 0;
  for (let key = 0; key < 9; key++) stage(store, key, { a: contentOf(1, 32 * 1_024) });
  assert.deepEqual(
    calls.map(({ length }) => length),
    [256 * 1_024, 8 * 96],
  );
});

test('who asks for a file sees it written first; who asks for another file of the key does not wait', async () => {
  const disk = new MemoryDisk();
  await using store = await openOn(disk);
  await putFiles(store, idOf(7), { a: contentOf(1, 100) });
  const calls = callsOf(disk);
  stage(store, 7, { a: contentOf(2, 100) });
  const entry = await store.find(idOf(7), 0);
  assert.equal(entry?.sizeOf('i'), 0);
  assert.equal(calls.length, 0);
  assert.equal(entry?.sizeOf('a'), 100);
  assert.equal(calls.filter(({ operation }) => operation === 'write').length, 2);
  entry?.release();
});

for (const { name, fails } of [
  { name: 'values', fails: '1.values' },
  { name: 'records', fails: '1.log' },
]) {
  test(`where the disk refuses the ${name} everything is as before, and what comes next is right`, async () => {
    const disk = new MemoryDisk();
    await using store = await openOn(disk);
    await putFiles(store, idOf(1), { a: contentOf(1, lengthOf(1)), i: contentOf(1, 3) });
    const { liveBytes, usedBytes } = store;
    disk.fault = ({ operation, name: file }) =>
      operation === 'write' && file === fails
        ? { error: systemError('ENOSPC'), writtenBytes: 96 }
        : undefined;
    const reasons: string[] = [];
    for (let turn = 2; turn < 5; turn++) {
      const files = { a: contentOf(turn, 5_000) }; // memory takes it
      stage(store, 1, files, (reason) => reasons.push(`1 ${reason}`));
      stage(store, turn, files, (reason) => reasons.push(`${turn} ${reason}`));
    }
    const seen = await store.find(idOf(4), 0);
    assert.equal(seen?.sizeOf('a'), 0, 'it is written before it is told of');
    const expected = [2, 3, 4].flatMap((turn) => ['1 disk-full', `${turn} disk-full`]);
    assert.deepEqual(reasons, expected);
    assert.equal(store.stats().keys, 1);
    assert.equal(store.liveBytes, liveBytes);
    assert.equal(store.usedBytes, usedBytes);
    disk.fault = () => undefined;
    // Where the first of them would have been, and memory takes neither.
    const other = { a: contentOf(5, 5_000), i: contentOf(6, 5_000) };
    stage(store, 5, other);
    store.flush?.();
    assert.equal(seen?.sizeOf('a'), 0, 'nor later, when others lie there');
    seen?.release();
    await using again = await openOn(disk.afterCrash());
    for (const one of [store, again]) {
      assert.ok(await holds(one, 1, 1));
      for (const key of [2, 3, 4]) assert.ok(await holds(one, key, undefined));
      const { a, i } = await getFiles(one, idOf(5));
      assert.ok(a?.equals(other.a) && i?.equals(other.i));
    }
  });
}

/** One history: staged and other puts, removals and reads on a disk that refuses now and then. */
async function history(random: Random): Promise<void> {
  const disk = new MemoryDisk();
  let failing = false;
  disk.fault = ({ operation, length }) =>
    failing && operation === 'write' && random.integer(3) === 0
      ? { error: systemError('ENOSPC'), writtenBytes: random.integer(length) }
      : undefined;
  const store = await openOn(disk);
  /** What is there for sure, and the commits behind it that may be taken back. */
  const written = new Map<number, number | undefined>();
  let staged: { readonly key: number; readonly writer: number; lost: boolean }[] = [];
  const settle = (): void => {
    store.flush?.();
    for (const { key, writer, lost } of staged) if (!lost) written.set(key, writer);
    staged = [];
  };
  for (let writer = 1; writer < 120; writer++) {
    const key = random.integer(12);
    failing = random.integer(4) === 0;
    const what = random.integer(10);
    if (what < 6) {
      const commit = { key, writer, lost: false };
      staged.push(commit);
      stage(store, key, { a: contentOf(writer, lengthOf(writer)) }, () => {
        commit.lost = true;
      });
    } else if (what === 6) {
      const put = await putFiles(store, idOf(key), { a: contentOf(writer, lengthOf(writer)) });
      settle();
      if (put.outcome === 'stored') written.set(key, writer);
    } else if (what === 7) {
      const removal = await store.remove(idOf(key), 0);
      settle();
      if (removal.outcome === 'removed') written.set(key, undefined);
    } else {
      failing = failing && what === 8;
      settle();
      for (let one = 0; one < 12; one++) {
        assert.ok(await holds(store, one, written.get(one)), `key ${one} after ${writer} turns`);
      }
    }
  }
  failing = false;
  settle();
  await using again = await openOn(disk.afterCrash());
  for (let key = 0; key < 12; key++) {
    assert.ok(await holds(again, key, written.get(key)), `key ${key} of the next process`);
  }
  await store[Symbol.asyncDispose]();
}

for (let seed = 1; seed <= 30; seed++) {
  test(`what a store said that it has it has, in history ${seed} on a disk that refuses`, () =>
    history(seededRandom(seed)));
}
