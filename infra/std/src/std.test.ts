// Tables for the small parts of std.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  abortable,
  BoundedQueue,
  backoffMs,
  type Clock,
  clockOf,
  createLogger,
  isPlatformError,
  jsonEqual,
  linkedAbort,
  messageOf,
  microTimestampOf,
  nameSuffix,
  onAbort,
  PlatformError,
  randomOf,
  retry,
  seededRandom,
  sleepOn,
  systemErrorCode,
  TaskGroup,
  timestampOf,
} from './index.ts';

const never = new AbortController().signal;

/** A clock whose timers fire at once, in order of creation. */
function hastyClock(slept: number[]): Clock {
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    timer(delayMs, run) {
      slept.push(delayMs);
      queueMicrotask(run);
      return { fired: true, [Symbol.dispose]: () => undefined };
    },
    sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
  };
  return clock;
}

for (const { name, left, right, equal } of [
  { name: 'the same scalars', left: 1, right: 1, equal: true },
  { name: 'keys in another order', left: { a: 1, b: [1] }, right: { b: [1], a: 1 }, equal: true },
  { name: 'undefined for missing', left: { a: undefined }, right: {}, equal: true },
  { name: 'missing for undefined', left: {}, right: { a: undefined }, equal: true },
  { name: 'null is not missing', left: { a: null }, right: {}, equal: false },
  { name: 'arrays in another order', left: [1, 2], right: [2, 1], equal: false },
  { name: 'a longer array', left: [1], right: [1, 2], equal: false },
  { name: 'an array is no object', left: [], right: {}, equal: false },
  { name: 'a number is no text', left: 1, right: '1', equal: false },
]) {
  test(`jsonEqual: ${name}`, () => assert.equal(jsonEqual(left, right), equal));
}

test('PlatformError carries code, hint and cause, and says them in one line', () => {
  const error = new PlatformError('TEST_CODE', 'writing x', {
    hint: 'free some room',
    cause: new Error('disk full'),
  });
  assert.ok(isPlatformError(error, 'TEST_CODE'));
  assert.equal(error.hint, 'free some room');
  const unknown: unknown = error;
  assert.equal(isPlatformError(unknown, 'OTHER_CODE'), false);
  assert.equal(messageOf(error), 'writing x: disk full');
  assert.equal(messageOf(new AggregateError([new Error('a'), new Error('b')])), 'a; b');
  assert.equal(systemErrorCode(Object.assign(new Error('no'), { code: 'ENOENT' })), 'ENOENT');
  assert.equal(systemErrorCode('ENOENT'), undefined);
});

test('timestamps are what Kubernetes writes', () => {
  assert.equal(timestampOf(1_700_000_000_999), '2023-11-14T22:13:20Z');
  assert.equal(microTimestampOf(1_700_000_000_999), '2023-11-14T22:13:20.999000Z');
});

for (const { name, whenFull, left, pushed } of [
  { name: 'drops the oldest', whenFull: 'drop-oldest', left: [2, 3], pushed: true },
  { name: 'drops the newest', whenFull: 'drop-newest', left: [1, 2], pushed: false },
] as const) {
  test(`a full queue ${name}`, async () => {
    const queue = new BoundedQueue<number>({ lengthMax: 2, whenFull });
    assert.ok(queue.push(1) && queue.push(2));
    assert.equal(queue.push(3), pushed);
    assert.equal(queue.droppedCount, 1);
    queue.close();
    assert.deepEqual(await Array.fromAsync(queue), left);
  });
}

test('a full queue that may lose nothing fails its reader', async () => {
  const queue = new BoundedQueue<number>({ lengthMax: 1, whenFull: 'fail' });
  queue.push(1);
  assert.equal(queue.push(2), false);
  await assert.rejects(Array.fromAsync(queue), { code: 'QUEUE_OVERFLOW' });
});

test('a queue keeps order over many items and wakes a waiting reader', async () => {
  const queue = new BoundedQueue<number>({ lengthMax: 10_000, whenFull: 'fail' });
  const read = Array.fromAsync(queue);
  for (let item = 0; item < 5_000; item++) queue.push(item);
  await Promise.resolve();
  for (let item = 5_000; item < 9_000; item++) queue.push(item);
  queue.close();
  assert.deepEqual(
    await read,
    Array.from({ length: 9_000 }, (_, item) => item),
  );
});

test('abortable leaves no listener behind when the promise wins, and rejects when the signal does', async () => {
  const controller = new AbortController();
  assert.equal(await abortable(Promise.resolve(7), controller.signal), 7);
  const pending = abortable(new Promise(() => undefined), controller.signal);
  controller.abort(new Error('enough'));
  await assert.rejects(pending, /enough/);
  await assert.rejects(abortable(Promise.resolve(1), controller.signal), /enough/);
});

