import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goPlain } from './go-plain.ts';

for (const { value, text } of [
  { value: {}, text: 'map[]' },
  { value: { b: ['x', 1.5, null], a: true }, text: 'map[a:true b:[x 1.5 <nil>]]' },
  { value: 'a b', text: 'a b' },
  { value: null, text: '<nil>' },
])
  test(`Go prints ${JSON.stringify(value)} as ${text}`, () => assert.equal(goPlain(value), text));
