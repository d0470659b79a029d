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
      name: 'adds a null for no value',
      patch: [{ op: 'add', path: '/x' }],
      want: { ...document, x: null },
    },
    {
      name: 'counts from the end',
      patch: [
        { op: 'add', path: '/a/b/-1', value: 9 },
        { op: 'remove', path: '/a/b/-2' },
      ],
      want: withB([1, 2, 9]),
    },
    {
      name: 'replaces a key that is not there',
      patch: [{ op: 'replace', path: '/x', value: 1 }],
      want: { ...document, x: 1 },
    },
    {
      name: 'takes a leading zero for nothing',
      patch: [{ op: 'replace', path: '/a/b/01', value: 7 }],
      want: withB([1, 7, 3]),
    },
    {
      name: 'does not look at what stands before the first slash',
      patch: [{ op: 'add', path: 'what/x', value: 1 }],
      want: { ...document, x: 1 },
    },
    {
      name: 'replaces the whole document',
      patch: [{ op: 'replace', path: '', value: { y: 2 } }],
      want: { y: 2 },
    },
    {
      name: 'does not replace the whole document by a scalar',
      patch: [{ op: 'replace', path: '', value: 1 }],
      want: document,
    },
    { name: 'is null', patch: null, want: document },
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
    {
      name: 'that is no list',
      patch: {},
      code: 400,
      message: 'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    },
    {
      name: 'of numbers',
      patch: [1],
      code: 400,
      message: 'json: cannot unmarshal number into Go value of type jsonpatch.Operation',
    },
    {
      name: 'with an unknown op',
      patch: [{ op: 'put', path: '/a' }],
      code: 422,
      message: 'Unexpected kind: put',
    },
    {
      name: 'without a path',
      patch: [{ op: 'remove' }],
      code: 422,
      message: 'remove operation failed to decode path: missing value',
    },
    {
      name: 'that moves from nowhere',
      patch: [{ op: 'move', path: '/a' }],
      code: 422,
      message: 'move operation failed to decode from: operation, missing from field: missing value',
    },
    {
      name: 'that removes what is not there',
      patch: [{ op: 'remove', path: '/q/r' }],
      code: 422,
      message: 'remove operation does not apply: doc is missing path: "/q/r": missing value',
    },
    {
      name: 'that replaces beyond the list',
      patch: [{ op: 'replace', path: '/a/b/3', value: 1 }],
      code: 422,
      message: 'replace operation does not apply: doc is missing key: /a/b/3: missing value',
    },
    {
      name: 'that adds at no position',
      patch: [{ op: 'add', path: '/a/b/x', value: 1 }],
      code: 422,
      message:
        "error in add for path: '/a/b/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
    },
    {
      name: 'whose test fails',
      patch: [
        { op: 'add', path: '/x', value: 1 },
        { op: 'test', path: '/x', value: 2 },
      ],
      code: 422,
      message: 'testing value /x failed: test failed',
    },
    {
      name: 'that moves into itself',
      patch: [{ op: 'move', from: '/a', path: '/a/b/0' }],
      code: 422,
      message:
        'move operation does not apply: doc is missing destination path: /a/b/0: missing value',
    },
    {
      name: 'of too many operations',
      patch: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/n', value: null })),
      code: 413,
      message:
        'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    },
  ])
    test(`is refused ${name}`, () =>
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error) => {
          assert(error instanceof ApiError);
          assert.equal(error.code, code);
          assert.equal(error.cause instanceof Error ? error.cause.message : error.message, message);
          return true;
        },
      ));

  test('is refused that doubles the document again and again', () => {
    const patch = Array.from({ length: 40 }, (_, index) => ({
      op: 'copy',
      from: '/a',
      path: `/a/${index}`,
    }));
    assert.throws(
      () => applyJsonPatch(document, patch),
      (error) =>
        error instanceof ApiError &&
        error.message === 'the server rejected our request due to an error in our request' &&
        /accumulated size increase of copy is \d+, exceeding the limit 3145728/.test(
          String(error.cause),
        ),
    );
  });
});

function withB(b: readonly unknown[]): unknown {
  return { ...document, a: { ...document.a, b } };
}

test('a patch that moves a long list again and again is refused before it takes long', () => {
  const document = { list: Array.from({ length: 100_000 }, () => 0) };
  const insert = { op: 'add', path: '/list/0', value: 1 };
  assert.throws(() => applyJsonPatch(document, Array(1_000).fill(insert)), { code: 413 });
  const append = { op: 'add', path: '/list/-', value: 1 };
  assert.ok(applyJsonPatch(document, Array(100).fill(append)));
});
