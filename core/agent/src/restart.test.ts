import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backoffText,
  nextRestartBackoff,
  platformStopReason,
  type RestartBackoff,
  restartsAfter,
} from './restart.ts';

test('back-off: none at first, then 10 s doubling up to 5 minutes', () => {
  const delays: number[] = [];
  let backoff: RestartBackoff | undefined;
  for (let run = 0; run < 8; run++) {
    backoff = nextRestartBackoff(backoff, 1_000);
    delays.push(backoff.delayMs / 1_000);
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
});

test('back-off: a run of ten minutes forgives', () => {
  assert.equal(nextRestartBackoff({ delayMs: 160_000 }, 600_000).delayMs, 0);
  assert.equal(nextRestartBackoff({ delayMs: 160_000 }, 599_999).delayMs, 300_000);
});

for (const { policy, ended, want } of [
  { policy: 'Always', ended: { exitCode: 0 }, want: true },
  { policy: 'Always', ended: { exitCode: 1 }, want: true },
  { policy: 'OnFailure', ended: { exitCode: 0 }, want: false },
  { policy: 'OnFailure', ended: { exitCode: 1 }, want: true },
  { policy: 'OnFailure', ended: { exitCode: 0, reason: platformStopReason }, want: true },
  { policy: 'Never', ended: { exitCode: 1 }, want: false },
  { policy: 'Never', ended: { exitCode: 137, reason: platformStopReason }, want: false },
] as const) {
  test(`${policy} after ${JSON.stringify(ended)} ${want ? 'runs again' : 'rests'}`, () => {
    assert.equal(restartsAfter(policy, ended), want);
  });
}

test('back-off is written as Go writes durations', () => {
  assert.deepEqual([10_000, 80_000, 300_000].map(backoffText), ['10s', '1m20s', '5m0s']);
});
