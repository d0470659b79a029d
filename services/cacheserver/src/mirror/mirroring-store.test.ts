import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnityCacheFileType } from '@tweendeck/wire';
import { CacheClient } from '../client/cache-client.ts';
import { parseRange } from '../dataplane/access/address.ts';
import { openPolicy } from '../dataplane/access/policy.ts';
import type { ListenAddress } from '../dataplane/listen.ts';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import { StoreDecorator } from '../dataplane/store-decorator.ts';
import type { Soon, StoredEntry, ValueStore } from '../dataplane/value-store.ts';
import {
  contentOf,
  getFiles,
  idOf,
  putFiles,
  testValueStore,
} from '../dataplane/value-store-conformance.ts';
import { type TestPlane, TestWorld } from '../testing/planes.ts';
import type { MirrorStats } from './mirror-link.ts';
import { markedNode } from './mirror-mark.ts';
import { defaultMirrorSettings, MirroringStore } from './mirroring-store.ts';

const signal = new AbortController().signal;

type Files = Readonly<Partial<Record<UnityCacheFileType, Buffer>>>;

interface MirrorRig {
  readonly disk?: MemoryDisk;
  readonly queue?: MemoryDisk;
  readonly queueBytesMax?: number;
  readonly backfill?: boolean;
  readonly inner?: ValueStore;
  /** Of the store and of the queue. */
  readonly durability?: 'none' | 'commit';
}

/** A plane that mirrors to `targets`. */
async function mirrorTo(
  world: TestWorld,
  targets: readonly ListenAddress[],
  { disk, queue, queueBytesMax = 2 ** 20, backfill = true, inner, durability }: MirrorRig = {},
): Promise<TestPlane & { readonly store: MirroringStore }> {
  const { clock, random, log } = world;
  const synced = durability === undefined ? {} : { durability };
  const store = new MirroringStore(inner ?? (await world.openStore(disk, synced)), {
    disk: queue ?? new MemoryDisk(),
    ...synced,
    queueBytesMax,
    settings: { ...defaultMirrorSettings, targets, backfill },
    clock,
    random,
    log,
  });
  const plane = await world.serve(store);
  return Object.assign(plane, { store });
}

/** Puts as a client does, and waits until it is stored. */
async function put(
  world: TestWorld,
  plane: TestPlane,
  number: number,
  files: Files,
): Promise<void> {
  using client = await CacheClient.connect({ ...plane.address, clock: world.clock }, signal);
  const sources = (Object.entries(files) as [UnityCacheFileType, Buffer][]).map(
    ([type, bytes]) => ({
      type, // the keys of Files are types
      sizeBytes: bytes.length,
      parts: [bytes],
    }),
  );
  await client.put(idOf(number), sources, signal);
  await client.fence(signal);
}

function mirrorOf(plane: { readonly store: MirroringStore }, at = 0): MirrorStats {
  const stats = plane.store.mirroring().mirrors[at];
  assert.ok(stats);
  return stats;
}

const isIdle = (plane: { readonly store: MirroringStore }): boolean =>
  plane.store
    .mirroring()
    .mirrors.every(({ state, lagTransactions }) => state === 'idle' && lagTransactions === 0);

const small = { a: contentOf(1, 500), i: contentOf(2, 20) };
const large = { a: contentOf(3, 3_000_000), i: contentOf(4, 30), r: contentOf(5, 200_000) };

testValueStore('a mirroring store', async () => {
  const world = new TestWorld();
  return new MirroringStore(await world.openStore(), {
    ...world,
    clock: world.clock,
    random: world.random,
    log: world.log,
    disk: new MemoryDisk(),
    queueBytesMax: 2 ** 20,
    settings: { ...defaultMirrorSettings, targets: [await world.nowhere()] },
  });
});

