// The page says the same for the same differences, and tells new ones from known ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Result } from './lane.ts';
import { compareWithPage, pageOf } from './page.ts';

const result = (lane: string, line: string, ...keys: readonly string[]): Result => ({
  lane,
  conversation: 'x',
  line,
  requestCount: 1,
  differences: keys.map((key) => ({ area: 'Area', key, where: '', expected: '', actual: '' })),
});

const results = [
  result('requests 1.35', 'kubectl a', 'one <none> | [x]', 'two'),
  result('outputs 1.35', 'kubectl b', 'two'),
];

test('is the same in whatever order lanes were run', () => {
  assert.equal(pageOf(results), pageOf([...results].reverse()));
});

test('counts steps, and names the first', () => {
  assert.match(pageOf(results), /^- two · 2 steps: `kubectl a`$/m);
});

test('knows its own lines again, whatever is in them', () => {
  assert.deepEqual(compareWithPage(pageOf(results), results), { added: [], gone: [] });
});

test('tells what is new and what is gone', () => {
  const later = [result('requests 1.35', 'kubectl a', 'two', 'three')];
  assert.deepEqual(compareWithPage(pageOf(results), later), {
    added: ['three'],
    gone: ['one \\<none\\> \\| \\[x\\]'],
  });
});
