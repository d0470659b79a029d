import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import { openCacheStore } from '../dataplane/cache-store.ts';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import type { ValueStore } from '../dataplane/value-store.ts';
import { contentOf, getFiles, idOf } from '../dataplane/value-store-conformance.ts';
import { defaultReliabilityRules, type ReliabilityRules } from './decide.ts';
import { ReliableStore } from './reliable-store.ts';

const signal = new AbortController().signal;

/** A store with a directory that outlives it. */
class Rig {
  readonly clock = new SimClock({ random: seededRandom(1) });
  values = new MemoryDisk();
  decisions = new MemoryDisk();

  async open(
    rules: Partial<ReliabilityRules> = {},
    options: { readonly durability?: 'none' | 'commit'; readonly keysMax?: number } = {},
  ): Promise<ReliableStore> {
    const { clock, values, decisions } = this;
    const store = { directory: '/', disk: values, storageBytes: 64 * 2 ** 20, memoryBytes: 0 };
    const ambient = { clock, random: seededRandom(1), log: silentLogger };
    const inner = await openCacheStore({ ...store, ...options, ...ambient }, signal);
    const all = { ...defaultReliabilityRules, ...rules };
    return new ReliableStore(inner, {
      disk: decisions,
      rules: all,
      clock,
      log: silentLogger,
      ...options,
    });
  }

  /** What a new process finds after a loss of power. */
  afterPowerLoss(): Rig {
    const next = new Rig();
    next.values = this.values.afterPowerLoss();
    next.decisions = this.decisions.afterPowerLoss();
    return next;
  }

  /** What a new process finds after SIGKILL. */
  afterCrash(): Rig {
    const next = new Rig();
    next.values = this.values.afterCrash();
    next.decisions = this.decisions.afterCrash();
    return next;
  }
}

type Files = Readonly<Partial<Record<UnityCacheFileType, Buffer>>>;

/** Uploads as a connection from `address` does; in parts of 64 KiB, or of `partBytes`. */
async function upload(
  store: ValueStore,
  files: Files,
  { id = idOf(1), address = '10.0.0.1', partBytes = 65_536 } = {},
): Promise<string> {
  const put = store.begin(id, 0, { address: { text: address } });
  for (const [type, bytes] of Object.entries(files) as [UnityCacheFileType, Buffer][]) {
    put.startFile(type, bytes.length); // the keys of Files are types
    for (let at = 0; at < bytes.length; at += partBytes) {
      await put.write(Buffer.from(bytes.subarray(at, at + partBytes)));
    }
    put.endFile();
  }
  const outcome = await put.commit();
  return outcome.outcome === 'stored' ? 'stored' : outcome.reason;
}

const small = { a: contentOf(1, 500), i: contentOf(1, 20) };

for (const size of [10, 20_000, 262_144, 1_500_000]) {
  test(`high reliability stores the second of two alike, of ${size} bytes`, async () => {
    await using store = await new Rig().open();
    const files = { a: contentOf(1, size), r: contentOf(2, size) };
    assert.equal(await upload(store, files), 'unconfirmed');
    assert.deepEqual(await getFiles(store, idOf(1)), {});
    assert.equal(await upload(store, files, { partBytes: 10_007 }), 'stored');
    assert.deepEqual(await getFiles(store, idOf(1)), files);
    assert.equal(store.stats().uploadBytes, 0);
  });
}

for (const { durability, second } of [
  { durability: 'commit', second: 'stored' },
  { durability: 'none', second: 'unconfirmed' },
] as const) {
  test(`high reliability after a loss of power, with durability ${durability}: ${second}`, async () => {
    const rig = new Rig();
    rig.values.losesUnsynced = true;
    rig.decisions.losesUnsynced = true;
    const first = await rig.open({}, { durability });
    assert.equal(await upload(first, small), 'unconfirmed');
    const next = rig.afterPowerLoss();
    await first[Symbol.asyncDispose]();
    await using store = await next.open({}, { durability });
    assert.equal(await upload(store, small), second);
    const later = next.afterPowerLoss();
    await using last = await later.open({}, { durability });
    assert.equal(last.reliability().stable, durability === 'commit' ? 1 : 0);
  });
}

test('high reliability tells of decisions that the disk did not take', async () => {
  const rig = new Rig();
  await using store = await rig.open({}, { durability: 'commit' });
  rig.decisions.fault = ({ operation }) =>
    operation === 'sync' ? { error: systemError('EIO') } : undefined;
  assert.equal(await upload(store, small), 'unconfirmed');
  assert.equal(store.reliability().lostRecords, 1);
  assert.equal(await upload(store, small), 'stored');
});

test('high reliability counts nothing of an info file but that it is there', async () => {
  await using store = await new Rig().open();
  await upload(store, small);
  assert.equal(await upload(store, { ...small, i: contentOf(9, 99) }), 'stored');
  assert.deepEqual(await getFiles(store, idOf(1)), { ...small, i: contentOf(9, 99) });
});

for (const { name, second } of [
  { name: 'another byte', second: { ...small, a: contentOf(2, 500) } },
  { name: 'another length', second: { ...small, a: contentOf(1, 501) } },
  { name: 'a file more', second: { ...small, r: contentOf(1, 5) } },
  { name: 'a file less', second: { a: small.a } },
  { name: 'an empty file in place of one', second: { ...small, i: Buffer.alloc(0) } },
]) {
  test(`high reliability calls a key with ${name} unstable, and tells of it`, async () => {
    await using store = await new Rig().open();
    await upload(store, small);
    assert.equal(await upload(store, second, { address: '10.0.0.2' }), 'unstable');
    assert.equal(await upload(store, small), 'unstable');
    assert.deepEqual(await getFiles(store, idOf(1)), {});
    const { unstable, uploads, unstableAssets } = store.reliability();
    assert.deepEqual([unstable, uploads.unconfirmed, uploads.unstable], [1, 1, 2]);
    assert.deepEqual(
      unstableAssets.map(({ stored, client }) => [stored, client]),
      [[false, '10.0.0.2']],
    );
  });
}

