import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { SimClock } from './clock.ts';
import { runSeed, seedsFrom, simulate, type World } from './simulate.ts';

const never = new AbortController().signal;

test('timers fire in the order of their time', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const fired: number[] = [];
  for (const delayMs of [50, 10, 30, 20, 40, 5])
    clock.timer(delayMs, () => void fired.push(delayMs));
  await clock.advance(45);
  assert.deepEqual(fired, [5, 10, 20, 30, 40]);
  assert.equal(clock.monotonicMs(), 45);
  assert.equal(clock.waitingCount, 1);
});

test('timers of the same moment fire in an order that the seed decides', async () => {
  const orderOf = async (seed: number): Promise<string> => {
    const clock = new SimClock({ random: seededRandom(seed) });
    const order: string[] = [];
    for (const name of 'abcdefgh') clock.timer(10, () => void order.push(name));
    await clock.advance(10);
    return order.join('');
  };
  assert.equal(await orderOf(3), await orderOf(3));
  assert.notEqual(await orderOf(3), await orderOf(4));
});

test('a disposed timer does not fire and an aborted sleep leaves none behind', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const abort = new AbortController();
  const sleeping = assert.rejects(clock.sleep(100, abort.signal), /enough/);
  clock.timer(5, () => assert.fail('fired'))[Symbol.dispose]();
  abort.abort(new Error('enough'));
  await sleeping;
  await clock.advance(1_000);
  assert.equal(clock.waitingCount, 0);
});

test('a jump of the wall clock does not touch durations', async () => {
  const clock = new SimClock({ random: seededRandom(1), startMs: 1_000 });
  clock.jumpWall(-500);
  await clock.advance(10);
  assert.equal(clock.nowMs(), 510);
  assert.equal(clock.monotonicMs(), 10);
});

test('until fails when time is not enough', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  await assert.rejects(clock.until(clock.sleep(2_000, never), 1_000), /nothing settled/);
  await clock.advance(1_000);
});

async function historyOf(seed: number): Promise<string> {
  let history = '';
  await runSeed('history', seed, { simulatedMs: 1_000 }, async (world) => {
    for (const name of ['a', 'b', 'c'])
      world.start(name, async (signal) => {
        for (;;) {
          await world.clock.sleep(world.random.integer(20), signal);
          history += name;
        }
      });
  });
  return history;
}

test('one seed is one history', async () => {
  assert.equal(await historyOf(7), await historyOf(7));
  assert.notEqual(await historyOf(7), await historyOf(8));
});

for (const { name, scenario, message } of [
  {
    name: 'a check that stops holding',
    scenario: async (world: World) => {
      let count = 0;
      world.always('count stays low', () => count < 3);
      world.start('counter', async (signal) => {
        for (;;) {
          await world.clock.sleep(10, signal);
          world.note(`count ${++count}`);
        }
      });
    },
    message:
      /seed 42 failed: check "count stays low": it does not hold\nreplay: .*=42(.|\n)*count 3/,
  },
  {
    name: 'a check at the end that does not hold',
    scenario: async (world: World) => world.finally('all done', async () => false),
    message: /check "all done"/,
  },
  {
    name: 'a task that fails',
    scenario: async (world: World) =>
      world.start('worker', async (signal) => {
        await world.clock.sleep(10, signal);
        throw new Error('no more');
      }),
    message: /worker failed: no more/,
  },
  {
    name: 'a scenario that fails',
    scenario: () => Promise.reject(new Error('bad start')),
    message: /bad start/,
  },
] satisfies readonly { name: string; scenario: (world: World) => Promise<void>; message: RegExp }[])
  test(`${name} fails the seed and names it`, () =>
    assert.rejects(runSeed('demo', 42, { simulatedMs: 1_000 }, scenario), message));

simulate('a world ends when its time is over', { seeds: 3, simulatedMs: 50 }, async (world) => {
  world.start('endless', async (signal) => {
    for (;;) await world.clock.sleep(1, signal);
  });
  world.finally('time is over', () => world.clock.monotonicMs() === 50);
});

test('seeds come from the environment when it names some', () => {
  assert.equal(seedsFrom({}, 5), 5);
  assert.deepEqual(seedsFrom({ TWEENDECK_SEED: '17' }, 5), [17]);
  assert.equal(seedsFrom({ TWEENDECK_SEEDS: '500' }, 5), 500);
  const piece = { TWEENDECK_SEEDS: '3', TWEENDECK_FIRST_SEED: '501' };
  assert.deepEqual(seedsFrom(piece, 5), [501, 502, 503]);
  assert.deepEqual(seedsFrom({ TWEENDECK_FIRST_SEED: '8' }, 2), [8, 9]);
});
