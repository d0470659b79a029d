import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';

test('counters, gauges and histograms are read as text', () => {
  const metrics = createMetrics();
  metrics.count('things_total', { kind: 'a "b"\n' });
  metrics.count('things_total', { kind: 'a "b"\n' }, 2);
  metrics.set('depth', {}, 4);
  metrics.set('depth', {}, 3);
  metrics.observe('time_seconds', { name: 'x' }, 0.02);
  metrics.observe('time_seconds', { name: 'x' }, 100);
  const text = metrics.exposition();
  for (const line of [
    '# TYPE things_total counter',
    'things_total{kind="a \\"b\\"\\n"} 3',
    'depth 3',
    'time_seconds_bucket{name="x",le="0.01"} 0',
    'time_seconds_bucket{name="x",le="0.025"} 1',
    'time_seconds_bucket{name="x",le="60"} 1',
    'time_seconds_bucket{name="x",le="+Inf"} 2',
    'time_seconds_sum{name="x"} 100.02',
    'time_seconds_count{name="x"} 2',
  ])
    assert.ok(text.split('\n').includes(line), `${line}\nin\n${text}`);
});

test('the order of labels does not matter; beyond 10,000 series nothing new is kept', () => {
  const metrics = createMetrics();
  metrics.count('a', { x: '1', y: '2' });
  metrics.count('a', { y: '2', x: '1' });
  assert.equal(metrics.value('a', { x: '1', y: '2' }), 2);
  for (let index = 0; index < 10_000; index++) metrics.set('g', { index: `${index}` }, 1);
  assert.equal(metrics.value('g', { index: '9998' }), 1);
  assert.equal(metrics.value('g', { index: '9999' }), 0);
});

test('collectors are asked at every exposition, until they are disposed', () => {
  const metrics = createMetrics();
  let asked = 0;
  const collector = metrics.collect(() => metrics.set('asked', {}, ++asked));
  assert.match(metrics.exposition(), /^asked 1$/m);
  assert.match(metrics.exposition(), /^asked 2$/m);
  collector[Symbol.dispose]();
  assert.match(metrics.exposition(), /^asked 2$/m);
});