test('high reliability counts clients by address', async () => {
  await using store = await new Rig().open({ clients: 'distinct' });
  assert.equal(await upload(store, small), 'unconfirmed');
  assert.equal(await upload(store, small), 'unconfirmed');
  assert.equal(await upload(store, small, { address: '::1' }), 'stored');
});

test('high reliability ignores the version of the editor where it shall', async () => {
  const asset = (version: string, content: Buffer): Buffer => {
    const head = Buffer.alloc(20);
    head.writeUInt32BE(version.length, 0); // sizes in the head depend on it
    return Buffer.concat([head, Buffer.from(`${version}\0`), content]);
  };
  for (const size of [50, 700_000]) {
    const content = contentOf(3, size);
    const first = { a: asset('2018.4.1f1', content) };
    const second = { a: asset('2018.4.12f1', content) };
    await using counting = await new Rig().open();
    await upload(counting, first);
    assert.equal(await upload(counting, second), 'unstable');
    await using ignoring = await new Rig().open({ editorVersion: 'ignored' });
    await upload(ignoring, first);
    assert.equal(await upload(ignoring, second), 'stored');
    const other = { a: asset('2018.4.1f1', contentOf(4, size)) };
    assert.equal(await upload(ignoring, other), 'unstable');
  }
});

test('high reliability remembers over a death what it decided, with a torn tail cut', async () => {
  const rig = new Rig();
  await using store = await rig.open();
  await upload(store, small, { id: idOf(1) });
  await upload(store, small, { id: idOf(2) });
  await upload(store, small, { id: idOf(2) });
  await upload(store, small, { id: idOf(3) });
  await upload(store, { a: contentOf(9, 9) }, { id: idOf(3) });
  const next = rig.afterCrash();
  for (const inode of next.decisions.files.values()) inode.sizeBytes -= 5; // the last word on 3
  await using again = await next.open();
  assert.equal(await upload(again, small, { id: idOf(1) }), 'stored');
  assert.equal(await upload(again, small, { id: idOf(2) }), 'settled');
  assert.equal(await upload(again, small, { id: idOf(3) }), 'stored');
});

test('high reliability has a key free again once it was removed', async () => {
  const rig = new Rig();
  await using store = await rig.open();
  await upload(store, small);
  await upload(store, small);
  await store.remove(idOf(1), 0);
  assert.equal(await upload(store, { a: contentOf(8, 8) }), 'unconfirmed');
  assert.equal(await upload(store, { a: contentOf(8, 8) }), 'stored');
  await upload(store, small, { id: idOf(2) });
  await store.clear();
  await using again = await rig.afterCrash().open();
  assert.equal(await upload(again, small, { id: idOf(2) }), 'unconfirmed');
});

test('high reliability does not call stored what the disk refused', async () => {
  const rig = new Rig();
  await using store = await rig.open();
  await upload(store, small);
  rig.values.fault = ({ operation }) =>
    operation === 'write'
      ? { error: Object.assign(new Error('full'), { code: 'ENOSPC' }) }
      : undefined;
  assert.equal(await upload(store, small), 'disk-full');
  rig.values.fault = () => undefined;
  assert.equal(await upload(store, small), 'stored');
});

test('high reliability judges uploads of one key one after another while the disk is asked', async () => {
  await using store = await new Rig().open({}, { durability: 'commit' });
  await upload(store, small);
  const outcomes = await Promise.all([
    upload(store, small),
    upload(store, { ...small, a: contentOf(7, 7) }),
    upload(store, small),
  ]);
  assert.deepEqual(outcomes.toSorted(), ['settled', 'stored', 'unstable']);
  assert.deepEqual(await getFiles(store, idOf(1)), small);
});

test('high reliability counts no upload whose client went before the end', async () => {
  await using store = await new Rig().open();
  const put = store.begin(idOf(1), 0);
  put.startFile('a', 400_000);
  await put.write(contentOf(1, 400_000));
  put.endFile();
  const outcome = put.commit();
  put.abandon();
  await outcome;
  assert.equal(store.reliability().pending, 0);
  assert.equal(store.stats().uploadBytes, 0);
});

test('high reliability forgets stable keys first when it may remember no more', async () => {
  await using store = await new Rig().open({}, { keysMax: 10 });
  for (let number = 0; number < 9; number++) {
    await upload(store, small, { id: idOf(number) });
    await upload(store, small, { id: idOf(number) });
  }
  await upload(store, small, { id: idOf(100) });
  for (let number = 200; number < 205; number++) await upload(store, small, { id: idOf(number) });
  const { pending, stable, forgotten } = store.reliability();
  assert.deepEqual([pending, stable, forgotten], [6, 4, 5]);
  assert.equal(await upload(store, small, { id: idOf(100) }), 'stored');
  for (let number = 0; number < 9; number++) {
    assert.equal(await upload(store, small, { id: idOf(number) }), 'settled');
  }
});

test('of two replicas that see one upload each none stores it, and each decides for itself', async () => {
  await using left = await new Rig().open();
  await using right = await new Rig().open();
  assert.equal(await upload(left, small), 'unconfirmed');
  assert.equal(await upload(right, small), 'unconfirmed');
  assert.equal(await upload(left, small), 'stored');
  assert.deepEqual(await getFiles(right, idOf(1)), {});
  const other = { ...small, a: contentOf(2, 500) };
  assert.equal(await upload(right, other), 'unstable');
  assert.deepEqual(await getFiles(left, idOf(1)), small);
});