test('a mirror gets whole transactions of every size, and a key that is stored anew', async () => {
  await using world = new TestWorld();
  const there = await mirrorTo(world, []);
  const here = await mirrorTo(world, [there.address]);
  await put(world, here, 1, small);
  await put(world, here, 2, large);
  await put(world, here, 3, { r: contentOf(6, 1) });
  await world.until('mirrored', () => isIdle(here));
  assert.deepEqual(await getFiles(there.store, idOf(1)), small);
  assert.deepEqual(await getFiles(there.store, idOf(2)), large);
  assert.deepEqual(await getFiles(there.store, idOf(3)), { r: contentOf(6, 1) });
  const newer = { ...small, a: contentOf(9, 500) };
  await put(world, here, 1, newer);
  await world.until('mirrored again', () => isIdle(here));
  assert.deepEqual(await getFiles(there.store, idOf(1)), newer);
  assert.equal(mirrorOf(here).sent, 4);
});

test('two mirrors of one another send nothing back', async () => {
  await using world = new TestWorld();
  const left = await mirrorTo(world, []);
  const right = await mirrorTo(world, [left.address]);
  await left.store.change({ ...defaultMirrorSettings, targets: [right.address] });
  await put(world, left, 1, small);
  await put(world, right, 2, large);
  await world.until('both have both', () => left.stored === 2 && right.stored === 2);
  await world.until('both rest', () => isIdle(left) && isIdle(right));
  assert.deepEqual(await getFiles(left.store, idOf(2)), large);
  assert.deepEqual(await getFiles(right.store, idOf(1)), small);
  assert.deepEqual([mirrorOf(left).sent, mirrorOf(right).sent], [1, 1]);
  assert.deepEqual([left.stored, right.stored], [2, 2]);
});

/** Does not say who it is, as other servers. Its inner store stays the test's. */
class Nameless extends StoreDecorator {
  override find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    return markedNode(bytes, at) === undefined ? this.inner.find(bytes, at) : undefined;
  }

  override async [Symbol.asyncDispose](): Promise<void> {}
}

test('a ring of three brings everything everywhere once, also where one does not know marks', async () => {
  for (const marked of [true, false]) {
    await using world = new TestWorld();
    const first = await mirrorTo(world, []);
    const third = await mirrorTo(world, [first.address]);
    const second = await mirrorTo(world, [third.address]);
    const hidden = marked ? second : await world.serve(new Nameless(second.store));
    await first.store.change({ ...defaultMirrorSettings, targets: [hidden.address] });
    const planes = [first, second, third];
    await world.until('there was nothing before', () => planes.every(isIdle));
    for (const [number, plane] of planes.entries()) {
      await put(world, plane, number, number === 1 ? large : small);
    }
    const all = async (): Promise<boolean> => {
      for (const { store } of planes) if (store.stats().keys !== 3) return false;
      return planes.every(isIdle);
    };
    await world.until('everything is everywhere', all);
    const sent = planes.reduce((sum, plane) => sum + mirrorOf(plane).sent, 0);
    assert.equal(sent, marked ? 6 : 7); // the nameless one cannot know that a key came round
  }
});

test('two mirrors that are put different content of one key come to rest', async () => {
  await using world = new TestWorld();
  const left = await mirrorTo(world, []);
  const right = await mirrorTo(world, [left.address]);
  await left.store.change({ ...defaultMirrorSettings, targets: [right.address] });
  const other = { ...small, a: contentOf(7, 300) };
  await Promise.all([put(world, left, 1, small), put(world, right, 1, other)]);
  await world.until('both rest', () => isIdle(left) && isIdle(right));
  assert.ok(mirrorOf(left).sent + mirrorOf(right).sent <= 2);
});

test('a mirror that is the very same namespace is known, and nothing is sent', async () => {
  await using world = new TestWorld();
  const here = await mirrorTo(world, []);
  await here.store.change({ ...defaultMirrorSettings, targets: [here.address] });
  await put(world, here, 1, small);
  await world.until('known', () => mirrorOf(here).state === 'self');
  assert.equal(here.stored, 1);
  assert.equal(mirrorOf(here).lagTransactions, 0);
});

