import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '@tweendeck/kube';
import { ago, meta, node } from '../testing/objects.ts';
import { graceMs, heardFrom, planNode } from './plan.ts';

const lease = (renewTime: string): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: meta('n1'),
  spec: { renewTime },
});

for (const { name, silentMs, ready = 'True' as const, reason } of [
  { name: 'that reported just now is left alone', silentMs: 0, reason: undefined },
  { name: 'within its grace is left alone', silentMs: graceMs - 1, reason: undefined },
  { name: 'silent beyond its grace is unknown', silentMs: graceMs, reason: 'NodeStatusUnknown' },
  {
    name: 'that is unknown already is not written again',
    silentMs: graceMs * 5,
    ready: 'Unknown' as const,
    reason: undefined,
  },
]) {
  test(`a node ${name}`, () => {
    const heartbeat = { mark: '', seenMs: 1_000 };
    const now = { monotonicMs: 1_000 + silentMs, now: ago(0) };
    const plan = planNode(node('n1', { ready }), heartbeat, now);
    const condition = plan.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(condition?.reason, reason);
    if (reason) assert.equal(condition?.status, 'Unknown');
    assert.ok(plan.requeueAfterMs > 0 && plan.requeueAfterMs <= graceMs);
  });
}

test('a node that never said anything is unknown too, in its own words', () => {
  const bare = { ...node('n1'), status: {} };
  const plan = planNode(bare, { mark: '', seenMs: 0 }, { monotonicMs: graceMs, now: ago(0) });
  assert.equal(plan.conditions?.[0]?.reason, 'NodeStatusNeverUpdated');
});

test('a heartbeat is what changes, whatever the clock of the node says', () => {
  const first = heardFrom(node('n1'), lease(ago(900)), undefined, 10);
  assert.equal(first.seenMs, 10);
  assert.equal(heardFrom(node('n1'), lease(ago(900)), first, 20), first);
  assert.equal(heardFrom(node('n1'), lease(ago(890)), first, 30).seenMs, 30);
});

test('that the node was called unknown is no report of its own', () => {
  const silent = heardFrom(node('n1', { ready: 'Unknown' }), undefined, undefined, 10);
  const again = { ...node('n1', { ready: 'Unknown' }) };
  assert.equal(heardFrom(again, undefined, silent, 20).seenMs, 10);
});
