// Tables for what the side doors of the controllers answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHealth, createMetrics } from '@tweendeck/controller';
import type { MetricFamily } from '@tweendeck/std';
import { healthRoute, metricsRoute, statusReply } from './status-reply.ts';
import { parseBindAddress } from './status-server.ts';

const families: readonly MetricFamily[] = [
  {
    ...({ name: 'steps', type: 'counter', help: 'Steps.' } as const),
    samples: [{ suffix: '_total', labels: { name: 'a' }, value: 2 }],
  },
];

function doors(problem?: string) {
  const health = createHealth();
  health.add('caches', () => undefined);
  health.add('api-server', () => problem);
  const metrics = createMetrics();
  metrics.set('depth', {}, 3);
  return [healthRoute(health), metricsRoute(metrics, () => families)];
}

for (const { name, url, problem, status, body } of [
  { name: 'alive', url: '/livez', status: 200, body: 'ok' },
  {
    name: 'alive although something is wrong',
    url: '/livez',
    problem: 'x',
    status: 200,
    body: 'ok',
  },
  { name: 'alive by the older name', url: '/healthz', status: 200, body: 'ok' },
  {
    name: 'alive, in words',
    url: '/livez?verbose',
    status: 200,
    body: '[+]ping ok\nlivez check passed\n',
  },
  { name: 'ready', url: '/readyz', status: 200, body: 'ok' },
  {
    name: 'ready, in words',
    url: '/readyz?verbose',
    status: 200,
    body: '[+]caches ok\n[+]api-server ok\nreadyz check passed\n',
  },
  {
    name: 'not ready, and why',
    url: '/readyz',
    problem: 'no\nanswer',
    status: 503,
    body: '[+]caches ok\n[-]api-server failed: no answer\nreadyz check failed\n',
  },
  {
    name: 'ready but for what is left out',
    url: '/readyz?exclude=api-server',
    problem: 'x',
    status: 200,
    body: 'ok',
  },
  { name: 'one check', url: '/readyz/caches', problem: 'x', status: 200, body: 'ok' },
  { name: 'a check that is none', url: '/readyz/other', status: 404, body: 'not found\n' },
  {
    name: 'figures',
    url: '/metrics',
    status: 200,
    body: '# TYPE depth gauge\ndepth 3\n# HELP steps_total Steps.\n# TYPE steps_total counter\nsteps_total{name="a"} 2\n',
  },
  { name: 'nothing else', url: '/', status: 404, body: 'not found\n' },
  { name: 'no address at all', url: '//', status: 404, body: 'not found\n' },
]) {
  test(`GET ${url}: ${name}`, () => {
    const reply = statusReply(doors(problem), { method: 'GET', url });
    assert.deepEqual([reply.status, reply.body], [status, body]);
  });
}

test('whoever asks for OpenMetrics gets all of it so', () => {
  const metrics = createMetrics();
  metrics.count('passes_total', { controller: 'a' });
  metrics.observe('seconds', {}, 0.7);
  const accept = 'application/openmetrics-text; version=1.0.0';
  const routes = [metricsRoute(metrics, () => families)];
  const { body, type } = statusReply(routes, { method: 'GET', url: '/metrics', accept });
  assert.match(type, /^application\/openmetrics-text/);
  assert.match(body, /^# TYPE passes counter\npasses_total\{controller="a"\} 1\n/);
  assert.match(body, /\nseconds_bucket\{le="1\.0"\} 1\n/);
  assert.match(body, /\nseconds_bucket\{le="2\.5"\} 1\n/);
  assert.ok(body.endsWith('# TYPE steps counter\nsteps_total{name="a"} 2\n# EOF\n'));
});

test('only reading is answered', () => {
  assert.equal(statusReply(doors(), { method: 'POST', url: '/readyz' }).status, 405);
  assert.equal(statusReply(doors(), { method: 'HEAD', url: '/readyz' }).status, 200);
});

for (const [text, address] of [
  [':8080', { host: undefined, port: 8_080 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['0', undefined],
] as const) {
  test(`${text} is an address to listen on`, () => {
    assert.deepEqual(parseBindAddress('metrics-bind-address', text), address);
  });
}

for (const text of ['8080', '', 'host', ':70000', '::1:80', 'http://x:1/']) {
  test(`"${text}" is no address to listen on`, () => {
    assert.throws(() => parseBindAddress('metrics-bind-address', text), { code: 'CLI_USAGE' });
  });
}