test('a new mirror gets what was there before, and is not sent what it has', async () => {
  await using world = new TestWorld();
  const there = await mirrorTo(world, []);
  const here = await mirrorTo(world, []);
  for (let number = 0; number < 150; number++)
    await putFiles(here.store, idOf(number), number % 50 === 0 ? large : small);
  for (let number = 0; number < 60; number++)
    await putFiles(there.store, idOf(number), number % 50 === 0 ? large : small);
  await here.store.change({ ...defaultMirrorSettings, targets: [there.address] });
  await world.until('filled', () => isIdle(here) && there.store.stats().keys === 150);
  const { sent, present, backfill } = mirrorOf(here);
  assert.deepEqual([sent, present, backfill], [90, 60, false]);
  assert.deepEqual(await getFiles(there.store, idOf(100)), large);
});

test('a mirror that is down gets everything when it is back, also what was stored before a restart', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const [disk, queue] = [new MemoryDisk(), new MemoryDisk()];
  const here = await mirrorTo(world, [nowhere], { disk, queue, backfill: false });
  for (let number = 0; number < 10; number++) await putFiles(here.store, idOf(number), small);
  await world.until('several failures', () => mirrorOf(here).failures > 3, 500);
  const { lagTransactions, lagBytes, lagSeconds, state } = mirrorOf(here);
  assert.deepEqual([state, lagTransactions, lagBytes], ['failing', 10, 5_200]);
  assert.ok(lagSeconds > 1, `${lagSeconds} s`);
  const crash = { disk: disk.afterCrash(), queue: queue.afterCrash(), backfill: false };
  await here[Symbol.asyncDispose]();
  const again = await mirrorTo(world, [nowhere], crash);
  assert.deepEqual(again.store.node, here.store.node);
  assert.equal(mirrorOf(again).lagTransactions, 10);
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await world.until('mirrored', () => isIdle(again), 1_000);
  assert.equal(there.store.stats().keys, 10);
});

test('a mirror that fails is tried at once when what is configured is read again', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const here = await mirrorTo(world, [nowhere], { backfill: false });
  await put(world, here, 1, small);
  await world.until('a failure', () => mirrorOf(here).failures > 0);
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await here.store.change({ ...defaultMirrorSettings, targets: [nowhere] });
  await world.until('mirrored, in no time', () => isIdle(here));
  assert.equal(there.store.stats().keys, 1);
});

test('a mirror that restarts while it is connected gets what comes after', async () => {
  await using world = new TestWorld();
  const disk = new MemoryDisk();
  const there = await world.serve(await world.openStore(disk));
  const here = await mirrorTo(world, [there.address]);
  await put(world, here, 1, small);
  await world.until('first', () => isIdle(here));
  await there[Symbol.asyncDispose]();
  const again = await world.serve(await world.openStore(disk), { port: there.address.port });
  await put(world, here, 2, large);
  await world.until('second', () => isIdle(here), 100);
  assert.deepEqual(await getFiles(again.store, idOf(2)), large);
});

test('a connection to a mirror is closed when there is nothing to do', async () => {
  await using world = new TestWorld();
  const there = await world.serve(await world.openStore());
  const here = await mirrorTo(world, [there.address]);
  await put(world, here, 1, small);
  await world.until('mirrored', () => isIdle(here));
  const open = (): number => there.server.stats().server.connectionsOpen;
  assert.equal(open(), 1);
  await world.until('closed', () => open() === 0, 1_000);
  await put(world, here, 2, small);
  await world.until('mirrored', () => isIdle(here));
  assert.equal(there.stored, 2);
});

