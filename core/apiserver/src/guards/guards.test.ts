// Whose turn it is, what too much is, and what the figures say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiResponse, UserInfo } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { parseRequest } from '../request.ts';
import { textResponse } from '../response.ts';
import { FairQueue, type Seat, Slice } from './fair-queue.ts';
import { flowOf } from './flow.ts';
import { Guards } from './guards.ts';
import { defaultLimits, type GuardLimits } from './limits.ts';
import { Tally } from './tally.ts';

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups });
const get = (path: string) => parseRequest({ method: 'GET', path });
const accounts = ['system:serviceaccounts', 'system:authenticated'];

for (const { name, path, who, level } of [
  {
    name: 'the administrator',
    path: '/api/v1/pods',
    who: user('a', 'system:masters'),
    level: 'exempt',
  },
  { name: 'whoever asks for health', path: '/livez', who: user('a'), level: 'exempt' },
  {
    name: 'a heartbeat of a node',
    path: '/api/v1/nodes/n',
    who: user('n', 'system:nodes'),
    level: 'node-high',
  },
  {
    name: 'a lease of a node',
    path: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n',
    who: user('n', 'system:nodes'),
    level: 'node-high',
  },
  {
    name: 'a pod read by a node',
    path: '/api/v1/pods',
    who: user('n', 'system:nodes'),
    level: 'system',
  },
  {
    name: 'a lease of a leader',
    path: '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x',
    who: user('x', 'system:serviceaccounts:kube-system', ...accounts),
    level: 'leader-election',
  },
  {
    name: 'a controller of the system',
    path: '/api/v1/pods',
    who: user('x', 'system:serviceaccounts:kube-system', ...accounts),
    level: 'workload-high',
  },
  {
    name: 'a service account',
    path: '/api/v1/pods',
    who: user('x', ...accounts),
    level: 'workload-low',
  },
  {
    name: 'a person',
    path: '/api/v1/pods',
    who: user('x', 'system:authenticated'),
    level: 'global-default',
  },
  { name: 'nobody that is known', path: '/version', who: user('x'), level: 'catch-all' },
]) {
  test(`${name} belongs to the level ${level}`, () => {
    assert.equal(flowOf(get(path), who).level, level);
  });
}

/** A queue whose event loop turns when it is told to. */
function queueOf(seats: number, limits: Partial<GuardLimits> = {}) {
  const clock = new SimClock({ random: seededRandom(1) });
  let later: (() => void)[] = [];
  const slice = new Slice({ monotonicMs: () => 0 }, 10, (run) => void later.push(run));
  const queue = new FairQueue({ seats, limits: { ...defaultLimits, ...limits }, clock, slice });
  const turn = async (): Promise<void> => {
    const due = later;
    later = [];
    for (const run of due) {
      run();
      await Promise.resolve();
    }
  };
  return { queue, clock, turn };
}

const seatOf = (outcome: unknown): Seat => {
  assert.ok(typeof outcome === 'object' && outcome && Symbol.dispose in outcome, String(outcome));
  return outcome as Seat; // just looked at
};

test('a user with one request waits for one of another with many, not for all', async () => {
  const { queue, turn } = queueOf(1);
  const first = seatOf(queue.enter('many', 1));
  const served: string[] = [];
  const enter = (flow: string): Promise<void> =>
    Promise.resolve(queue.enter(flow, 1)).then((seat) => {
      served.push(flow);
      seatOf(seat)[Symbol.dispose]();
    });
  const all = [...Array.from({ length: 100 }, () => enter('many')), enter('one')];
  first[Symbol.dispose]();
  for (let round = 0; served.length < 101 && round < 1_000; round++) await turn();
  await Promise.all(all);
  assert.ok(served.indexOf('one') <= 1, `served after ${served.indexOf('one')} others`);
});

