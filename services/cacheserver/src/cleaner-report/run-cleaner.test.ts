// A run over several replicas, some of which are not well.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import type { HttpPost } from './deliver.ts';
import { replicasOf, runCleaner } from './run-cleaner.ts';

const never = new AbortController().signal;
const figures = {
  ...{ objects: 3, bytes: 300, oldestSeconds: 60, durationMs: 5 },
  ...{ dryRun: false, reclaimedBytes: 256, storageBytes: 4_096 },
};

async function run(webhook: string | undefined) {
  const clock = new SimClock({ random: seededRandom(1) });
  const posts: HttpPost[] = [];
  const post = async (sent: HttpPost, signal: AbortSignal) => {
    posts.push(sent);
    if (sent.url.includes('dead')) throw new Error('connection refused');
    if (sent.url.includes('slow')) await clock.sleep(2 ** 31 - 1, signal);
    if (sent.url.includes('closed')) return { status: 403, body: '{"error":"wrong token"}' };
    return { status: 200, body: JSON.stringify({ report: figures }) };
  };
  const done = await clock.until(
    runCleaner(
      {
        cacheServer: { namespace: 'team', name: 'cache' },
        replicas: ['well', 'dead', 'slow', 'closed'].map((pod) => ({ pod, address: `${pod}:1` })),
        ...{ token: 'secret', rules: { ttlSeconds: 60 }, dryRun: false, webhook, key: undefined },
        ...{ post, clock, random: seededRandom(2), log: silentLogger },
      },
      never,
    ),
  );
  assert.equal(clock.waitingCount, 0);
  return { ...done, posts };
}

test('replicas that are not well keep the others from nothing', async () => {
  const { report, delivery } = await run(undefined);
  assert.deepEqual([report.outcome, report.objects], ['partial', 3]);
  assert.deepEqual(
    report.replicas.map((one) => (one.outcome === 'failed' ? one.error : one.outcome)),
    ['cleaned', 'connection refused', 'no answer within 600 s', 'it answers 403: wrong token'],
  );
  assert.equal(delivery, undefined);
});

test('the order carries token and rules, the report neither', async () => {
  const { posts, delivery } = await run('http://hook/');
  assert.equal(delivery?.outcome, 'delivered');
  assert.deepEqual(JSON.parse(posts[0]?.body ?? ''), {
    token: 'secret',
    rules: { ttlSeconds: 60 },
  });
  const last = posts.at(-1);
  assert.equal(last?.url, 'http://hook/');
  assert.doesNotMatch(last?.body ?? '', /secret/);
});

test('ready replicas are found by their endpoints', () => {
  const metadata = { name: 's', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const pod = (name: string) => ({ kind: 'Pod', name });
  const replicas = replicasOf([
    {
      ...{
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata,
        addressType: 'IPv4',
      },
      endpoints: [
        { addresses: ['10.0.0.2'], conditions: { ready: true }, targetRef: pod('b') },
        { addresses: ['10.0.0.1'], conditions: { ready: true }, targetRef: pod('a') },
        { addresses: ['10.0.0.3'], conditions: { ready: false }, targetRef: pod('c') },
      ],
      ports: [{ name: 'status', port: 8_127 }],
    },
  ]);
  assert.deepEqual(replicas, [
    { pod: 'a', address: '10.0.0.1:8127' },
    { pod: 'b', address: '10.0.0.2:8127' },
  ]);
});
