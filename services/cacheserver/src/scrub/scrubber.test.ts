import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheStore, openCacheStore } from '../dataplane/cache-store.ts';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import { contentOf, getFiles, idOf, putFiles } from '../dataplane/value-store-conformance.ts';
import { Scrubber, type ScrubRules } from './scrubber.ts';

const signal = new AbortController().signal;
const mebibyte = 1_048_576;

interface Bench extends AsyncDisposable {
  readonly clock: SimClock;
  readonly disk: MemoryDisk;
  readonly store: CacheStore;
  readonly scrubber: Scrubber;
}

/** Fifty keys of 20,000 bytes and more in a memory tier that holds them all, and one large one. */
async function bench(rules: Partial<ScrubRules>): Promise<Bench> {
  const clock = new SimClock({ random: seededRandom(1) });
  const disk = new MemoryDisk();
  const shared = { clock, random: seededRandom(1), log: silentLogger };
  const bounds = { storageBytes: 64 * mebibyte, memoryBytes: 64 * mebibyte };
  const store = await openCacheStore({ directory: 'memory', disk, ...bounds, ...shared }, signal);
  for (let key = 0; key < 50; key++)
    await putFiles(store, idOf(key), { a: contentOf(key, 20_000), i: contentOf(key, 100) });
  await putFiles(store, idOf(50), { r: contentOf(50, 700_000) });
  const scrubber = new Scrubber({ store, rules, clock, log: silentLogger });
  return {
    clock,
    disk,
    store,
    scrubber,
    async [Symbol.asyncDispose]() {
      await scrubber[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      assert.equal(clock.waitingCount, 0);
    },
  };
}

const allBytes = 50 * 20_100 + 700_000;

test('everything is read once a period, no faster than it may, and not from memory', async () => {
  await using it = await bench({ periodSeconds: 3_600, bytesPerSecondMax: mebibyte });
  it.scrubber.start();
  await it.clock.advance(30 * 60_000);
  const half = it.scrubber.stats();
  assert.equal(half.passes, 0);
  assert.ok(half.progress > 0.4 && half.progress < 0.75, `${half.progress} of a pass`);
  await it.clock.advance(29 * 60_000);
  const whole = it.scrubber.stats();
  assert.deepEqual([whole.passes, whole.verifiedKeys, whole.verifiedBytes], [1, 51, allBytes]);
  assert.ok((whole.lastPassSeconds ?? 0) > 45 * 60, `${whole.lastPassSeconds} s`);
  await it.clock.advance(61 * 60_000);
  assert.equal(it.scrubber.stats().passes, 2);
  assert.equal(it.scrubber.stats().damaged, 0);
});

test('the rate holds where the period is too short for it', async () => {
  await using it = await bench({ periodSeconds: 1, bytesPerSecondMax: 10_000 });
  it.scrubber.start();
  await it.clock.advance(60_000);
  const { verifiedBytes, passes } = it.scrubber.stats();
  assert.equal(passes, 0);
  assert.ok(verifiedBytes >= 500_000 && verifiedBytes <= 640_000, `${verifiedBytes} bytes`);
});

test('what is damaged is given up and counted, the rest stays', async () => {
  await using it = await bench({ periodSeconds: 60 });
  await putFiles(it.store, idOf(51), { r: contentOf(51, 1_500_000) }); // in a file of its own
  const values = it.disk.files.get('1.values');
  const single = it.disk.files.get('2.single');
  assert.ok(values && single);
  values.bytes[5 * 20_100 + 7] = 0; // in key 5
  single.sizeBytes -= 1;
  it.scrubber.start();
  await it.clock.advance(120_000);
  assert.ok(it.scrubber.stats().passes >= 1);
  assert.equal(it.scrubber.stats().damaged, 2);
  assert.equal(it.store.stats().damagedValues, 2);
  assert.deepEqual(await getFiles(it.store, idOf(5)), { i: contentOf(5, 100) });
  assert.deepEqual(await getFiles(it.store, idOf(51)), {});
  assert.deepEqual(await getFiles(it.store, idOf(6)), {
    a: contentOf(6, 20_000),
    i: contentOf(6, 100),
  });
});

test('a disk that cannot be read costs no value', async () => {
  await using it = await bench({ periodSeconds: 60 });
  it.disk.fault = ({ operation }) =>
    operation === 'read' ? { error: systemError('EIO') } : undefined;
  it.scrubber.start();
  await it.clock.advance(100_000);
  assert.ok(it.scrubber.stats().unreadable >= 101);
  assert.equal(it.scrubber.stats().damaged, 0);
  assert.equal(it.store.stats().keys, 51);
});

test('a scrub sleeps when it is told to, and goes on when it is told so', async () => {
  await using it = await bench({ periodSeconds: 0 });
  it.scrubber.start();
  await it.clock.advance(3_600_000);
  assert.equal(it.scrubber.stats().verifiedKeys, 0);
  it.scrubber.change({ periodSeconds: 600 });
  await it.clock.advance(1_300_000);
  assert.ok(it.scrubber.stats().passes >= 1);
  it.scrubber.change({ periodSeconds: 0 });
  const { verifiedKeys } = it.scrubber.stats();
  await it.clock.advance(3_600_000);
  assert.ok(it.scrubber.stats().verifiedKeys <= verifiedKeys + 51);
});
