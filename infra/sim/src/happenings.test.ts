// What happens at moments of a clock happens in order, and only when somebody looks; who is cut off is not reached.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { SimClock } from './clock.ts';
import { Happenings } from './happenings.ts';
import { Partitions } from './partitions.ts';

test('what is due happens at the next look, in the order of its moments, with what it brings about', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const happenings = new Happenings(clock);
  const seen: string[] = [];
  const note = (what: string) => (): void => void seen.push(`${what} ${happenings.nowMs}`);
  happenings.at(30, note('third'));
  happenings.at(10, note('first'));
  happenings.at(10, note('second'));
  happenings.at(20, () => happenings.after(5, note('brought about')));
  happenings.at(31, note('later'));
  await clock.advance(30);
  assert.deepEqual(seen, []);
  happenings.look();
  assert.deepEqual(seen, ['first 10', 'second 10', 'brought about 25', 'third 30']);
  assert.equal(happenings.nowMs, 30);
});

test('what was to happen in the past happens now; looking while looking does nothing', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const happenings = new Happenings(clock);
  await clock.advance(10);
  happenings.look();
  const seen: number[] = [];
  happenings.at(3, () => {
    happenings.look();
    seen.push(happenings.nowMs);
  });
  happenings.look();
  assert.deepEqual(seen, [10]);
});

test('who is cut off from one is reached by others, and by all once it is healed', () => {
  const partitions = new Partitions();
  partitions.cut('a', 'b');
  partitions.cut('a', 'c');
  assert.deepEqual(
    [partitions.reach('b', 'a'), partitions.reach('a', 'd'), partitions.reach('c', 'b')],
    [false, true, true],
  );
  partitions.heal('b', 'a');
  assert.deepEqual([partitions.reach('a', 'b'), partitions.reach('a', 'c')], [true, false]);
  partitions.healAll();
  assert.ok(partitions.reach('a', 'c'));
});
