// The mark of who is in step, to a server and back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RespValue } from '@tweendeck/wire';
import { isSameMark, type Mark, markIn, writeMark } from './mark.ts';

const mark: Mark = {
  ...{ number: 12, leader: 2 },
  inStep: [
    { ordinal: 0, address: '10.0.0.1:6379' },
    { ordinal: 2, address: '[fd00::2]:6379' },
  ],
};

test('a mark is found in what a server answers', () => {
  const [, , , code] = writeMark(mark);
  const [, name = ''] = /register_function\('([^']+)'/.exec(String(code)) ?? [];
  const answer: RespValue = [
    [
      Buffer.from('library_name'),
      Buffer.from('tweendeck'),
      Buffer.from('functions'),
      [[Buffer.from('name'), Buffer.from(name), Buffer.from('description'), null]],
    ],
  ];
  assert.deepEqual(markIn(answer), mark);
  assert.match(name, /^\w+$/);
});

for (const { name, answer } of [
  { name: 'no library', answer: [] },
  { name: 'no answer', answer: undefined },
  { name: 'somebody else’s function', answer: [[Buffer.from('tweendeck_x_1')]] },
] as readonly { name: string; answer: RespValue | undefined }[]) {
  test(`${name}: no mark`, () => assert.equal(markIn(answer), undefined));
}

test('marks of other leaders, members and addresses are others; their order is nothing', () => {
  assert.ok(isSameMark(mark, { ...mark, number: 13, inStep: mark.inStep.toReversed() }));
  assert.ok(!isSameMark(mark, { ...mark, leader: 0 }));
  assert.ok(!isSameMark(mark, { ...mark, inStep: mark.inStep.slice(1) }));
});
