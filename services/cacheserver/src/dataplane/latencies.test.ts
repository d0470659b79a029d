import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram, latencyBoundsMs } from './latencies.ts';

test('a latency is counted in the first bucket that holds it', () => {
  const histogram = new LatencyHistogram();
  histogram.observe(0);
  histogram.observe(0.05);
  histogram.observe(0.051, 3);
  histogram.observe(5_000);
  histogram.observe(9_000);
  const { counts, sumMs } = histogram.values();
  assert.equal(counts.length, latencyBoundsMs.length + 1);
  assert.deepEqual([counts[0], counts[1], counts.at(-2), counts.at(-1)], [2, 3, 1, 1]);
  assert.ok(Math.abs(sumMs - 14_000.203) < 1e-6);
});
