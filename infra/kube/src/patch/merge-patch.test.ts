import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { applyMergePatch } from './merge-patch.ts';

suite('a merge patch', () => {
  for (const { name, target, patch, want } of [
    {
      name: 'sets and replaces',
      target: { a: 'b' },
      patch: { a: 'c', x: 1 },
      want: { a: 'c', x: 1 },
    },
    { name: 'removes by null', target: { a: 'b', b: 'c' }, patch: { a: null }, want: { b: 'c' } },
    { name: 'replaces lists whole', target: { a: [1, 2] }, patch: { a: [3] }, want: { a: [3] } },
    {
      name: 'merges deep',
      target: { a: { b: 1, c: 2 } },
      patch: { a: { b: 3, c: null } },
      want: { a: { b: 3 } },
    },
    {
      name: 'drops nulls of new maps',
      target: {},
      patch: { a: { bb: { ccc: null } } },
      want: { a: { bb: {} } },
    },
    {
      name: 'keeps null items of lists, but not nulls in the maps among them',
      target: {},
      patch: { a: [null, { b: null }] },
      want: { a: [null, {}] },
    },
    {
      name: 'turns a scalar into a map',
      target: { a: 'x' },
      patch: { a: { b: 1 } },
      want: { a: { b: 1 } },
    },
    { name: 'replaces when it is no map', target: { a: 1 }, patch: ['c'], want: ['c'] },
  ])
    test(name, () => {
      const before = structuredClone(target);
      assert.deepEqual(applyMergePatch(target, patch), want);
      assert.deepEqual(target, before);
    });

  test('sets __proto__ as an ordinary key', () => {
    const merged = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    assert.equal(JSON.stringify(merged), '{"__proto__":{"polluted":true}}');
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });
});
