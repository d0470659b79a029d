// Disks and clocks that misbehave under a store that is being cleaned.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { SimClock } from '@tweendeck/sim';
import { type Clock, clockOf, seededRandom, silentLogger } from '@tweendeck/std';
import { Cleaner } from '../cleaner/cleaner.ts';
import { Pace } from '../cleaner/pace.ts';
import { type CacheStore, openCacheStore } from './cache-store.ts';
import { type DiskCall, MemoryDisk, systemError } from './memory-disk.ts';
import { contentOf, getFiles, idOf, putFiles } from './value-store-conformance.ts';

const signal = new AbortController().signal;
const realClock = clockOf(globalThis);
const mebibyte = 1_048_576;

function openOn(disk: MemoryDisk, clock: Clock = realClock): Promise<CacheStore> {
  const shared = { clock, random: seededRandom(1), log: silentLogger };
  const bounds = { storageBytes: 4 * mebibyte, memoryBytes: 0 };
  return openCacheStore({ directory: 'memory', disk, ...bounds, ...shared }, signal);
}

const pace = (): Pace => new Pace(realClock, { restMs: 0 }, signal);

/** Three versions of key 1 and two of key 2 over several segments, key 3 once; key 2 given up, key 4 removed. */
async function history(store: CacheStore): Promise<void> {
  await putFiles(store, idOf(1), { a: contentOf(1, 30_000) });
  await putFiles(store, idOf(2), { a: contentOf(2, 30_000), i: contentOf(2, 5) });
  await putFiles(store, idOf(1), { a: contentOf(3, 300_000) });
  await putFiles(store, idOf(4), { a: contentOf(4, 300_000) });
  await putFiles(store, idOf(2), { a: contentOf(5, 31_000) });
  await putFiles(store, idOf(1), { a: contentOf(6, 30_000), r: contentOf(6, 7) });
  await putFiles(store, idOf(3), { a: contentOf(7, 20_000) });
  await store.remove(idOf(4), 0);
  let from: number | undefined = 0;
  while (from !== undefined) {
    from = store.visit(from, ({ record, sizeBytes }) => {
      if (sizeBytes === 31_005) store.forget(record);
    });
  }
}

const kept1 = { a: contentOf(6, 30_000), r: contentOf(6, 7) };
const kept3 = { a: contentOf(7, 20_000) };
const newest2 = { a: contentOf(5, 31_000), i: contentOf(2, 5) };

async function assertHistory(store: CacheStore, when: string): Promise<void> {
  const allowed = [
    [1, [kept1]],
    [2, [{}, newest2, { a: newest2.a }, { i: newest2.i }]],
    [3, [kept3]],
    [4, [{}]],
  ] as const;
  for (const [key, versions] of allowed) {
    const files = await getFiles(store, idOf(key));
    const held = Object.entries(files).map(([type, { length }]) => `${type} of ${length} bytes`);
    assert.ok(
      versions.some((one) => isDeepStrictEqual(one, files)),
      `key ${key} holds ${held.join(', ') || 'nothing'} ${when}`,
    );
  }
}

test('a process that dies at any call of a compaction has lost nothing, and nothing older is back', async () => {
  let deaths = 0;
  for (let deathAt = 0; ; deathAt++) {
    const disk = new MemoryDisk();
    const store = await openOn(disk);
    await history(store);
    let calls = 0;
    disk.fault = (call: DiskCall) => {
      if (call.operation === 'read' || calls++ < deathAt) return undefined;
      return { error: systemError('EIO'), writtenBytes: calls === deathAt + 1 ? 50 : 0 };
    };
    await store.reclaim({ deadShare: 0.01, storageBytesTarget: 0 }, pace());
    await assertHistory(store, `alive after ${deathAt} calls`);
    const after = disk.afterCrash();
    {
      await using again = await openOn(after);
      await assertHistory(again, `after death at call ${deathAt}`);
      await again.reclaim({ deadShare: 0.01, storageBytesTarget: 0 }, pace());
      await assertHistory(again, `compacted after death at call ${deathAt}`);
    }
    await using last = await openOn(after);
    await assertHistory(last, `opened once more after death at call ${deathAt}`);
    if (calls <= deathAt) break;
    deaths++;
  }
  assert.ok(deaths > 5, `only ${deaths} calls were tried`);
});