test('onAbort runs once, at once when it is late, never after disposal', () => {
  const controller = new AbortController();
  const seen: string[] = [];
  onAbort(controller.signal, () => seen.push('disposed'))[Symbol.dispose]();
  onAbort(controller.signal, () => seen.push('early'));
  controller.abort();
  onAbort(controller.signal, () => seen.push('late'));
  assert.deepEqual(seen, ['early', 'late']);
});

test('a linked abort follows its parent and aborts when disposed', () => {
  const parent = new AbortController();
  using first = linkedAbort(parent.signal);
  const second = linkedAbort(parent.signal);
  second[Symbol.dispose]();
  assert.ok(second.signal.aborted && !parent.signal.aborted && !first.signal.aborted);
  parent.abort('stop');
  assert.equal(first.signal.reason, 'stop');
});

test('back-off doubles up to its ceiling and stays within its half jitter', () => {
  const options = { baseMs: 100, maxMs: 1_000 };
  for (const [attempt, ceiling] of [
    [0, 100],
    [1, 200],
    [3, 800],
    [4, 1_000],
    [90, 1_000],
  ] as const) {
    assert.equal(backoffMs(options, attempt, { next: () => 0 }), ceiling / 2);
    assert.ok(backoffMs(options, attempt, { next: () => 0.999 }) < ceiling);
  }
});

test('retry repeats what is retryable, gives up at its limit, and rethrows the rest at once', async () => {
  const slept: number[] = [];
  const base = { baseMs: 8, maxMs: 64, clock: hastyClock(slept), random: seededRandom(1) };
  const failing = (times: number) => (attempt: number) =>
    attempt < times ? Promise.reject(new Error('again')) : Promise.resolve(attempt);
  assert.equal(await retry(failing(3), { ...base, retryable: () => true }, never), 3);
  assert.equal(slept.length, 3);
  await assert.rejects(
    retry(failing(9), { ...base, attemptsMax: 2, retryable: () => true }, never),
    /again/,
  );
  await assert.rejects(retry(failing(1), { ...base, retryable: () => false }, never), /again/);
});

test('sleep ends early with the reason of its signal, and stops its timer', async () => {
  const controller = new AbortController();
  let disposed = 0;
  const clock = {
    timer: () => ({ fired: false, [Symbol.dispose]: () => void disposed++ }),
  };
  const sleeping = sleepOn(clock, 60_000, controller.signal);
  controller.abort(new Error('woken'));
  await assert.rejects(sleeping, /woken/);
  assert.equal(disposed, 1);
});

test('the ambient clock moves on and its timers can be stopped', async () => {
  const clock = clockOf(globalThis);
  const before = clock.monotonicMs();
  using stopped = clock.timer(0, () => assert.fail('it was stopped'));
  stopped[Symbol.dispose]();
  await clock.sleep(1, never);
  assert.ok(clock.monotonicMs() > before);
  assert.ok(clock.nowMs() > 1_700_000_000_000);
});

test('one seed is one sequence, in range and of the right form', () => {
  const [first, second] = [seededRandom(42), seededRandom(42)];
  for (let round = 0; round < 1_000; round++) {
    const value = first.next();
    assert.ok(value >= 0 && value < 1);
    assert.equal(value, second.next());
    assert.ok([0, 1, 2].includes(first.integer(3)));
    second.integer(3);
  }
  assert.match(
    first.uuid(),
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const ambient = randomOf(globalThis.crypto);
  assert.equal(new Set(Array.from({ length: 2_000 }, () => ambient.uuid())).size, 2_000);
  assert.match(nameSuffix(ambient), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('log lines carry their fields, in text and in JSON, above their level', () => {
  const lines: string[] = [];
  const options = {
    clock: { nowMs: () => 0 },
    level: 'info',
    write: (line: string) => void lines.push(line),
  } as const;
  const text = createLogger({ ...options, format: 'text' }).with({ pod: 'a b' });
  text.debug('unseen');
  text.info('started', { count: 2, missing: undefined });
  createLogger({ ...options, format: 'json' }).error('failed', {
    error: new PlatformError('TEST_CODE', 'why'),
  });
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z INFO  started pod="a b" count=2',
    '{"time":"1970-01-01T00:00:00.000Z","level":"error","message":"failed","error":"TEST_CODE: why"}',
  ]);
});

test('a task group stops its tasks and throws what failed first', async () => {
  const order: string[] = [];
  {
    await using group = new TaskGroup();
    group.start(async (signal) => {
      await abortable(new Promise(() => undefined), signal).catch(() => order.push('stopped'));
    });
    order.push('leaving');
  }
  assert.deepEqual(order, ['leaving', 'stopped']);
  const failing = new TaskGroup();
  failing.start(() => Promise.reject(new Error('first')));
  await assert.rejects(failing.join(), /first/);
  assert.ok(failing.signal.aborted);
});
