import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheStore, openCacheStore } from '../dataplane/cache-store.ts';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import { contentOf, getFiles, idOf, putFiles } from '../dataplane/value-store-conformance.ts';
import { Cleaner } from './cleaner.ts';
import type { CleanReport } from './cleaner-report.ts';
import type { CleanerRules } from './cleaner-rules.ts';

const signal = new AbortController().signal;
const mebibyte = 1_048_576;
const hourMs = 3_600_000;

interface Bench extends AsyncDisposable {
  readonly clock: SimClock;
  readonly disk: MemoryDisk;
  readonly store: CacheStore;
  readonly cleaner: Cleaner;
  readonly reports: CleanReport[];
  /** Runs the cleaner in simulated time. */
  clean(dryRun?: boolean): Promise<CleanReport>;
  /** Keys that are there, by their idOf numbers. */
  keys(): Promise<number[]>;
}

async function bench(
  rules: CleanerRules,
  { intervalMs = 0, disk = new MemoryDisk(), storageBytes = 64 * mebibyte } = {},
): Promise<Bench> {
  const clock = new SimClock({ random: seededRandom(1) });
  const shared = { clock, random: seededRandom(1), log: silentLogger };
  const where = { directory: 'memory', disk, storageBytes, memoryBytes: 0 };
  const store = await openCacheStore({ ...where, ...shared }, signal);
  const reports: CleanReport[] = [];
  const onReport = (report: CleanReport): void => void reports.push(report);
  const cleaner = new Cleaner({ store, rules, intervalMs, onReport, clock, log: silentLogger });
  return {
    clock,
    disk,
    store,
    cleaner,
    reports,
    clean: (dryRun = false) => clock.until(cleaner.run({ dryRun }, signal)),
    async keys() {
      const numbers: number[] = [];
      for (let number = 0; number < 200; number++)
        if (await store.describe(idOf(number), 0)) numbers.push(number);
      return numbers;
    },
    async [Symbol.asyncDispose]() {
      await cleaner[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      assert.equal(disk.openFiles, 0);
      assert.equal(clock.waitingCount, 0);
    },
  };
}

/** One key a minute, key n of `bytes(n)` bytes. */
async function fill(
  { store, clock }: Bench,
  count: number,
  bytes: (key: number) => number,
): Promise<void> {
  for (let key = 0; key < count; key++) {
    await clock.advance(60_000);
    await putFiles(store, idOf(key), { a: contentOf(key, bytes(key)) });
  }
}

test('keys expire that were not used for the time, and their space comes back', async () => {
  await using it = await bench({ ttlSeconds: 3_600 });
  await fill(it, 30, () => 100_000);
  await it.clock.advance(hourMs / 2);
  for (const key of [0, 10]) await getFiles(it.store, idOf(key));
  await it.clock.advance(hourMs / 2 - 10 * 60_000);
  const before = it.store.usedBytes;
  const dry = await it.clean(true);
  assert.equal(it.store.stats().keys, 30);
  const report = await it.clean();
  assert.deepEqual(report.reasons.expired, { objects: 18, bytes: 1_800_000 });
  assert.deepEqual({ objects: report.objects, bytes: report.bytes }, report.reasons.expired);
  assert.deepEqual([dry.dryRun, dry.reasons, dry.visited], [true, report.reasons, 30]);
  assert.deepEqual([dry.reclaimedBytes, dry.storageBytes], [0, before]);
  assert.equal(report.oldestSeconds, dry.oldestSeconds);
  assert.ok(report.oldestSeconds >= 3_600 && report.oldestSeconds < 2 * 3_600);
  const kept = Array.from({ length: 30 }, (_, key) => key).filter((key) => key > 19);
  assert.deepEqual(await it.keys(), [0, 10, ...kept]);
  assert.ok(report.reclaimedBytes >= 1_800_000, `${report.reclaimedBytes} bytes`);
  const noteBytes = 4_096;
  assert.equal(it.store.usedBytes, before - report.reclaimedBytes + noteBytes);
  assert.deepEqual(it.reports, [report]);
});

test('without renewal a hit keeps nothing longer', async () => {
  await using it = await bench({ ttlSeconds: 3_600, renewOnHit: false });
  await fill(it, 2, () => 1_000);
  await it.clock.advance(hourMs - 60_000);
  await getFiles(it.store, idOf(0));
  assert.equal((await it.clean()).objects, 1);
  assert.deepEqual(await it.keys(), [1]);
});

for (const jumpMs of [10 * 365 * 24 * hourMs, -10 * 365 * 24 * hourMs]) {
  test(`a wall clock that jumps by ${jumpMs / hourMs} hours neither expires nor spares a key`, async () => {
    await using it = await bench({ ttlSeconds: 3_600 });
    await fill(it, 3, () => 1_000);
    it.clock.jumpWall(jumpMs);
    assert.equal((await it.clean()).objects, 0);
    await putFiles(it.store, idOf(3), { a: contentOf(3, 10) });
    await it.clock.advance(hourMs - 60_000);
    assert.equal((await it.clean()).objects, 2);
    await it.clock.advance(60_000);
    assert.equal((await it.clean()).objects, 2);
    assert.deepEqual(await it.keys(), []);
  });
}

test('the least recently used go first when there are too many bytes', async () => {
  await using it = await bench({ maxBytes: 2_100_000 });
  await fill(it, 60, (key) => 50_000 + key);
  for (const key of [0, 5, 7]) {
    await it.clock.advance(60_000);
    await getFiles(it.store, idOf(key));
  }
  const dry = await it.clean(true);
  const report = await it.clean();
  assert.ok(it.store.usedBytes <= 2_100_000, `${it.store.usedBytes} bytes`);
  assert.equal(report.objects, report.reasons['max-bytes'].objects);
  assert.ok(Math.abs(dry.objects - report.objects) <= 4, `${dry.objects} and ${report.objects}`);
  const keys = await it.keys();
  const least = Math.min(...keys.filter((key) => ![0, 5, 7].includes(key)));
  const wanted = Array.from({ length: 60 }, (_, key) => key).filter((key) => key >= least);
  assert.deepEqual(keys, [0, 5, 7, ...wanted]);
  assert.ok(keys.length >= 35, `${keys.length} keys`);
  for (const key of keys)
    assert.deepEqual(await getFiles(it.store, idOf(key)), { a: contentOf(key, 50_000 + key) });
});

test('a floor of free space is kept, whoever fills the disk', async () => {
  const disk = new MemoryDisk();
  await using it = await bench({ freeBytes: 2 * mebibyte }, { disk });
  await fill(it, 40, () => 50_000);
  disk.capacityBytes = disk.usedBytes + 4 * mebibyte;
  assert.equal((await it.clean()).objects, 0);
  disk.capacityBytes = disk.usedBytes + 1.25 * mebibyte;
  const report = await it.clean();
  assert.ok((await disk.freeBytes()) >= 2 * mebibyte, `${await disk.freeBytes()} bytes free`);
  assert.equal(report.reasons['free-bytes'].objects, report.objects);
  assert.ok(report.objects >= 15 && report.objects < 30, `${report.objects} keys`);
  assert.ok((await it.keys()).includes(39));
});

test('a bound of nothing keeps nothing, and the store goes on', async () => {
  await using it = await bench({ maxBytes: 0 });
  await fill(it, 20, (key) => (key % 5 === 0 ? 400_000 : 1_000));
  const report = await it.clean();
  assert.equal(report.objects, 20);
  assert.deepEqual(await it.keys(), []);
  assert.ok(it.store.usedBytes <= 32_768, `${it.store.usedBytes} bytes`);
  await putFiles(it.store, idOf(1), { a: contentOf(1, 100) });
  assert.deepEqual(await getFiles(it.store, idOf(1)), { a: contentOf(1, 100) });
  assert.equal((await it.clean()).objects, 1);
  assert.equal((await it.clean()).objects, 0);
});

test('a bound below one object takes that object, and no longer than it has to', async () => {
  await using it = await bench({ maxBytes: 100_000 });
  await fill(it, 3, (key) => (key === 1 ? 300_000 : 10_000));
  assert.equal((await it.clean()).objects, 2);
  assert.deepEqual(await it.keys(), [2]);
});

test('rules change while it runs on its schedule, and wrong ones change nothing', async () => {
  await using it = await bench({}, { intervalMs: 60_000 });
  await fill(it, 20, () => 1_000);
  it.cleaner.start();
  await it.clock.advance(10 * 60_000);
  assert.ok(it.reports.length >= 9 && it.reports.length <= 10, `${it.reports.length} runs`);
  assert.equal(it.store.stats().keys, 20);
  for (const rules of [{ ttlSeconds: 0 }, { maxBytes: -1 }, { freeBytes: 0.5 }])
    assert.throws(() => it.cleaner.change(rules), { code: 'CACHE_CLEANER_RULES' });
  assert.deepEqual(it.cleaner.rules, {});
  it.cleaner.change({ ttlSeconds: 20 * 60 });
  await it.clock.advance(1_000);
  assert.equal(it.store.stats().keys, 10);
  await it.clock.advance(3 * 60_000);
  assert.equal(it.store.stats().keys, 7);
  it.cleaner.change({}, 0);
  const { length } = it.reports;
  await it.clock.advance(hourMs);
  assert.equal(it.reports.length, length);
});

test('who asks twice at once waits for one run', async () => {
  await using it = await bench({ ttlSeconds: 60 });
  await fill(it, 20, () => 1_000);
  await it.clock.advance(hourMs);
  const asked = [false, false, true, true].map((dryRun) => it.cleaner.run({ dryRun }, signal));
  const [first, second, dry, again] = await it.clock.until(Promise.all(asked));
  assert.deepEqual([first?.objects, second, again], [20, first, dry]);
  assert.equal(dry?.objects, 0);
  assert.equal(it.cleaner.stats().runs, 1);
});

test('a stop ends a run between two steps', async () => {
  await using it = await bench({ ttlSeconds: 60 });
  await fill(it, 200, () => 100);
  await it.clock.advance(hourMs);
  const run = it.cleaner.run({ dryRun: false }, signal);
  const stopped = assert.rejects(run, /stopped/);
  await it.cleaner[Symbol.asyncDispose]();
  await stopped;
});

test('clients are served while it cleans, and what they put and get meanwhile stays', async () => {
  await using it = await bench({ maxBytes: 3 * mebibyte }, { storageBytes: 16 * mebibyte });
  await fill(it, 150, (key) => (key % 10 === 0 ? 300_000 : 20_000 + key));
  const entry = await it.store.find(idOf(0), 0);
  assert.ok(entry);
  const body = entry.open('a');
  const run = it.cleaner.run({ dryRun: false }, signal);
  for (let key = 150; key < 190; key++) {
    await putFiles(it.store, idOf(key), { a: contentOf(key, 20_000 + key) });
    await it.clock.advance(1);
    assert.deepEqual(await getFiles(it.store, idOf(key)), { a: contentOf(key, 20_000 + key) });
  }
  await it.clock.until(run);
  const parts: Buffer[] = [];
  for (let part = await body.next(); part; part = await body.next()) parts.push(part);
  assert.deepEqual(Buffer.concat(parts), contentOf(0, 300_000));
  body.close();
  entry.release();
  await it.clean();
  assert.ok(it.store.usedBytes <= 3 * mebibyte);
  for (let key = 150; key < 190; key++)
    assert.deepEqual(await getFiles(it.store, idOf(key)), { a: contentOf(key, 20_000 + key) });
});

test('a disk that fails costs the run nothing but the space that stays', async () => {
  await using it = await bench({ ttlSeconds: 60 });
  await fill(it, 20, () => 10_000);
  await it.clock.advance(hourMs);
  await putFiles(it.store, idOf(50), { a: contentOf(50, 10_000) });
  it.disk.fault = () => ({ error: systemError('EIO') });
  const report = await it.clean();
  assert.equal(report.objects, 20);
  it.disk.fault = () => undefined;
  await it.clean();
  assert.deepEqual(await it.keys(), [50]);
  assert.deepEqual(await getFiles(it.store, idOf(50)), { a: contentOf(50, 10_000) });
});
