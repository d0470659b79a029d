import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, type ConfigMap, configMapResource, type ObjectRef } from '@tweendeck/kube';
import { EventStream, type ScriptedAnswer, SimClock, scriptedTransport } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import type { Client, WatchEvent } from './client.ts';
import { createClient } from './create-client.ts';

const never = new AbortController().signal;
const ref: ObjectRef = { namespace: 'ns', name: 'a' };
const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'ns' },
} as const;

function failure(code: number, reason: string, details?: object): ScriptedAnswer {
  return { status: code, json: { kind: 'Status', code, reason, message: 'no', details } };
}

function page(names: readonly string[], next: string): ScriptedAnswer {
  const items = names.map((name) => ({ metadata: { name } }));
  return { json: { kind: 'List', metadata: { resourceVersion: '7', continue: next }, items } };
}

/** A client of an API that gives these answers in this order, on simulated time. */
function clientOn(answers: readonly ScriptedAnswer[]) {
  const clock = new SimClock({ random: seededRandom(1) });
  const left = [...answers];
  const transport = scriptedTransport(() => left.shift() ?? new Error('nothing is left'));
  const client = createClient({
    transport,
    clock,
    random: seededRandom(2),
    userAgent: 'tester/1',
  });
  return { client, clock, transport };
}

const calls: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  get: (client) => client.get(configMapResource, ref, never),
  list: (client) => client.list(configMapResource, { labelSelector: 'a=b,c in (d)' }, never),
  create: (client) =>
    client.create(configMapResource, object, { fieldValidation: 'Strict' }, never),
  update: (client) => client.update(configMapResource, object, { subresource: 'status' }, never),
  patch: (client) =>
    client.patch(configMapResource, ref, { type: 'json', body: [] }, { dryRun: true }, never),
  apply: (client) =>
    client.apply(configMapResource, object, { fieldManager: 'me', force: true }, never),
  delete: (client) => client.delete(configMapResource, ref, { preconditions: { uid: 'u' } }, never),
};

for (const { call, asks, type } of [
  { call: 'get', asks: 'GET /api/v1/namespaces/ns/configmaps/a', type: undefined },
  {
    call: 'list',
    asks: 'GET /api/v1/configmaps?labelSelector=a%3Db%2Cc%20in%20(d)&limit=500',
    type: undefined,
  },
  {
    call: 'create',
    asks: 'POST /api/v1/namespaces/ns/configmaps?fieldValidation=Strict',
    type: 'application/json',
  },
  {
    call: 'update',
    asks: 'PUT /api/v1/namespaces/ns/configmaps/a/status',
    type: 'application/json',
  },
  {
    call: 'patch',
    asks: 'PATCH /api/v1/namespaces/ns/configmaps/a?dryRun=All',
    type: 'application/json-patch+json',
  },
  {
    call: 'apply',
    asks: 'PATCH /api/v1/namespaces/ns/configmaps/a?fieldManager=me&force=true',
    type: 'application/apply-patch+yaml',
  },
  { call: 'delete', asks: 'DELETE /api/v1/namespaces/ns/configmaps/a', type: 'application/json' },
])
  test(`${call} asks ${asks}`, async () => {
    const { client, transport } = clientOn([page([], '')]);
    await calls[call]?.(client);
    assert.deepEqual(transport.asked, [asks]);
    assert.equal(transport.requests[0]?.headers['content-type'], type);
    assert.equal(transport.requests[0]?.headers['user-agent'], 'tester/1');
  });

const refused = new Error('connect ECONNREFUSED');
const busy: ScriptedAnswer = { status: 429, headers: { 'retry-after': '3' }, text: 'slow down' };
const well: ScriptedAnswer = { json: { metadata: { name: 'a' } } };
const notReady = failure(503, 'ServiceUnavailable');

interface RetryRow {
  readonly name: string;
  readonly call: string;
  readonly answers: readonly ScriptedAnswer[];
  readonly outcome?: object;
  readonly tries: number;
  readonly waitedMs?: number;
}

const retryRows: readonly RetryRow[] = [
  { name: 'a read survives a broken connection', call: 'get', answers: [refused, well], tries: 2 },
  {
    name: 'a read gives up after five broken connections',
    call: 'get',
    answers: [refused, refused, refused, refused, refused, well],
    outcome: { code: 'CLIENT_UNREACHABLE' },
    tries: 5,
  },
  {
    name: 'a write is not repeated after a broken connection: it may have taken effect',
    call: 'create',
    answers: [refused, well],
    outcome: { code: 'CLIENT_UNREACHABLE' },
    tries: 1,
  },
  {
    name: 'a write waits as long as a busy server asks',
    call: 'apply',
    answers: [busy, well],
    tries: 2,
    waitedMs: 3_000,
  },
  {
    name: 'a read is repeated when the server is not ready',
    call: 'list',
    answers: [notReady, page([], '')],
    tries: 2,
  },
  {
    name: 'a write is not repeated when the server does not say that it did nothing',
    call: 'patch',
    answers: [notReady, well],
    outcome: { code: 503 },
    tries: 1,
  },
  {
    name: 'a conflict is the caller’s',
    call: 'update',
    answers: [failure(409, 'Conflict')],
    outcome: { reason: 'Conflict', code: 409 },
    tries: 1,
  },
  {
    name: 'a failure in a proxy’s own words has a reason too',
    call: 'create',
    answers: [{ status: 413, text: '<h1>too much</h1>' }],
    outcome: { reason: 'RequestEntityTooLarge', message: '<h1>too much</h1>' },
    tries: 1,
  },
  {
    name: 'an answer that is not JSON',
    call: 'get',
    answers: [{ status: 200, text: 'hello' }],
    outcome: { code: 'CLIENT_BAD_ANSWER' },
    tries: 1,
  },
  {
    name: 'a list that is none',
    call: 'list',
    answers: [{ json: [] }],
    outcome: { code: 'CLIENT_BAD_ANSWER' },
    tries: 1,
  },
];
for (const { name, call, answers, outcome, tries, waitedMs } of retryRows)
  test(name, async () => {
    const { client, clock, transport } = clientOn(answers);
    const called = calls[call]?.(client) ?? Promise.reject(new Error('no such call'));
    const settled = clock.until(called);
    if (outcome) await assert.rejects(settled, outcome);
    else await settled;
    assert.equal(transport.asked.length, tries);
    assert.ok(clock.monotonicMs() >= (waitedMs ?? 0));
    assert.equal(clock.waitingCount, 0);
  });

