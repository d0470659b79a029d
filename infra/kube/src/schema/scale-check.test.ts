// Replica counts that cannot be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scaleErrors } from './scale-check.ts';

const paths = { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' };

for (const { name, object, says } of [
  { name: 'counts', object: { spec: { size: 3 }, status: { size: 0 } }, says: [] },
  { name: 'none', object: {}, says: [] },
  {
    name: 'a negative one',
    object: { spec: { size: -1 } },
    says: ['.spec.size: should be a non-negative integer'],
  },
  {
    name: 'one too large',
    object: { status: { size: 2 ** 31 } },
    says: ['.status.size: should be less than or equal to 2147483647'],
  },
  {
    name: 'text',
    object: { spec: { size: 'a' } },
    says: ['.spec.size: .spec.size accessor error: a is of the type string, expected int64'],
  },
  {
    name: 'a list in between',
    object: { spec: [1, 'b'] },
    says: [
      '.spec.size: .spec.size accessor error: [1 b] is of the type []interface {}, expected map[string]interface{}',
    ],
  },
]) {
  test(`replica counts: ${name}`, () =>
    assert.deepEqual(
      scaleErrors(object, paths).map(({ field, detail }) => `${field}: ${detail}`),
      says,
    ));
}
