import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duplicateKeys, fieldProblems } from './json-duplicates.ts';

for (const { name, text, want } of [
  { name: 'none in a plain object', text: '{"a":1,"b":{"a":2}}', want: [] },
  { name: 'a key at the root', text: '{"a":1,"a":2}', want: ['a'] },
  { name: 'a key far down', text: '{"a":[{"b":1},{"b":1,"c":{"d":1,"d":2}}]}', want: ['a[1].c.d'] },
  { name: 'a key written in two ways', text: '{"a":1,"\\u0061":2}', want: ['a'] },
  { name: 'no keys in texts', text: '{"a":"{\\"b\\":1,\\"b\\":2}","b":"}"}', want: [] },
  { name: 'keys among white space', text: ' { "a" : [ ] ,\n "a" : null } ', want: ['a'] },
]) {
  test(`duplicateKeys finds ${name}`, () => assert.deepEqual(duplicateKeys(text), want));
}

test('fieldProblems tells of unknown and repeated fields in the order in which they stand', () => {
  const text = '{"spec":{"c":1,"b":2,"b":3,"a":{"d":1}}}';
  assert.deepEqual(fieldProblems(text, ['spec.a', 'spec.c', 'elsewhere']), [
    'unknown field "spec.c"',
    'duplicate field "spec.b"',
    'unknown field "spec.a"',
    'unknown field "elsewhere"',
  ]);
});
