import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnityCacheFileType } from '@tweendeck/wire';
import { CacheClient } from '../client/cache-client.ts';
import type { ListenAddress } from '../dataplane/listen.ts';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import type { ValueStore } from '../dataplane/value-store.ts';
import {
  contentOf,
  getFiles,
  idOf,
  putFiles,
  testValueStore,
} from '../dataplane/value-store-conformance.ts';
import { type TestPlane, TestWorld } from '../testing/planes.ts';
import { defaultUpstreamSettings, type UpstreamSettings, UpstreamStore } from './upstream-store.ts';

const signal = new AbortController().signal;

/** A store that asks `address` for what it does not have. */
function askingStore(
  world: TestWorld,
  inner: ValueStore,
  address: ListenAddress,
  settings: Partial<UpstreamSettings> = {},
): UpstreamStore {
  const { clock, random, log } = world;
  const all = { ...defaultUpstreamSettings, address, ...settings };
  return new UpstreamStore(inner, { fill: inner, settings: all, clock, random, log });
}

interface Chain extends AsyncDisposable {
  readonly world: TestWorld;
  readonly there: TestPlane;
  readonly here: TestPlane;
  readonly store: UpstreamStore;
}

/** A plane that asks another. */
async function chain(settings: Partial<UpstreamSettings> = {}): Promise<Chain> {
  const world = new TestWorld();
  const there = await world.serve(await world.openStore());
  const store = askingStore(world, await world.openStore(), there.address, settings);
  const here = await world.serve(store);
  return { world, there, here, store, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** Asks as clients do, all at once on one connection; the answers in order. */
async function ask(
  world: TestWorld,
  plane: TestPlane,
  asked: readonly (readonly [number, UnityCacheFileType])[],
): Promise<(Buffer | undefined)[]> {
  using client = await CacheClient.connect({ ...plane.address, clock: world.clock }, signal);
  return await Promise.all(
    asked.map(([number, type]) => client.get({ id: idOf(number), type }, signal)),
  );
}

const small = { a: contentOf(1, 500), i: contentOf(2, 20) };
const large = { a: contentOf(3, 3_000_000), i: contentOf(4, 30), r: contentOf(5, 200_000) };

testValueStore('a store that asks an upstream', async () => {
  const world = new TestWorld();
  return askingStore(world, await world.openStore(), await world.nowhere());
});

test('a miss is got from the upstream as a whole transaction, kept, and answered in order', async () => {
  await using rig = await chain();
  const { world, there, here, store } = rig;
  await putFiles(there.store, idOf(1), small);
  await putFiles(there.store, idOf(2), large);
  await putFiles(store, idOf(3), { a: contentOf(8, 8) });
  const answers = await ask(world, here, [
    [2, 'i'],
    [3, 'a'],
    [9, 'a'],
    [1, 'a'],
    [2, 'a'],
    [1, 'r'],
  ]);
  assert.deepEqual(
    answers.map((answer) => answer?.length),
    [30, 8, undefined, 500, 3_000_000, undefined],
  );
  assert.deepEqual(answers[4], large.a);
  await there[Symbol.asyncDispose]();
  assert.deepEqual(await getFiles(store, idOf(2)), large);
  assert.deepEqual(await getFiles(store, idOf(1)), small);
  const { filled, filledBytes, absent } = store.upstream();
  assert.deepEqual([filled, filledBytes, absent], [2, 3_200_550, 1]);
});

test('large and small files of many keys are got behind one another over one connection', async () => {
  await using rig = await chain({ connectionsMax: 1 });
  const { world, there, here, store } = rig;
  const count = 12;
  const filesOf = (number: number): typeof large => ({
    a: contentOf(number, 700_000 + number * 10_007),
    i: contentOf(number, 30),
    r: contentOf(number, 1 + number * 50_021),
  });
  for (let number = 0; number < count; number++)
    await putFiles(there.store, idOf(number), filesOf(number));
  await Promise.all(
    Array.from({ length: count }, (_, number) => ask(world, here, [[number, 'a']])),
  );
  for (let number = 0; number < count; number++) {
    assert.deepEqual(await getFiles(store, idOf(number)), filesOf(number));
  }
});

test('many who miss one key at once ask for it once', async () => {
  await using rig = await chain();
  const { world, there, here, store } = rig;
  await putFiles(there.store, idOf(1), large);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => (await ask(world, here, [[1, 'a']]))[0]),
  );
  for (const answer of answers) assert.deepEqual(answer, large.a);
  assert.equal(store.upstream().filled, 1);
  const { hits } = there.server.stats().server;
  assert.deepEqual(hits, { a: 1, i: 1, r: 1 });
});