for (const { name, fault } of [
  {
    name: 'that is full',
    fault: ({ operation }: DiskCall) =>
      operation === 'write' || operation === 'create' ? systemError('ENOSPC') : undefined,
  },
  {
    name: 'that became read-only',
    fault: ({ operation }: DiskCall) =>
      operation === 'read' || operation === 'open' ? undefined : systemError('EROFS'),
  },
  {
    name: 'whose files may not be opened any more',
    fault: ({ operation }: DiskCall) => (operation === 'open' ? systemError('EACCES') : undefined),
  },
  {
    name: 'without descriptors to give',
    fault: ({ operation }: DiskCall) =>
      operation === 'open' || operation === 'create' ? systemError('EMFILE') : undefined,
  },
]) {
  test(`a disk ${name} stops no reader and no cleaner, and is used again when it is well`, async () => {
    const disk = new MemoryDisk();
    {
      await using store = await openOn(disk);
      await history(store);
      disk.fault = (call) => {
        const error = fault(call);
        return error && { error };
      };
      const rules = { maxBytes: 200_000 };
      const log = silentLogger;
      await using cleaner = new Cleaner({ store, rules, intervalMs: 0, clock: realClock, log });
      await store.reclaim({ deadShare: 0.01 }, pace());
      await assertHistory(store, name);
      await cleaner.run({ dryRun: true }, signal);
      await store.noteUses(pace());
      for (const size of [100, 300_000]) {
        const { outcome } = await putFiles(store, idOf(9), { a: contentOf(9, size) });
        assert.ok(outcome === 'refused' || name.includes('opened'), `${outcome} ${size}`);
      }
      disk.fault = () => undefined;
      await assertHistory(store, `well after it was one ${name}`);
      await store.reclaim({ deadShare: 0.01, storageBytesTarget: 0 }, pace());
      await assertHistory(store, `compacted after it was one ${name}`);
      const files = { a: contentOf(9, 300_000) };
      assert.deepEqual(await putFiles(store, idOf(9), files), { outcome: 'stored' });
    }
    assert.equal(disk.openFiles, 0);
    await using again = await openOn(disk);
    await assertHistory(again, `opened again after it was one ${name}`);
  });
}

for (const harm of ['removed', 'truncated', 'emptied'] as const) {
  test(`files that are ${harm} behind its back cost their values, nothing else`, async () => {
    const disk = new MemoryDisk();
    {
      await using store = await openOn(disk);
      await history(store);
    }
    await using store = await openOn(disk);
    for (const name of disk.list().filter((one) => /values|single/.test(one))) {
      const inode = disk.files.get(name);
      if (harm === 'removed') disk.files.delete(name);
      else if (inode) inode.sizeBytes = harm === 'emptied' ? 0 : inode.sizeBytes - 20_010;
    }
    for (const key of [1, 2, 3]) await getFiles(store, idOf(key)).catch(() => undefined);
    await store.reclaim({ deadShare: 0.01 }, pace());
    const files = { a: contentOf(9, 3_000) };
    assert.deepEqual(await putFiles(store, idOf(9), files), { outcome: 'stored' });
    assert.deepEqual(await getFiles(store, idOf(9)), files);
  });
}

test('a flipped bit in a note is no harm', async () => {
  const disk = new MemoryDisk();
  {
    await using store = await openOn(disk);
    await history(store);
    await store.noteUses(pace());
  }
  const note = disk.create('dropping');
  const text = Buffer.from('1 1 2 3 4 5 6');
  note.writeNow(text, text.length, 0);
  note.close();
  for (const name of ['dropping', 'uses-0', 'uses-1']) {
    const size = disk.files.get(name)?.sizeBytes ?? 0;
    for (let at = 0; at < size; at++) {
      const flipped = disk.afterCrash();
      const inode = flipped.files.get(name);
      assert.ok(inode);
      inode.bytes[at] = (inode.bytes[at] ?? 0) ^ 0x04;
      await using store = await openOn(flipped);
      await assertHistory(store, `byte ${at} of ${name}`);
      assert.ok(!flipped.files.has('dropping'));
    }
  }
});

for (const { name, jumpMs, objects } of [
  { name: 'behind', jumpMs: -365 * 86_400_000, objects: 0 },
  { name: 'a minute ahead', jumpMs: 60_000, objects: 0 },
  { name: 'as far ahead as if it had been off', jumpMs: 2 * 3_600_000, objects: 1 },
]) {
  test(`a start with a wall clock that is ${name} expires ${objects} keys`, async () => {
    const clock = new SimClock({ random: seededRandom(1) });
    const disk = new MemoryDisk();
    {
      await using store = await openOn(disk, clock);
      await putFiles(store, idOf(1), { a: contentOf(1, 100) });
      await clock.advance(1_800_000);
      await putFiles(store, idOf(2), { a: contentOf(2, 100) });
    }
    clock.jumpWall(jumpMs);
    await using store = await openOn(disk, clock);
    await putFiles(store, idOf(2), { a: contentOf(3, 100) });
    const rules = { ttlSeconds: 3_600 };
    await using cleaner = new Cleaner({ store, rules, intervalMs: 0, clock, log: silentLogger });
    const first = await clock.until(cleaner.run({ dryRun: false }, signal));
    assert.equal(first.objects, objects);
    await clock.advance(3_600_000);
    const second = await clock.until(cleaner.run({ dryRun: false }, signal));
    assert.equal(second.objects, 2 - objects);
  });
}
