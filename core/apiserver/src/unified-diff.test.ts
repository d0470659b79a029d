// The unified form of differences; expectations are those of Python's difflib.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unifiedDiff } from './unified-diff.ts';

const letters = (text: string): readonly string[] => [...text];

for (const { name, left, right, said } of [
  { name: 'nothing', left: letters('abc'), right: letters('abc'), said: [] },
  {
    name: 'another line',
    left: letters('abcdefghi'),
    right: letters('abcdXfghi'),
    said: ['@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+X', ' f', ' g', ' h'],
  },
  {
    name: 'one line more at the start',
    left: letters('ab'),
    right: letters('Xab'),
    said: ['@@ -1,2 +1,3 @@', '+X', ' a', ' b'],
  },
  { name: 'everything', left: letters('a'), right: [], said: ['@@ -1 +0,0 @@', '-a'] },
  {
    name: 'two changes apart',
    left: letters('abcdefghijk'),
    right: letters('Xbcdefghijk').with(10, 'Y'),
    said: [
      ...['@@ -1,4 +1,4 @@', '-a', '+X', ' b', ' c', ' d'],
      ...['@@ -8,4 +8,4 @@', ' h', ' i', ' j', '-k', '+Y'],
    ],
  },
  {
    name: 'lines that a long text has too often, by what is around them',
    left: Array.from({ length: 240 }, (_, at) => (at % 2 === 0 ? 'often' : String(at))),
    right: Array.from({ length: 240 }, (_, at) =>
      at % 2 === 0 ? 'often' : at === 9 ? 'x' : `${at}`,
    ),
    said: ['@@ -7,7 +7,7 @@', ' often', ' 7', ' often', '-9', '+x', ' often', ' 11', ' often'],
  },
]) {
  test(`differs: ${name}`, () => {
    assert.equal(unifiedDiff(left, right), said.map((line) => `${line}\n`).join(''));
  });
}