test('a key that the upstream does not have is not asked for again for seconds', async () => {
  await using rig = await chain();
  const { world, there, here, store } = rig;
  for (let round = 0; round < 3; round++)
    assert.deepEqual(await ask(world, here, [[1, 'a']]), [undefined]);
  assert.deepEqual([store.upstream().absent, store.upstream().absentBefore], [1, 2]);
  await putFiles(there.store, idOf(1), small);
  await world.clock.advance(defaultUpstreamSettings.absentMs);
  assert.deepEqual(await ask(world, here, [[1, 'a']]), [small.a]);
});

test('while the upstream is down misses do not wait, and it is asked again later', async () => {
  const world = new TestWorld();
  await using _world = world;
  const nowhere = await world.nowhere();
  const store = askingStore(world, await world.openStore(), nowhere);
  const here = await world.serve(store);
  assert.deepEqual(await ask(world, here, [[1, 'a']]), [undefined]);
  assert.equal(store.upstream().state, 'failing');
  for (let number = 0; number < 50; number++) assert.equal(store.find(idOf(number), 0), undefined);
  assert.deepEqual([store.upstream().failed, store.upstream().paused], [1, 50]);
  const there = await world.serve(await world.openStore(), { port: nowhere.port });
  await putFiles(there.store, idOf(1), small);
  await world.clock.advance(1_000);
  assert.deepEqual(await ask(world, here, [[1, 'a']]), [small.a]);
  assert.equal(store.upstream().state, 'ready');
});

for (const { name, answer } of [
  { name: 'refuses the version', answer: () => Buffer.from('00000000') },
  { name: 'answers nonsense', answer: () => Buffer.from('000000fe+x_nonsense') },
  {
    name: 'cuts a file short',
    answer: (asked: Buffer) => {
      const id = asked.subarray(2, 34);
      const miss = (type: string): Buffer => Buffer.concat([Buffer.from(`-${type}`), id]);
      const hit = Buffer.concat([Buffer.from('+a0000000000000100'), id, Buffer.alloc(100)]);
      return asked[1] === 0x69 && asked[2] === 0x74 ? miss('i') : hit;
    },
  },
]) {
  test(`nothing is kept of an upstream that ${name}`, async () => {
    await using world = new TestWorld();
    const bad = await world.serveRaw((socket) => {
      let greeted = false;
      socket.on('data', (chunk: Buffer) => {
        const asked = greeted ? chunk : chunk.subarray(8);
        if (!greeted && name.startsWith('cuts')) socket.write('000000fe');
        greeted = true;
        if (asked.length === 0 && name.startsWith('cuts')) return;
        const bytes = answer(asked);
        socket.write(bytes);
        if (bytes.length !== 34) socket.end();
      });
    });
    const store = askingStore(world, await world.openStore(), { host: bad.host, port: bad.port });
    const here = await world.serve(store);
    assert.deepEqual(await ask(world, here, [[1, 'a']]), [undefined]);
    const { failed, filled } = store.upstream();
    assert.deepEqual([failed, filled, store.stats().keys, store.stats().uploadBytes], [1, 0, 0, 0]);
  });
}