test('a server that does not answer in a minute', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const transport = {
    request: (_: unknown, signal: AbortSignal) =>
      clock.sleep(1e9, signal).then(() => assert.fail()),
  };
  const client = createClient({ transport, clock, random: seededRandom(1) });
  const asked = client.get(configMapResource, ref, never);
  await assert.rejects(clock.until(asked), { code: 'CLIENT_TIMEOUT' });
  assert.equal(clock.monotonicMs(), 60_000);
  const watched = client.watch(configMapResource, {}, never)[Symbol.asyncIterator]().next();
  await assert.rejects(clock.until(watched), { code: 'CLIENT_TIMEOUT' });
  assert.equal(clock.monotonicMs(), 120_000);
});

test('a missing object is undefined, a kind that is not served is a failure', async () => {
  const missing = clientOn([failure(404, 'NotFound', { name: 'a', kind: 'configmaps' })]);
  assert.equal(await missing.client.get(configMapResource, ref, never), undefined);
  const unserved = clientOn([{ status: 404, text: '404 page not found' }]);
  await assert.rejects(unserved.client.get(configMapResource, ref, never), { reason: 'NotFound' });
  const deleted = clientOn([failure(404, 'NotFound', { name: 'a', kind: 'configmaps' })]);
  assert.equal(await deleted.client.delete(configMapResource, ref, {}, never), false);
});

test('pages are put together; items without a kind get theirs', async () => {
  const { client, transport } = clientOn([page(['a', 'b'], 'more'), page(['c'], '')]);
  const list = await client.list(configMapResource, {}, never);
  assert.deepEqual(
    list.items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['ConfigMap a', 'ConfigMap b', 'ConfigMap c'],
  );
  assert.equal(list.resourceVersion, '7');
  assert.match(transport.asked[1] ?? '', /continue=more/);
});

test('a list that expires between pages starts again, the fourth time in one piece', async () => {
  const expired = failure(410, 'Expired');
  const half = page(['old'], 'more');
  const { client, transport } = clientOn([
    half,
    expired,
    half,
    expired,
    half,
    expired,
    page(['a'], ''),
  ]);
  const list = await client.list(configMapResource, {}, never);
  assert.deepEqual(
    list.items.map((item) => item.metadata.name),
    ['a'],
  );
  assert.equal(transport.asked.at(-1), 'GET /api/v1/configmaps');
});

test('a watch is decoded; its failures are thrown', async () => {
  const stream = new EventStream();
  stream.send('ADDED', { ...object, metadata: { name: 'a', resourceVersion: '8' } });
  stream.send('BOOKMARK', {
    metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } },
  });
  stream.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  const { client, transport } = clientOn([stream]);
  const options = { namespace: 'ns', resourceVersion: '7', sendInitialEvents: true };
  const events: WatchEvent<ConfigMap>[] = [];
  await assert.rejects(
    async () => {
      for await (const event of client.watch(configMapResource, options, never)) events.push(event);
    },
    new ApiError(410, 'Expired', 'too old'),
  );
  assert.deepEqual(
    events.map((event) => event.type),
    ['ADDED', 'BOOKMARK'],
  );
  assert.deepEqual(events[1], { type: 'BOOKMARK', resourceVersion: '9', initialEventsEnd: true });
  assert.match(
    transport.asked[0] ?? '',
    /sendInitialEvents=true&resourceVersionMatch=NotOlderThan$/,
  );
});

test('leaving a watch early ends its connection', async () => {
  let freed = false;
  const body = (async function* () {
    try {
      const line = JSON.stringify({ type: 'ADDED', object });
      for (;;) yield new TextEncoder().encode(`${line}\n`);
    } finally {
      freed = true;
    }
  })();
  const clock = new SimClock({ random: seededRandom(1) });
  const transport = { request: async () => ({ status: 200, headers: {}, body }) };
  const client = createClient({ transport, clock, random: seededRandom(1) });
  for await (const event of client.watch(configMapResource, {}, never)) {
    assert.equal(event.type, 'ADDED');
    break;
  }
  assert.ok(freed);
});
