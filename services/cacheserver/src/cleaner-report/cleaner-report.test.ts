// Reports of cleaning: what they say, who may believe them, and what becomes of them when a webhook is not well.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { clockOf, seededRandom, silentLogger } from '@tweendeck/std';
import { type Delivery, deliver, type Post } from './deliver.ts';
import { postOverHttp } from './post.ts';
import { parseCleaned, type ReplicaRun, runReport } from './run-report.ts';
import { isSignedBy, signatureHeader, signatureOf } from './signature.ts';

const never = new AbortController().signal;
const facts = {
  id: 'id-1',
  startedAt: '2026-01-01T00:00:00Z',
  cacheServer: { namespace: 'team', name: 'cache' },
  dryRun: false,
  durationMs: 12,
};
const figures = {
  objects: 3,
  bytes: 300,
  oldestSeconds: 60,
  durationMs: 5,
  dryRun: false,
  reclaimedBytes: 256,
  storageBytes: 4_096,
};
const cleaned = (pod: string, more: object = {}): ReplicaRun => ({
  pod,
  outcome: 'cleaned',
  report: { ...figures, ...more },
});
const failed = (pod: string): ReplicaRun => ({ pod, outcome: 'failed', error: 'it is gone' });

for (const { name, replicas, outcome, objects } of [
  { name: 'all replicas', replicas: [cleaned('a'), cleaned('b')], outcome: 'cleaned', objects: 6 },
  { name: 'some replicas', replicas: [cleaned('a'), failed('b')], outcome: 'partial', objects: 3 },
  { name: 'none of them', replicas: [failed('a')], outcome: 'failed', objects: 0 },
  { name: 'nobody to clean', replicas: [], outcome: 'failed', objects: 0 },
]) {
  test(`a report of ${name}`, () => {
    const report = runReport(facts, replicas);
    assert.deepEqual([report.outcome, report.objects], [outcome, objects]);
  });
}

test('the oldest of all replicas is told', () =>
  assert.equal(
    runReport(facts, [cleaned('a'), cleaned('b', { oldestSeconds: 900 })]).oldestSeconds,
    900,
  ));

test('what a data plane reports is read, and nothing else', () => {
  assert.deepEqual(parseCleaned({ ...figures, visited: 9 }), figures);
  for (const wrong of [undefined, 'x', {}, { ...figures, bytes: '1' }, { ...figures, objects: -1 }])
    assert.equal(parseCleaned(wrong), undefined);
});

const nowMs = 1_767_225_600_000;
const signed = { body: '{"a":1}', signature: signatureOf('{"a":1}', 'key', nowMs) };
for (const { name, given, key, atMs, holds } of [
  { name: 'is known', given: signed, key: 'key', atMs: nowMs + 1_000, holds: true },
  { name: 'of another key is not', given: signed, key: 'other', atMs: nowMs, holds: false },
  {
    name: 'of another body is not',
    given: { ...signed, body: '{}' },
    key: 'key',
    atMs: nowMs,
    holds: false,
  },
  { name: 'that is old is not', given: signed, key: 'key', atMs: nowMs + 600_000, holds: false },
  {
    name: 'that is none is not',
    given: { ...signed, signature: 't=1' },
    key: 'key',
    atMs: nowMs,
    holds: false,
  },
]) {
  test(`a signature ${name}`, () =>
    assert.equal(isSignedBy(given, key, { nowMs: atMs, ageMaxMs: 300_000 }), holds));
}

/** Delivers in simulated time to who answers so, one answer for each attempt, the last one for ever. */
async function deliverTo(
  ...answers: readonly (number | 'dead' | 'slow')[]
): Promise<{ readonly delivery: Delivery; readonly tookMs: number }> {
  const clock = new SimClock({ random: seededRandom(1) });
  let asked = 0;
  const post: Post = async (_, signal) => {
    const answer = answers[Math.min(asked++, answers.length - 1)] ?? 'dead';
    if (answer === 'slow') await clock.sleep(2 ** 31 - 1, signal);
    if (typeof answer !== 'number') throw new Error('connection refused');
    return { status: answer };
  };
  const options = { webhook: 'http://hook', key: 'k', post, clock, log: silentLogger };
  const random = seededRandom(2);
  const delivery = await clock.until(
    deliver(runReport(facts, [cleaned('a')]), { ...options, random }, never),
  );
  assert.equal(clock.waitingCount, 0);
  return { delivery, tookMs: clock.monotonicMs() };
}

for (const { name, answers, outcome, attempts } of [
  { name: 'well', answers: [204], outcome: 'delivered', attempts: 1 },
  {
    name: 'in trouble for a while',
    answers: [500, 503, 429, 200],
    outcome: 'delivered',
    attempts: 4,
  },
  { name: 'dead at first', answers: ['dead', 'dead', 200], outcome: 'delivered', attempts: 3 },
  { name: 'dead', answers: ['dead'], outcome: 'given-up', attempts: 8 },
  { name: 'slow', answers: ['slow'], outcome: 'given-up', attempts: 8 },
  { name: 'in trouble for ever', answers: [500], outcome: 'given-up', attempts: 8 },
  { name: 'elsewhere', answers: [307], outcome: 'refused', attempts: 1 },
  { name: 'not willing', answers: [401], outcome: 'refused', attempts: 1 },
] as const) {
  test(`a webhook that is ${name}: ${outcome}`, async () => {
    const { delivery, tookMs } = await deliverTo(...answers);
    assert.deepEqual([delivery.outcome, delivery.attempts], [outcome, attempts]);
    assert.ok(tookMs < 6 * 60_000, `${tookMs} ms`);
  });
}

test('a real server gets the report once, signed, and a redirect leads nowhere', async () => {
  const got: { url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      got.push({ url: request.url ?? '', headers: request.headers, body });
      if (request.url === '/moved') response.writeHead(302, { location: '/hook' }).end();
      else response.writeHead(200).end('thanks');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const clock = clockOf(globalThis);
    const random = seededRandom(1);
    const report = runReport(facts, [cleaned('a')]);
    const to = (path: string) =>
      deliver(
        report,
        {
          ...{ webhook: `http://127.0.0.1:${port}${path}`, key: 'secret', post: postOverHttp },
          ...{ clock, random, log: silentLogger },
        },
        never,
      );
    assert.equal((await to('/hook')).outcome, 'delivered');
    assert.equal((await to('/moved')).outcome, 'refused');
    assert.deepEqual(
      got.map(({ url }) => url),
      ['/hook', '/moved'],
    );
    const [first] = got;
    assert.deepEqual(JSON.parse(first?.body ?? ''), report);
    assert.equal(first?.headers['tweendeck-report-id'], 'id-1');
    const signature = String(first?.headers[signatureHeader]);
    const age = { nowMs: clock.nowMs(), ageMaxMs: 60_000 };
    assert.ok(isSignedBy({ body: first?.body ?? '', signature }, 'secret', age));
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
