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
  const { added, gone } = compareWithPage(pageOf(results), results);
  assert.deepEqual({ added, gone }, { added: [], gone: [] });
});

const unserved = (key: string): Result => ({
  ...result('requests 1.35', 'kubectl api-resources'),
  differences: [
    { area: 'APIs that are not served', key, where: '', expected: 'served', actual: 'not served' },
  ],
});

test('what is left out is explained, and counted by its reason', () => {
  const page = pageOf([unserved('resourcequotas'), unserved('*.autoscaling/v2')]);
  assert.match(page, /^None\.$/m);
  assert.match(page, /^\| ResourceQuota \| 1 \| 1 \| resourcequotas: `kubectl api-resources` \|$/m);
  const { idle } = compareWithPage(page, [unserved('resourcequotas')]);
  assert.ok(!idle.some(({ key }) => key.test('resourcequotas')));
  assert.ok(idle.some(({ key }) => key.test('*.autoscaling/v2')));
});

test('what only looks like something left out is not explained', () => {
  for (const key of ['resourcequotas/finalize', 'deployments/scale.apps', 'pods', '*.apps']) {
    assert.match(pageOf([unserved(key)]), /^### APIs that are not served$/m, key);
  }
});

test('tells what is new and what is gone', () => {
  const later = [result('requests 1.35', 'kubectl a', 'two', 'three')];
  const { added, gone } = compareWithPage(pageOf(results), later);
  assert.deepEqual({ added, gone }, { added: ['three'], gone: ['one \\<none\\> \\| \\[x\\]'] });
});
