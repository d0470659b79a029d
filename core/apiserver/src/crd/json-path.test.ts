import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldPathOf, parseJsonPath } from './json-path.ts';

const object = {
  spec: {
    replicas: 3,
    'a.b': 'dotted',
    list: [
      { n: 'x', v: 1 },
      { n: 'y', v: 2 },
    ],
  },
  metadata: { labels: { 'app.io/name': 'cache' } },
};

for (const [path, want] of [
  ['.spec.replicas', [3]],
  ['{.spec.replicas}', [3]],
  ['.spec.none', []],
  ['.spec.list[0].n', ['x']],
  ['.spec.list[-1].n', ['y']],
  ['.spec.list[*].v', [1, 2]],
  ['.spec.list[?(@.n=="y")].v', [2]],
  [".spec.list[?(@.n == 'x')].v", [1]],
  ['.spec.list[?(@.v>1)].n', ['y']],
  ["['spec']['a.b']", ['dotted']],
  ['.metadata.labels.app\\.io/name', ['cache']],
  ['.spec.toString', []],
] as const) {
  test(`the path ${path} finds ${JSON.stringify(want)}`, () => {
    assert.deepEqual(parseJsonPath(path)?.find(object), want);
  });
}

for (const path of ['', 'spec', '.spec[', '.spec[?(@.a~"b")]', '..a']) {
  test(`the path ${JSON.stringify(path)} is refused`, () =>
    assert.equal(parseJsonPath(path), undefined));
}

test('only paths of fields have keys', () => {
  assert.deepEqual(fieldPathOf('.spec.replicas'), ['spec', 'replicas']);
  assert.equal(fieldPathOf('.spec.list[0]'), undefined);
});