test('who has too many waiting, or waits too long, is sent away', async () => {
  const { queue, clock } = queueOf(1, { queuedPerUser: 2, queueWaitMs: 15_000 });
  const seat = seatOf(queue.enter('a', 1));
  const waiting = [queue.enter('a', 1), queue.enter('a', 1)];
  assert.equal(queue.enter('a', 1), 'queue-full');
  assert.equal(queue.queued, 2);
  await clock.advance(15_000);
  for (const outcome of waiting) assert.equal(await outcome, 'time-out');
  assert.equal(queue.queued, 0);
  seat[Symbol.dispose]();
  seatOf(queue.enter('a', 1))[Symbol.dispose]();
  assert.equal(queue.seatsTaken, 0);
});

test('a wide request takes all seats there are, and no more', () => {
  const { queue } = queueOf(3);
  const seat = seatOf(queue.enter('a', 10));
  assert.equal(queue.seatsTaken, 3);
  seat[Symbol.dispose]();
  seat[Symbol.dispose]();
  assert.equal(queue.seatsTaken, 0);
});

test('a tally refuses what is too much for one, and for all', () => {
  const tally = new Tally({ max: 10, maxPerUser: 6 });
  assert.deepEqual(
    [tally.take('a', 6), tally.take('a', 1), tally.take('b', 5)],
    [true, false, false],
  );
  tally.give('a', 6);
  assert.deepEqual([tally.take('b', 5), tally.total], [true, 5]);
  const generous = new Tally({ max: 10, maxPerUser: 6, oneAlways: true });
  assert.deepEqual([generous.take('a', 60), generous.take('b', 1)], [true, false]);
});

function guardsOf(limits: Partial<GuardLimits>) {
  const clock = new SimClock({ random: seededRandom(1) });
  const guards = new Guards({
    limits: { ...defaultLimits, ...limits },
    clock,
    defer: setImmediate,
  });
  return { clock, guards };
}

const request = (path: string) => ({
  parsed: get(path),
  user: user('x', 'system:authenticated'),
  bodyBytes: 0,
  objects: 0,
});

for (const { name, path, waitMs, message } of [
  { name: 'a minute', path: '/api/v1/pods', waitMs: 60_000, message: /allotted timeout$/ },
  {
    name: "the client's own time",
    path: '/api/v1/pods?timeout=2s',
    waitMs: 2_000,
    message: /allotted timeout$/,
  },
]) {
  test(`a request that takes longer than ${name} is answered with 504`, async () => {
    const { guards, clock } = guardsOf({});
    const never = new Promise<ApiResponse>(() => undefined);
    const answer = assert.rejects(
      guards.run(request(path), () => never),
      { code: 504, reason: 'Timeout', message },
    );
    await clock.advance(waitMs);
    await answer;
    assert.match(guards.metrics.text(), /refused_requests_total\{reason="timeout"\} 1/);
  });
}

test('a timeout that is none is refused', async () => {
  const { guards } = guardsOf({});
  await assert.rejects(
    guards.run(request('/api/v1/pods?timeout=soon'), async () => textResponse(200, '')),
    {
      code: 400,
      message: 'invalid timeout specified in the request URL - time: invalid duration "soon"',
    },
  );
});

test('watches have places, for all and for each', () => {
  const { guards } = guardsOf({ watches: 3, watchesPerUser: 2 });
  const places = [guards.watch(user('a')), guards.watch(user('a'))];
  assert.throws(() => guards.watch(user('a')), { code: 429, reason: 'TooManyRequests' });
  guards.watch(user('b'));
  assert.throws(() => guards.watch(user('c')), { code: 429 });
  for (const place of places) place[Symbol.dispose]();
  guards.watch(user('c'));
  assert.match(guards.metrics.text(), /apiserver_longrunning_requests 2\n/);
});

test('figures say what is under way', async () => {
  const { guards } = guardsOf({});
  let during = '';
  await guards.run(request('/api/v1/pods'), async () => {
    during = guards.metrics.text();
    return textResponse(200, '');
  });
  assert.match(during, /apiserver_current_inflight_requests\{request_kind="readOnly"\} 1/);
  assert.match(during, /current_executing_seats\{priority_level="global-default"\} 1/);
  const after = guards.metrics.text();
  assert.match(after, /apiserver_current_inflight_requests\{request_kind="readOnly"\} 0/);
  assert.match(
    after,
    /dispatched_requests_total\{flow_schema="global-default",priority_level="global-default"\} 1/,
  );
});
