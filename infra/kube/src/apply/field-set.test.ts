import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FieldSet } from './field-set.ts';
import { decodeFieldsV1, encodeFieldsV1 } from './fields-v1.ts';
import { fieldElement, keyElement, showPath, valueElement } from './path-element.ts';

const scalars = fc.oneof(fc.string({ maxLength: 3 }), fc.integer(), fc.boolean());
const elements = fc.oneof(
  fc.constantFrom('a', 'b', 'c').map(fieldElement),
  fc.string().map(fieldElement),
  fc.dictionary(fc.constantFrom('x', 'y'), scalars, { minKeys: 1 }).map(keyElement),
  scalars.map(valueElement),
  fc.nat({ max: 9 }).map((index) => `i:${index}`),
);
const sets = fc
  .array(fc.array(elements, { minLength: 1, maxLength: 4 }), { maxLength: 12 })
  .map((paths) => FieldSet.of(paths));
const same = (left: FieldSet, right: FieldSet): void =>
  assert.deepEqual(encodeFieldsV1(left), encodeFieldsV1(right));

suite('field sets', () => {
  test('come back from FieldsV1 as they were', () =>
    fc.assert(
      fc.property(sets, (set) => {
        const decoded = decodeFieldsV1(JSON.parse(JSON.stringify(encodeFieldsV1(set))));
        assert.ok(decoded.equals(set));
        same(decoded, set);
      }),
    ));

  test('unite, intersect and differ as sets do', () =>
    fc.assert(
      fc.property(sets, sets, (left, right) => {
        assert.ok(left.union(right).equals(right.union(left)));
        assert.ok(left.union(left).equals(left));
        assert.ok(left.intersection(right).equals(right.intersection(left)));
        assert.ok(left.difference(left).isEmpty);
        assert.ok(left.union(right).difference(right).equals(left.difference(right)));
        assert.ok(left.difference(right).union(left.intersection(right)).equals(left));
        assert.ok(left.recursiveDifference(right).difference(left).isEmpty);
        for (const path of left.paths()) assert.ok(left.union(right).has(path));
      }),
    ));

  test('lose what lies behind a path by the recursive difference only', () => {
    const set = FieldSet.of([['f:a', 'f:b', 'f:c'], ['f:a'], ['f:d']]);
    const gone = FieldSet.of([['f:a', 'f:b']]);
    assert.ok(set.difference(gone).equals(set));
    assert.deepEqual([...set.recursiveDifference(gone).paths()].map(showPath), ['.a', '.d']);
  });

  test('list paths in the order of kube-apiserver', () =>
    assert.deepEqual(
      [
        ...FieldSet.of([
          ['f:z'],
          ['f:a', 'v:"y"'],
          ['f:a', 'v:2'],
          ['f:a', 'v:10'],
          ['f:a', 'k:{"port":9}'],
          ['f:a', 'k:{"port":10}', 'f:x'],
          ['f:a', 'i:1'],
          ['f:b'],
        ]).paths(),
      ].map(showPath),
      ['.b', '.z', '.a[port=9]', '.a[=2]', '.a[=10]', '.a[="y"]', '.a[1]', '.a[port=10].x'],
    ));

  for (const { name, fields } of [
    { name: 'a step without a colon', fields: { fx: {} } },
    { name: 'a key that is no JSON', fields: { 'k:{': {} } },
    { name: 'a child that is no object', fields: { 'f:a': 1 } },
    { name: 'a list', fields: [] },
    { name: 'an index that is no number', fields: { 'i:x': {} } },
  ])
    test(`are refused with ${name}`, () =>
      assert.throws(() => decodeFieldsV1(fields), SyntaxError));

  test('leave out kinds of step that are not known yet', () =>
    assert.deepEqual([...decodeFieldsV1({ 'q:1': {}, 'f:a': {} }).paths()], [['f:a']]));
});
