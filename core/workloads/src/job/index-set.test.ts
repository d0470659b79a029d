import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { IndexSet } from './index-set.ts';

const random = seededRandom(5);
const some = (): readonly number[] =>
  Array.from({ length: random.integer(12) }, () => random.integer(15));

test('a set of indexes is what a set of numbers is', () => {
  for (let round = 0; round < 300; round++) {
    const [left, right] = [some(), some()];
    const [one, other] = [IndexSet.of(left), IndexSet.of(right)];
    const both = new Set([...left, ...right]);
    assert.equal(one.size, new Set(left).size);
    assert.equal(one.union(other).size, both.size);
    assert.equal(one.common(other), new Set(left).intersection(new Set(right)).size);
    for (let index = 0; index < 16; index++) assert.equal(one.has(index), left.includes(index));
    assert.equal(String(IndexSet.parse(String(one), 15)), String(one));
    const free = Array.from({ length: 10 }, (_, at) => at).filter((at) => !left.includes(at));
    assert.deepEqual(one.missing(3, 10), free.slice(0, 3));
  }
});

for (const [indexes, text] of [
  [[], ''],
  [[3], '3'],
  [[1, 2], '1,2'],
  [[0, 1, 2, 5, 7, 8], '0-2,5,7,8'],
] as const) {
  test(`${JSON.stringify(indexes)} is written "${text}"`, () => {
    assert.equal(String(IndexSet.of(indexes)), text);
  });
}

test('what is beyond the completions, and what is no index, is dropped', () => {
  assert.equal(String(IndexSet.parse('1-5,x,9', 4)), '1-3');
});