for (const { name, serve } of [
  {
    name: 'answers 00000000',
    serve: (socket) => socket.end('00000000'),
  },
  { name: 'accepts and never reads', serve: (socket) => socket.pause() },
  {
    name: 'agrees on the version and never answers',
    serve: (socket) => socket.once('data', () => socket.write('000000fe')).resume(),
  },
  {
    name: 'dies in the middle of a file',
    serve: (socket) => {
      let received = 0;
      socket.write('000000fe');
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        const get = chunk.indexOf('gi');
        if (get >= 0)
          socket.write(Buffer.concat([Buffer.from('-i'), chunk.subarray(get + 2, get + 34)]));
        if (received > 500_000) socket.resetAndDestroy();
      });
    },
  },
  {
    name: 'answers nonsense',
    serve: (socket) => socket.write('000000fe+x_nonsense_nonsense_nonsense_nonsense_nonsense_'),
  },
] satisfies { name: string; serve: (socket: import('node:net').Socket) => unknown }[]) {
  test(`a mirror that ${name} is tried again, and nothing is lost`, async () => {
    await using world = new TestWorld();
    const bad = await world.serveRaw((socket) => void serve(socket));
    const here = await mirrorTo(world, [{ host: bad.host, port: bad.port }]);
    await put(world, here, 1, large);
    await world.until('several failures', () => mirrorOf(here).failures > 2, 1_000);
    assert.equal(mirrorOf(here).lagTransactions, 1);
    assert.equal(mirrorOf(here).sent, 0);
    bad.server.close();
    const there = await world.serve(await world.openStore(), { port: bad.port });
    await world.until('mirrored', () => isIdle(here), 1_000);
    assert.deepEqual(await getFiles(there.store, idOf(1)), large);
  });
}

test('a mirror that lets us put nothing is known by it, and gets everything once it does', async () => {
  await using world = new TestWorld();
  const elsewhere = parseRange('192.0.2.0/24');
  assert.ok(elsewhere);
  const policy = { ...openPolicy, putFrom: [elsewhere] };
  const there = await world.serve(await world.openStore(), { policy });
  const here = await mirrorTo(world, [there.address]);
  for (let number = 0; number < 100; number++) await putFiles(here.store, idOf(number), small);
  await world.until('known', () => mirrorOf(here).state === 'refused', 1_000);
  assert.match(mirrorOf(here).lastFailure, /keeps none/);
  assert.ok(mirrorOf(here).lagTransactions > 0);
  const listen = [{ host: '127.0.0.1', port: 0 }]; // the same that was asked for
  await there.server.change([{ name: 'test', listen }], {}, signal);
  await world.until('mirrored', () => isIdle(here), 1_000);
  assert.equal(there.store.stats().keys, 100);
});

test('a mirror that keeps nothing for hours is asked for everything once it does', async () => {
  await using world = new TestWorld();
  const elsewhere = parseRange('192.0.2.0/24');
  assert.ok(elsewhere);
  const policy = { ...openPolicy, putFrom: [elsewhere] };
  const there = await world.serve(await world.openStore(), { policy });
  const here = await mirrorTo(world, [there.address], { backfill: false });
  for (let number = 0; number < 5; number++) await putFiles(here.store, idOf(number), small);
  await world.until('given up', () => mirrorOf(here).lagTransactions === 0, 30_000);
  await world.until('still tried', () => mirrorOf(here).failures > 40, 30_000);
  assert.ok(mirrorOf(here).backfill);
  await there.server.change(
    [{ name: 'test', listen: [{ host: '127.0.0.1', port: 0 }] }],
    {},
    signal,
  );
  await world.until('mirrored', () => isIdle(here), 1_000);
  assert.equal(there.store.stats().keys, 5);
});

test('a transaction that its mirror does not keep does not hold up the others', async () => {
  await using world = new TestWorld();
  const there = await world.serve(
    await world.openStore(new MemoryDisk(), { storageBytes: 2 ** 21 }),
  );
  const here = await mirrorTo(world, [there.address], { backfill: false });
  await put(world, here, 1, large); // more than the half of what there is room for
  await world.until('known', () => mirrorOf(here).state === 'refused', 1_000);
  await put(world, here, 2, small);
  await world.until('the other is there', () => there.store.stats().keys === 1, 1_000);
  await world.until('at rest', () => isIdle(here), 1_000);
  assert.equal(mirrorOf(here).refused, 1);
});

