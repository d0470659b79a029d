// The order of keys is that of their UTF-8 bytes, for every pair and in every range.

import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { compareKeys, SortedKeys } from './key-order.ts';

/** Text of few characters that lie on both sides of every boundary of the encodings. */
const keys = fc.string({
  unit: fc.constantFrom('a', 'b', '\x7f', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀'),
  maxLength: 4,
});

test('any two keys compare as their UTF-8 bytes do', () => {
  fc.assert(
    fc.property(keys, keys, (left, right) => {
      const want = Buffer.compare(Buffer.from(left), Buffer.from(right));
      equal(Math.sign(compareKeys(left, right)), want);
    }),
    { numRuns: 2_000 },
  );
});

test('ranges of a set are those of a sorted array, whatever was added and removed', () => {
  const edits = fc.array(fc.tuple(fc.boolean(), keys), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(edits, keys, fc.option(keys), fc.nat(9), (edits, prefix, after, lengthMax) => {
      const set = new SortedKeys();
      const model = new Set<string>();
      for (const [added, key] of edits) {
        if (added && !model.has(key)) set.add(key);
        if (!added) set.delete(key);
        if (added) model.add(key);
        else model.delete(key);
      }
      const sorted = sort([...model]);
      const all = sorted.filter(
        (key) => key.startsWith(prefix) && (after === null || compareKeys(key, after) > 0),
      );
      const range = set.range(prefix, { after: after ?? undefined, lengthMax });
      deepEqual(range.keys, all.slice(0, lengthMax));
      equal(range.remaining, Math.max(0, all.length - lengthMax));
    }),
    { numRuns: 300 },
  );
});

test('a set of many leaves keeps its order while it grows and shrinks', () => {
  const set = new SortedKeys();
  const names = Array.from(
    { length: 5_000 },
    (_, index) => `k/${(index * 2_654_435_761) % 99_991}`,
  );
  for (const name of names) set.add(name);
  deepEqual(set.range('k/').keys, sort([...names]));
  for (const [index, name] of names.entries()) if (index % 3 > 0) set.delete(name);
  const rest = sort(names.filter((_, index) => index % 3 === 0));
  deepEqual(set.range('').keys, rest);
  deepEqual(set.range('k/', { after: rest[700] ?? '', lengthMax: 900 }), {
    keys: rest.slice(701, 1_601),
    remaining: rest.length - 1_601,
  });
  const loaded = new SortedKeys();
  loaded.load(names.toReversed());
  deepEqual(loaded.range('').keys, sort([...names]));
});

function sort(names: string[]): string[] {
  return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
