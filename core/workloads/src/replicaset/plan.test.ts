import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@tweendeck/kube';
import { ago, nowMs, pod, replicaSet } from '../testing/objects.ts';
import { planReplicaSet, replicaSetStatus } from './plan.ts';
import { rankVictims } from './victims.ts';

const named = (pods: readonly Pod[]): readonly string[] =>
  pods.map(({ metadata }) => metadata.name);

for (const { name, replicas, pods, creates, removes } of [
  { name: 'creates what is missing', replicas: 3, pods: [pod('a')], creates: 2, removes: [] },
  { name: 'rests when satisfied', replicas: 1, pods: [pod('a')], creates: 0, removes: [] },
  {
    name: 'does not count finished pods',
    replicas: 1,
    pods: [pod('a', { phase: 'Failed' }), pod('b', { phase: 'Succeeded' })],
    creates: 1,
    removes: [],
  },
  {
    name: 'does not count leaving pods',
    replicas: 1,
    pods: [pod('a', { deletionTimestamp: ago(1) })],
    creates: 1,
    removes: [],
  },
  { name: 'creates 500 at most', replicas: 900, pods: [], creates: 500, removes: [] },
  {
    name: 'removes what is too many, the unready first',
    replicas: 1,
    pods: [pod('a'), pod('b', { readySeconds: undefined })],
    creates: 0,
    removes: ['b'],
  },
  {
    name: 'removes all at zero',
    replicas: 0,
    pods: [pod('a'), pod('b')],
    creates: 0,
    removes: ['a', 'b'],
  },
]) {
  test(`a replica set ${name}`, () => {
    const plan = planReplicaSet({
      replicaSet: replicaSet('web', { replicas }),
      pods,
      relatedPods: pods,
      nowMs,
    });
    assert.equal(plan.createCount, creates);
    assert.deepEqual(named(plan.remove), removes);
  });
}

test('a replica set under deletion leaves its pods alone', () => {
  const leaving = replicaSet('web', { replicas: 3, deletionTimestamp: ago(1) });
  const plan = planReplicaSet({ replicaSet: leaving, pods: [], relatedPods: [], nowMs });
  assert.equal(plan.createCount, 0);
});

const cost = (value: string) => ({ 'controller.kubernetes.io/pod-deletion-cost': value });
for (const { name, first, second, crowded = [] } of [
  {
    name: 'one without a node before one with',
    first: pod('b'),
    second: pod('a', { node: 'n1' }),
  },
  {
    name: 'pending before running',
    first: pod('b', { node: 'n1', phase: 'Pending', readySeconds: undefined }),
    second: pod('a', { node: 'n1', readySeconds: undefined }),
  },
  {
    name: 'unready before ready',
    first: pod('b', { node: 'n1', readySeconds: undefined }),
    second: pod('a', { node: 'n1' }),
  },
  {
    name: 'the lower deletion cost first',
    first: pod('b', { node: 'n1', annotations: cost('-5') }),
    second: pod('a', { node: 'n1', annotations: cost('3') }),
  },
  {
    name: 'a cost that is no number counts as none',
    first: pod('b', { node: 'n1', annotations: cost('-1') }),
    second: pod('a', { node: 'n1', annotations: cost('many') }),
  },
  {
    name: 'on the more crowded node first',
    first: pod('b', { node: 'n2' }),
    second: pod('a', { node: 'n1' }),
    crowded: ['n2'],
  },
  {
    name: 'ready for a shorter time first',
    first: pod('b', { node: 'n1', readySeconds: 10 }),
    second: pod('a', { node: 'n1', readySeconds: 1_000 }),
  },
  {
    name: 'among ready times of one magnitude by uid, whichever is younger',
    first: pod('a', { node: 'n1', readySeconds: 1_010 }),
    second: pod('b', { node: 'n1', readySeconds: 1_000 }),
  },
  {
    name: 'more restarts first',
    first: pod('b', { node: 'n1', restarts: 4 }),
    second: pod('a', { node: 'n1', restarts: 1 }),
  },
  {
    name: 'the younger first',
    first: pod('b', { node: 'n1', ageSeconds: 10 }),
    second: pod('a', { node: 'n1', ageSeconds: 10_000 }),
  },
]) {
  test(`victims: ${name}`, () => {
    const crowding = (each: Pod): number => (crowded.includes(each.spec.nodeName ?? '') ? 2 : 1);
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      assert.deepEqual(named(rankVictims(order, crowding, nowMs)), named([first, second]));
    }
  });
}

test('a status counts active pods, and those that became available in time', () => {
  const set = replicaSet('web', { replicas: 3 });
  const patient = { ...set, spec: { ...set.spec, minReadySeconds: 30 } };
  const labels = { app: 'web', 'pod-template-hash': 'web' };
  const pods = [
    pod('a', { labels, readySeconds: 40 }),
    pod('b', { labels, readySeconds: 10 }),
    pod('c', { readySeconds: undefined }),
    pod('d', { phase: 'Failed' }),
  ];
  const observed = { replicaSet: patient, pods, nowMs };
  assert.deepEqual(replicaSetStatus(observed, undefined, ago(0)), {
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 1,
  });
  const plan = planReplicaSet({ ...observed, relatedPods: pods });
  assert.equal(plan.requeueAfterMs, 20_000);
});

test('a failed pass shows as a condition, and goes with the next good one', () => {
  const observed = { replicaSet: replicaSet('web'), pods: [], nowMs };
  const failed = replicaSetStatus(observed, { reason: 'FailedCreate', message: 'quota' }, ago(0));
  assert.deepEqual(failed.conditions, [
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'quota',
      lastTransitionTime: ago(0),
    },
  ]);
  const before = { ...observed.replicaSet, status: failed };
  const next = replicaSetStatus({ ...observed, replicaSet: before }, undefined, ago(0));
  assert.equal(next.conditions, undefined);
});