test('a key that went before it was mirrored is passed over', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const here = await mirrorTo(world, [nowhere], { backfill: false });
  await put(world, here, 1, small);
  await put(world, here, 2, small);
  await here.store.remove(idOf(1), 0);
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await world.until('mirrored', () => isIdle(here), 1_000);
  const { sent, gone } = mirrorOf(here);
  assert.deepEqual([sent, gone, there.store.stats().keys], [1, 1, 1]);
});

test('a mirror too far behind for the queue is asked for everything, and lacks nothing in the end', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const here = await mirrorTo(world, [nowhere], { queueBytesMax: 16 * 16 * 72, backfill: false });
  using client = await CacheClient.connect({ ...here.address, clock: world.clock }, signal);
  for (let number = 0; number < 600; number++) {
    await client.put(idOf(number), [{ type: 'i', sizeBytes: 9, parts: [contentOf(1, 9)] }], signal);
  }
  await client.fence(signal);
  assert.ok(here.store.mirroring().queueBytes <= 16 * 16 * 72);
  assert.ok(here.store.mirroring().queueDropped > 300);
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await world.until('mirrored', () => isIdle(here), 1_000);
  assert.equal(there.store.stats().keys, 600);
  assert.equal(mirrorOf(here).skipped, here.store.mirroring().queueDropped);
});

test('what cannot be read here does not hold up the others, and is not sent half', async () => {
  await using world = new TestWorld();
  const disk = new MemoryDisk();
  const nowhere = await world.nowhere();
  const here = await mirrorTo(world, [nowhere], { disk, backfill: false });
  const spoilt = { a: contentOf(77, 5_000) };
  const spoiltLarge = { a: contentOf(88, 900_000) };
  await put(world, here, 1, small);
  await put(world, here, 2, spoilt);
  await put(world, here, 3, spoiltLarge);
  await put(world, here, 4, small);
  for (const { bytes } of disk.files.values()) {
    for (const content of [spoilt.a, spoiltLarge.a]) {
      const at = bytes.indexOf(content.subarray(0, 4_000));
      if (at >= 0) bytes[at + 100] = 1;
    }
  }
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await world.until('mirrored', () => isIdle(here), 1_000);
  const { sent, damaged } = mirrorOf(here);
  assert.deepEqual([sent, damaged, there.store.stats().keys], [2, 2, 2]);
  assert.equal(there.store.stats().uploadBytes, 0);
});

test('several mirrors go their own ways', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const there = await world.serve(await world.openStore());
  const here = await mirrorTo(world, [nowhere, there.address]);
  await put(world, here, 1, small);
  await world.until('one has it', () => there.stored === 1 && mirrorOf(here, 1).state === 'idle');
  assert.equal(mirrorOf(here, 0).lagTransactions, 1);
  const late = await world.serve(await world.openStore(), { port: nowhere.port });
  await world.until('the other too', () => isIdle(here), 1_000);
  assert.equal(late.store.stats().keys, 1);
});

/** What is left of a store and its queue when the power goes while it is put to, and which keys were acknowledged. */
async function losePower(
  world: TestWorld,
  durability: 'none' | 'commit',
  keys: number,
): Promise<{
  readonly disk: MemoryDisk;
  readonly queue: MemoryDisk;
  readonly acknowledged: readonly number[];
  /** Its mirror, where nobody listens. */
  readonly target: ListenAddress;
}> {
  const [disk, queue] = [new MemoryDisk(), new MemoryDisk()];
  disk.losesUnsynced = true;
  queue.losesUnsynced = true;
  const target = await world.nowhere();
  const here = await mirrorTo(world, [target], {
    disk,
    queue,
    durability,
    backfill: false,
    queueBytesMax: 65_536,
  });
  const acknowledged: number[] = [];
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  let left = { disk, queue, acknowledged: [] as readonly number[], target };
  const puts = Array.from({ length: 8 }, async (_, at) => {
    for (let number = at; acknowledged.length < keys; number += 8) {
      const { outcome } = await putFiles(here.store, idOf(number), small);
      assert.equal(outcome, 'stored');
      acknowledged.push(number);
      if (acknowledged.length !== keys) continue;
      left = {
        disk: disk.afterPowerLoss(),
        queue: queue.afterPowerLoss(),
        acknowledged: [...acknowledged],
        target,
      };
      resolve();
    }
  });
  await lost;
  await Promise.all(puts);
  await here[Symbol.asyncDispose]();
  return left;
}

