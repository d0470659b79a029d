import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock, scriptedTransport } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { createHealth } from './health.ts';
import { createMetrics } from './metrics.ts';
import { observedTransport } from './observed-transport.ts';

test('requests are counted, and the last one says whether the API server is there', async () => {
  const health = createHealth();
  const metrics = createMetrics();
  const clock = new SimClock({ random: seededRandom(1) });
  const answers = [{ json: {} }, { status: 403, json: {} }, { status: 503, text: '' }];
  const bare = scriptedTransport((_, index) => answers[index] ?? new Error('connect refused'));
  const transport = observedTransport(bare, { metrics, health, clock, host: 'api:443' });
  const signal = new AbortController().signal;
  const ask = (): Promise<unknown> =>
    transport.request({ method: 'GET', path: '/api', headers: {} }, signal);
  const problems: (string | undefined)[] = [health.report()[0]?.problem];
  for (let index = 0; index < 4; index++) {
    await ask().catch(() => undefined);
    problems.push(health.report()[0]?.problem);
  }
  assert.deepEqual(problems, [
    'no request was answered yet',
    undefined,
    undefined,
    'the API server answers 503',
    'connect refused',
  ]);
  const counted = ['200', '403', '503', '<error>'].map((code) =>
    metrics.value('rest_client_requests_total', { code, host: 'api:443', method: 'GET' }),
  );
  assert.deepEqual(counted, [1, 1, 1, 1]);
  assert.equal(
    metrics.value('rest_client_request_duration_seconds', { host: 'api:443', verb: 'GET' }),
    4,
  );
  transport[Symbol.dispose]();
  assert.deepEqual(health.report(), []);
});

test('a request that its asker gave up says nothing about the server', async () => {
  const health = createHealth();
  const clock = new SimClock({ random: seededRandom(1) });
  const bare = scriptedTransport(() => ({ json: {} }));
  const transport = observedTransport(bare, { metrics: createMetrics(), health, clock, host: '' });
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(transport.request({ method: 'GET', path: '/', headers: {} }, signal));
  assert.equal(health.report()[0]?.problem, 'no request was answered yet');
});