test('a client waits for an upstream only so long; what comes late is kept', async () => {
  await using world = new TestWorld();
  const there = await world.serve(await world.openStore());
  await putFiles(there.store, idOf(1), small);
  let release: (() => void) | undefined;
  const slow: ValueStore = Object.create(there.store, {
    find: {
      value: (bytes: Uint8Array, at: number) =>
        bytes[at] === 0x74
          ? undefined
          : new Promise((resolve) => {
              release = () => resolve(there.store.find(bytes, at));
            }),
    },
    [Symbol.asyncDispose]: { value: async () => undefined },
  });
  const slowPlane = await world.serve(slow);
  const store = askingStore(world, await world.openStore(), slowPlane.address, {
    timeoutMs: 60_000,
  });
  const here = await world.serve(store);
  const answer = ask(world, here, [[1, 'a']]);
  await world.until('asked', () => release !== undefined);
  await world.clock.advance(defaultUpstreamSettings.waitMs);
  assert.deepEqual(await answer, [undefined]);
  assert.deepEqual([store.upstream().late, store.upstream().state], [1, 'failing']);
  await world.until('kept', () => {
    release?.();
    return store.upstream().filled === 1;
  });
  assert.deepEqual(await getFiles(store, idOf(1)), small);
  assert.equal(store.upstream().state, 'ready');
});

test('no more keys than allowed are asked for at once', async () => {
  await using rig = await chain({ requestsMax: 2 });
  const { world, there, here, store } = rig;
  for (let number = 0; number < 10; number++) await putFiles(there.store, idOf(number), small);
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, number) => (await ask(world, here, [[number, 'a']]))[0]),
  );
  const { filled, busy } = store.upstream();
  assert.equal(filled + busy, 10);
  assert.equal(answers.filter((answer) => answer !== undefined).length, filled);
});

test('what the store does not take is a miss, and the upload leaves nothing', async () => {
  await using world = new TestWorld();
  const there = await world.serve(await world.openStore());
  await putFiles(there.store, idOf(1), large);
  const disk = new MemoryDisk();
  const store = askingStore(world, await world.openStore(disk), there.address);
  const here = await world.serve(store);
  disk.fault = ({ operation }) =>
    operation === 'write' ? { error: systemError('ENOSPC') } : undefined;
  assert.deepEqual(await ask(world, here, [[1, 'a']]), [undefined]);
  assert.deepEqual([store.upstream().refused, store.stats().uploadBytes], [1, 0]);
  disk.fault = () => undefined;
  assert.deepEqual(await ask(world, here, [[1, 'i']]), [large.i]);
});

test('two that ask one another notice it, and misses are misses', async () => {
  await using world = new TestWorld();
  const nowhere = await world.nowhere();
  const left = askingStore(world, await world.openStore(), nowhere);
  const leftPlane = await world.serve(left);
  const right = askingStore(world, await world.openStore(), leftPlane.address);
  const rightPlane = await world.serve(right);
  await left.change({ ...defaultUpstreamSettings, address: rightPlane.address });
  const [[first], [second]] = await Promise.all([
    ask(world, leftPlane, [[1, 'a']]),
    ask(world, rightPlane, [[2, 'a']]),
  ]);
  assert.deepEqual([first, second], [undefined, undefined]);
  assert.ok([left, right].some((store) => store.upstream().state === 'loop'));
  assert.equal(world.clock.monotonicMs(), 0);
});

test('connections to an upstream are closed when nobody uses them', async () => {
  await using rig = await chain();
  const { world, there, here, store } = rig;
  await ask(world, here, [[1, 'a']]);
  assert.equal(store.upstream().connections, 1);
  await world.until('closed', () => there.server.stats().server.connectionsOpen === 0, 1_000);
  await putFiles(there.store, idOf(2), small);
  assert.deepEqual(await ask(world, here, [[2, 'a']]), [small.a]);
});
