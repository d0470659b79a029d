import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock, settle } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { createMetrics } from './metrics.ts';
import { WorkQueue } from './work-queue.ts';

function queueOn() {
  const clock = new SimClock({ random: seededRandom(1) });
  const metrics = createMetrics();
  const queue = new WorkQueue({ name: 'q', clock, metrics });
  /** Keys that can be taken now. */
  const takeAll = async (): Promise<readonly string[]> => {
    const keys: string[] = [];
    while (queue.length > 0) {
      const key = await queue.take();
      if (key !== undefined) keys.push(key);
    }
    return keys;
  };
  return { clock, metrics, queue, takeAll };
}

test('keys come in the order they were added, each once', async () => {
  const { queue, takeAll } = queueOn();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  assert.deepEqual(await takeAll(), ['a', 'b', 'c']);
});

test('a key in work is not given out again before it is done, and then once', async () => {
  const { queue, takeAll } = queueOn();
  queue.add('a');
  assert.equal(await queue.take(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 0);
  queue.done('a');
  assert.deepEqual(await takeAll(), ['a']);
  queue.done('a');
  assert.equal(queue.length, 0);
});

test('a key that comes back while others wait goes behind them', async () => {
  const { queue, takeAll } = queueOn();
  queue.add('busy');
  await queue.take();
  queue.add('busy');
  queue.add('b');
  queue.add('c');
  queue.done('busy');
  assert.deepEqual(await takeAll(), ['b', 'c', 'busy']);
});

test('takers are served in their order', async () => {
  const { queue } = queueOn();
  const taken: string[] = [];
  const taking = [1, 2].map(async (taker) => taken.push(`${taker}${await queue.take()}`));
  queue.add('a');
  queue.add('b');
  await Promise.all(taking);
  assert.deepEqual(taken, ['1a', '2b']);
});

test('failures wait twice as long each time, up to five minutes', async () => {
  const { queue, clock, takeAll } = queueOn();
  const delays: number[] = [];
  for (let failure = 0; failure < 20; failure++) {
    delays.push(queue.retry('a'));
    await clock.advance(300_000);
    assert.deepEqual(await takeAll(), ['a']);
    queue.done('a');
  }
  assert.deepEqual(delays.slice(0, 5), [5, 10, 20, 40, 80]);
  assert.deepEqual(delays.slice(15, 18), [163_840, 300_000, 300_000]);
  queue.succeed('a');
  assert.equal(queue.retry('a'), 5);
  queue.close();
});

test('when everything fails at once the tries are spread', () => {
  const { queue } = queueOn();
  const delays = Array.from({ length: 400 }, (_, index) => queue.retry(`k${index}`));
  assert.equal(delays[199], 5);
  assert.equal(Math.round(delays[399] ?? 0), 4_000);
  queue.close();
});

for (const { name, delays, cameAtMs } of [
  { name: 'the earliest of several moments counts', delays: [500, 100, 300], cameAtMs: 100 },
  { name: 'a later moment does not postpone', delays: [100, 500], cameAtMs: 100 },
])
  test(name, async () => {
    const { queue, clock } = queueOn();
    for (const delayMs of delays) queue.schedule('a', delayMs);
    await clock.until(queue.take());
    assert.equal(clock.monotonicMs(), cameAtMs);
    await clock.advance(1_000);
    queue.done('a');
    assert.equal(queue.length, 0);
  });

test('taking a key drops what was scheduled for it', async () => {
  const { queue, clock } = queueOn();
  queue.schedule('a', 1_000);
  queue.add('a');
  await queue.take();
  queue.done('a');
  await clock.advance(2_000);
  assert.equal(queue.length, 0);
});

test('closing ends those who wait, drops what waits and leaves no timer', async () => {
  const { queue, clock } = queueOn();
  const waiting = [queue.take(), queue.take()];
  queue.schedule('later', 1_000);
  await settle();
  queue.close();
  queue.add('a');
  queue.schedule('b', 1);
  assert.deepEqual(await Promise.all([...waiting, queue.take()]), [
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(queue.length, 0);
  assert.equal(clock.waitingCount, 0);
});

test('numbers tell what went through', async () => {
  const { queue, clock, metrics, takeAll } = queueOn();
  queue.add('a');
  queue.add('b');
  assert.equal(metrics.value('workqueue_depth', { name: 'q' }), 2);
  await clock.advance(2_000);
  for (const key of await takeAll()) queue.done(key);
  assert.equal(metrics.value('workqueue_depth', { name: 'q' }), 0);
  assert.equal(metrics.value('workqueue_adds_total', { name: 'q' }), 2);
  assert.match(metrics.exposition(), /workqueue_queue_duration_seconds_sum\{name="q"\} 4\n/);
  assert.equal(metrics.value('workqueue_work_duration_seconds', { name: 'q' }), 2);
});

test('numbers tell of work that does not end', async () => {
  const { queue, clock, metrics } = queueOn();
  queue.add('a');
  queue.add('b');
  await queue.take();
  await clock.advance(3_000);
  await queue.take();
  await clock.advance(1_000);
  assert.match(metrics.exposition(), /workqueue_unfinished_work_seconds\{name="q"\} 5\n/);
  assert.match(metrics.exposition(), /workqueue_longest_running_processor_seconds\{.*\} 4\n/);
});
