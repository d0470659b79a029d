import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

/** Works through `count` steps of so many milliseconds; gives how often others had their turn. */
async function turnsOf(count: number, stepMs: number): Promise<number> {
  let nowMs = 0;
  const pace = new Pace({ monotonicMs: () => nowMs });
  let turns = 0;
  for (let index = 0; index < count; index++) {
    const pause = pace.step();
    if (pause) {
      turns++;
      let others = false;
      setImmediate(() => {
        others = true;
      });
      await pause;
      await new Promise(setImmediate);
      assert.ok(others);
    }
    nowMs += stepMs;
  }
  return turns;
}

test('long work lets others in every few milliseconds, short work goes through', async () => {
  assert.equal(await turnsOf(1_000, 0.001), 0);
  const turns = await turnsOf(6_400, 0.1); // 640 ms of work
  assert.ok(turns > 40 && turns <= 200, `${turns} turns`);
});
