import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { StoreClock, secondsOf } from './store-clock.ts';

const startMs = 1_700_000_000_000;
const simClock = (): SimClock => new SimClock({ random: seededRandom(1), startMs });

test('time goes on as it does, whatever the wall clock jumps', async () => {
  const clock = simClock();
  const time = new StoreClock(clock);
  for (const jumpMs of [1e12, -2e12, 5]) {
    const beforeMs = time.nowMs();
    clock.jumpWall(jumpMs);
    await clock.advance(10_000);
    assert.equal(time.nowMs() - beforeMs, 10_000);
  }
});

test('a wall clock that is behind what has been waits for nothing: time goes on from there', async () => {
  const clock = simClock();
  const time = new StoreClock(clock);
  time.notBefore(startMs - 5_000);
  assert.equal(time.nowMs(), startMs);
  time.notBefore(startMs + 60_000);
  await clock.advance(1_500);
  assert.equal(time.nowSeconds(), startMs / 1_000 + 61);
});

for (const [wallMs, seconds] of [
  [0, 0],
  [1_999, 1],
  [-5, 0],
  [Number.NaN, 0],
  [Number.POSITIVE_INFINITY, 2 ** 32 - 1],
  [1e18, 2 ** 32 - 1],
] as const) {
  test(`${wallMs} ms are ${seconds} s`, () => assert.equal(secondsOf(wallMs), seconds));
}
