import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from './counters.ts';
import { healthReply } from './health-server.ts';
import { Latencies } from './latencies.ts';
import type { CacheServerStats, NamespaceStats } from './server-stats.ts';

const counters = new Counters();
counters.closed('quit');
counters.transactionEnded('disk-full');
counters.hits.a = 3;
const latencies = new Latencies();
latencies.hit.a.observe(0.2, 3);
latencies.hit.a.observe(9_000);
latencies.commit.observe(1);
const namespace: NamespaceStats = {
  server: counters.values(),
  store: {
    keys: 1,
    storageBytes: 2,
    storageBytesMax: 3,
    deadBytes: 13,
    memoryBytes: 4,
    memoryBytesMax: 5,
    indexBytes: 6,
    uploadBytes: 7,
    segments: 8,
    evictedBytes: 9,
    evictedSegments: 10,
    damagedValues: 11,
    diskErrors: 12,
  },
  latencies: latencies.values(),
  topClients: { byBytes: [], byRequests: [] },
};
const { server, store } = namespace;
const stats: CacheServerStats = {
  state: 'serving',
  server,
  store,
  namespaces: { main: namespace },
};
const ask = (path: string, accept = '', method = 'GET') =>
  ({ method, url: new URL(path, 'http://cache'), accept }) as const;

for (const { name, path, state, status, method = 'GET' } of [
  { name: 'is live while serving', path: '/livez', state: 'serving', status: 200 },
  { name: 'is live while draining', path: '/livez', state: 'draining', status: 200 },
  { name: 'is ready while serving', path: '/readyz?verbose', state: 'serving', status: 200 },
  { name: 'is not ready while draining', path: '/readyz', state: 'draining', status: 503 },
  { name: 'is not ready while leaving', path: '/readyz', state: 'leaving', status: 503 },
  { name: 'knows no other path', path: '/', state: 'serving', status: 404 },
  { name: 'answers HEAD', path: '/livez', state: 'serving', status: 200, method: 'HEAD' },
  { name: 'takes nothing', path: '/stats', state: 'serving', status: 405, method: 'POST' },
] as const) {
  test(`the side door ${name}`, () => {
    assert.equal(healthReply(ask(path, '', method), () => ({ ...stats, state })).status, status);
  });
}

test('the side door gives the figures as JSON', () => {
  const { kernel, ...told } = JSON.parse(healthReply(ask('/stats'), () => stats).body);
  assert.deepEqual(told, stats);
  assert.equal(typeof kernel, 'object');
});

test('the side door gives the figures as text exposition, each family described once', () => {
  const { body, type } = healthReply(ask('/metrics'), () => stats);
  assert.match(type, /version=0\.0\.4/);
  const lines = body.split('\n');
  for (const line of [
    'tweendeck_cache_closings_total{namespace="main",reason="quit"} 1',
    'tweendeck_cache_transactions_total{namespace="main",end="disk-full"} 1',
    'tweendeck_cache_hits_total{namespace="main",type="a"} 3',
    'tweendeck_cache_hits_total{namespace="main",type="i"} 0',
    'tweendeck_cache_storage_limit_bytes{namespace="main"} 3',
    'tweendeck_cache_disk_errors_total{namespace="main"} 12',
    'tweendeck_cache_get_hit_duration_seconds_bucket{namespace="main",type="a",le="0.0001"} 0',
    'tweendeck_cache_get_hit_duration_seconds_bucket{namespace="main",type="a",le="0.00025"} 3',
    'tweendeck_cache_get_hit_duration_seconds_bucket{namespace="main",type="a",le="5.0"} 3',
    'tweendeck_cache_get_hit_duration_seconds_bucket{namespace="main",type="a",le="+Inf"} 4',
    'tweendeck_cache_get_hit_duration_seconds_count{namespace="main",type="a"} 4',
    'tweendeck_cache_put_commit_duration_seconds_sum{namespace="main"} 0.001',
    'tweendeck_cache_ready 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(lines.includes('# TYPE tweendeck_cache_hits_total counter'));
  assert.ok(!body.includes('# EOF'));
  const types = lines
    .filter((line) => line.startsWith('# TYPE '))
    .map((line) => line.split(' ')[2]);
  assert.equal(new Set(types).size, types.length);
  for (const line of lines) {
    assert.match(
      line,
      /^(#.*|tweendeck_cache_[a-z_]+(\{[a-z]+="[^"]+"(,[a-z]+="[^"]+")*\})? [\d.e-]+|)$/,
    );
  }
  assert.ok(body.endsWith('\n'));
});

test('whoever asks for OpenMetrics gets counters by their family, and a last line', () => {
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
  const { body, type } = healthReply(ask('/metrics', accept), () => stats);
  assert.match(type, /^application\/openmetrics-text; version=1\.0\.0/);
  const lines = body.split('\n');
  assert.ok(lines.includes('# TYPE tweendeck_cache_hits counter'));
  assert.ok(lines.includes('tweendeck_cache_hits_total{namespace="main",type="a"} 3'));
  assert.deepEqual(lines.slice(-2), ['# EOF', '']);
  const families = lines
    .filter((line) => line.startsWith('# TYPE '))
    .map((line) => line.split(' ')[2]);
  assert.equal(new Set(families).size, families.length, 'a gauge and a counter of one name');
});

test('every figure of a store is among the metrics', () => {
  const { body } = healthReply(ask('/metrics'), () => stats);
  for (const [field, value] of Object.entries(store)) {
    assert.match(
      body,
      new RegExp(`^tweendeck_cache_[a-z_]+\\{namespace="main"\\} ${value}$`, 'm'),
      field,
    );
  }
});
