import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secondsFor } from './ttl.ts';

for (const [nodes, seconds] of [
  [1, 0],
  [100, 0],
  [101, 15],
  [1_000, 30],
  [2_000, 60],
  [5_000, 300],
] as const) {
  test(`with ${nodes} nodes kubelets keep secrets for ${seconds} s`, () =>
    assert.equal(secondsFor(nodes), seconds));
}
