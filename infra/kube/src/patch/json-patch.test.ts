import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ApiError } from '../status.ts';
import { applyJsonPatch } from './json-patch.ts';

const document = { a: { b: [1, 2, 3], 'c/d': 'slash', '~': 'tilde' }, n: null };

suite('a JSON patch', () => {
  for (const { name, patch, want } of [
    {
      name: 'adds a key',
      patch: [{ op: 'add', path: '/x', value: 1 }],
      want: { ...document, x: 1 },
    },
    {
      name: 'adds into a list',
      patch: [{ op: 'add', path: '/a/b/1', value: 9 }],
      want: withB([1, 9, 2, 3]),
    },
    {
      name: 'adds at the end by index',
      patch: [{ op: 'add', path: '/a/b/3', value: 9 }],
      want: withB([1, 2, 3, 9]),
    },
    {
      name: 'appends with -',
      patch: [{ op: 'add', path: '/a/b/-', value: 9 }],
      want: withB([1, 2, 3, 9]),
    },
    {
      name: 'adds a null',
      patch: [{ op: 'add', path: '/a/b/-', value: null }],
      want: withB([1, 2, 3, null]),
    },
    {
      name: 'replaces the whole document',
      patch: [{ op: 'add', path: '', value: { y: 2 } }],
      want: { y: 2 },
    },
    { name: 'removes from a list', patch: [{ op: 'remove', path: '/a/b/0' }], want: withB([2, 3]) },
    {
      name: 'replaces an item',
      patch: [{ op: 'replace', path: '/a/b/2', value: 7 }],
      want: withB([1, 2, 7]),
    },
    {
      name: 'moves within a list',
      patch: [{ op: 'move', from: '/a/b/0', path: '/a/b/2' }],
      want: withB([2, 3, 1]),
    },
    {
      name: 'copies',
      patch: [{ op: 'copy', from: '/a/b', path: '/c' }],
      want: { ...document, c: [1, 2, 3] },
    },
    {
      name: 'unescapes ~1 and ~0',
      patch: [
        { op: 'test', path: '/a/c~1d', value: 'slash' },
        { op: 'test', path: '/a/~0', value: 'tilde' },
      ],
      want: document,
    },
    {
      name: 'tests a missing key equal to null',
      patch: [{ op: 'test', path: '/nothing', value: null }],
      want: document,
    },
    {
      name: 'sets __proto__ as an ordinary key',
      patch: [{ op: 'add', path: '/__proto__', value: 1 }],
      want: JSON.parse('{"a":{"b":[1,2,3],"c/d":"slash","~":"tilde"},"n":null,"__proto__":1}'),
    },
  ])
    test(name, () => {
      const before = structuredClone(document);
      assert.deepEqual(applyJsonPatch(document, patch), want);
      assert.deepEqual(document, before, 'the document was changed');
    });

  for (const { name, patch, code, message } of [
    { name: 'that is no list', patch: {}, code: 400, message: /list of operations/ },
    {
      name: 'with an unknown op',
      patch: [{ op: 'put', path: '/a' }],
      code: 400,
      message: /operation 0: unknown "op" "put"/,
    },
    { name: 'without a path', patch: [{ op: 'remove' }], code: 400, message: /"path" is missing/ },
    {
      name: 'that adds no value',
      patch: [{ op: 'add', path: '/a' }],
      code: 400,
      message: /add needs a "value"/,
    },
    {
      name: 'that moves from nowhere',
      patch: [{ op: 'move', path: '/a' }],
      code: 400,
      message: /needs a "from"/,
    },
    {
      name: 'that removes what is not there',
      patch: [{ op: 'remove', path: '/q/r' }],
      code: 422,
      message: /operation 0 \(remove "\/q\/r"\): "\/q" does not exist/,
    },
    {
      name: 'that replaces beyond the list',
      patch: [{ op: 'replace', path: '/a/b/3', value: 1 }],
      code: 422,
      message: /"\/a\/b" has 3 items, there is no position 3/,
    },
    {
      name: 'with a leading zero',
      patch: [{ op: 'replace', path: '/a/b/01', value: 1 }],
      code: 422,
      message: /no position in a list/,
    },
    {
      name: 'whose test fails',
      patch: [
        { op: 'add', path: '/x', value: 1 },
        { op: 'test', path: '/x', value: 2 },
      ],
      code: 422,
      message: /operation 1 \(test "\/x"\)/,
    },
    {
      name: 'that moves into itself',
      patch: [{ op: 'move', from: '/a', path: '/a/b/0' }],
      code: 422,
      message: /into itself/,
    },
    {
      name: 'of too many operations',
      patch: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/n', value: null })),
      code: 413,
      message: /is 10000, got 10001/,
    },
    {
      name: 'that doubles the document again and again',
      patch: Array.from({ length: 40 }, (_, index) => ({
        op: 'copy',
        from: '',
        path: `/${index}`,
      })),
      code: 422,
      message: /copies of more than/,
    },
  ])
    test(`is refused ${name}`, () =>
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error) => error instanceof ApiError && error.code === code && message.test(error.message),
      ));
});

function withB(b: readonly unknown[]): unknown {
  return { ...document, a: { ...document.a, b } };
}