for (const keys of [1, 7, 40, 100]) {
  test(`what was acknowledged is stored and queued when the power goes behind ${keys} puts`, async () => {
    await using world = new TestWorld();
    const { disk, queue, acknowledged } = await losePower(world, 'commit', keys);
    const inner = await world.openStore(disk);
    const store = new MirroringStore(inner, {
      disk: queue,
      queueBytesMax: 65_536,
      settings: { ...defaultMirrorSettings, targets: [await world.nowhere()], backfill: false },
      clock: world.clock,
      random: world.random,
      log: world.log,
    });
    const queued = new Set(store.queue.read(1, 10_000).map(({ id }) => id.toString('hex')));
    for (const number of acknowledged) {
      assert.ok(queued.has(idOf(number).toString('hex')), `${number} is not queued`);
      assert.deepEqual(await getFiles(store, idOf(number)), small);
    }
    for (const { id } of (await inner.keys({ keysMax: 1_000 })).keys) {
      assert.ok(queued.has(id.toString('hex')), 'something is stored and not queued');
    }
    await store[Symbol.asyncDispose]();
  });
}

test('with durability none the power takes what was acknowledged with it', async () => {
  await using world = new TestWorld();
  const { queue, acknowledged } = await losePower(world, 'none', 20);
  assert.equal(acknowledged.length, 20);
  assert.equal(queue.files.size, 0);
});

test('a mirror gets what was acknowledged before the power went, and is not taken for a new one', async () => {
  await using world = new TestWorld();
  const { disk, queue, acknowledged, target } = await losePower(world, 'commit', 12);
  const there = await world.serve(await world.openStore(), { port: target.port });
  // As a new one it would begin behind what is queued, since nothing is backfilled.
  const rig = { disk, queue, durability: 'commit', backfill: false } as const;
  const here = await mirrorTo(world, [target], rig);
  await world.until('mirrored', () => isIdle(here), 100);
  for (const number of acknowledged) {
    assert.deepEqual(await getFiles(there.store, idOf(number)), small);
  }
});

test('a queue whose disk does not sync leaves it to a backfill', async () => {
  await using world = new TestWorld();
  const queue = new MemoryDisk();
  const there = await world.serve(await world.openStore());
  const here = await mirrorTo(world, [there.address], { queue, durability: 'commit' });
  await world.until('filled', () => isIdle(here));
  queue.fault = ({ operation }) =>
    operation === 'sync' ? { error: systemError('EIO') } : undefined;
  assert.equal((await putFiles(here.store, idOf(1), small)).outcome, 'stored');
  assert.equal(here.store.mirroring().queueFailures, 1);
  await world.until('backfilled', () => isIdle(here));
  assert.deepEqual(await getFiles(there.store, idOf(1)), small);
});

test('an upload that is given up while its queue is synced is neither stored nor mirrored', async () => {
  await using world = new TestWorld();
  const there = await world.serve(await world.openStore());
  const here = await mirrorTo(world, [there.address], { durability: 'commit', backfill: false });
  const upload = here.store.begin(idOf(1), 0);
  upload.startFile('a', 3);
  await upload.write(Buffer.from('abc'));
  upload.endFile();
  const outcome = upload.commit();
  upload.abandon();
  assert.deepEqual(await outcome, { outcome: 'dropped', reason: 'empty' });
  await world.until('passed over', () => isIdle(here));
  assert.equal(here.store.stats().keys + there.store.stats().keys, 0);
});
