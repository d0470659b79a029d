import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from './counters.ts';
import { healthReply } from './health-server.ts';
import type { CacheServerStats } from './server-stats.ts';

const counters = new Counters();
counters.closed('quit');
counters.transactionEnded('disk-full');
counters.hits.a = 3;
const stats: CacheServerStats = {
  state: 'serving',
  server: counters.values(),
  store: {
    keys: 1,
    storageBytes: 2,
    storageBytesMax: 3,
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
};

for (const { name, path, state, status } of [
  { name: 'is live while serving', path: '/livez', state: 'serving', status: 200 },
  { name: 'is live while draining', path: '/livez', state: 'draining', status: 200 },
  { name: 'is ready while serving', path: '/readyz?verbose', state: 'serving', status: 200 },
  { name: 'is not ready while draining', path: '/readyz', state: 'draining', status: 503 },
  { name: 'is not ready while leaving', path: '/readyz', state: 'leaving', status: 503 },
  { name: 'knows no other path', path: '/', state: 'serving', status: 404 },
] as const) {
  test(`the side door ${name}`, () => {
    assert.equal(healthReply(path, () => ({ ...stats, state })).status, status);
  });
}

test('the side door gives the figures as JSON', () => {
  assert.deepEqual(JSON.parse(healthReply('/stats', () => stats).body), stats);
});

test('the side door gives the figures as text exposition, each family described once', () => {
  const { body, type } = healthReply('/metrics', () => stats);
  assert.match(type, /version=0\.0\.4/);
  const lines = body.split('\n');
  for (const line of [
    'tweendeck_cache_closings_total{reason="quit"} 1',
    'tweendeck_cache_transactions_total{end="disk-full"} 1',
    'tweendeck_cache_hits_total{type="a"} 3',
    'tweendeck_cache_hits_total{type="i"} 0',
    'tweendeck_cache_storage_limit_bytes 3',
    'tweendeck_cache_disk_errors_total 12',
    'tweendeck_cache_ready 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  const types = lines
    .filter((line) => line.startsWith('# TYPE '))
    .map((line) => line.split(' ')[2]);
  assert.equal(new Set(types).size, types.length);
  assert.match(body, /^(#|tweendeck_cache_[a-z_]+(\{[a-z]+="[a-z-]+"\})? \d+$|$)/m);
  assert.ok(body.endsWith('\n'));
});
