import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease, Node, Taint, Toleration } from '@tweendeck/kube';
import { ago, meta, node, pod } from '../testing/objects.ts';
import { heardFrom, planHealth } from './health.ts';
import { surplusOf } from './pod-garbage.ts';
import { staysMs } from './taint-eviction.ts';
import { notReady, plannedTaints, unreachable } from './taints.ts';
import { Allowance, planZones, usualRates, type ZoneState } from './zones.ts';

const graceMs = 50_000;
const patience = { monitorGraceMs: graceMs, startupGraceMs: 60_000 };
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
    name: 'that said it is not ready is unknown when it falls silent',
    silentMs: graceMs,
    ready: 'False' as const,
    reason: 'NodeStatusUnknown',
  },
]) {
  test(`a node ${name}`, () => {
    const heartbeat = { mark: '', seenMs: 1_000 };
    const now = { patience, monotonicMs: 1_000 + silentMs, now: ago(0) };
    const plan = planHealth(node('n1', { ready }), heartbeat, now);
    const condition = plan.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(condition?.reason, reason);
    if (reason) assert.equal(condition?.status, 'Unknown');
    assert.equal(plan.leftMs, reason ? undefined : graceMs - silentMs);
  });
}

test('a silent node is called unknown in everything, once', () => {
  const silent = { mark: '', seenMs: 0 };
  const at = { patience, monotonicMs: graceMs, now: ago(0) };
  const { conditions } = planHealth(node('n1'), silent, at);
  assert.deepEqual(
    conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`),
    [
      'Ready Unknown NodeStatusUnknown',
      'MemoryPressure Unknown NodeStatusNeverUpdated',
      'DiskPressure Unknown NodeStatusNeverUpdated',
      'PIDPressure Unknown NodeStatusNeverUpdated',
    ],
  );
  const again = { ...node('n1'), status: { conditions: conditions ?? [] } };
  assert.equal(planHealth(again, silent, at).conditions, undefined);
});

test('a node that never said anything has a minute, and is unknown in its own words', () => {
  const bare = { ...node('n1'), status: {} };
  const silent = { mark: '', seenMs: 0 };
  assert.equal(planHealth(bare, silent, { patience, monotonicMs: 59_999, now: ago(0) }).leftMs, 1);
  const plan = planHealth(bare, silent, { patience, monotonicMs: 60_000, now: ago(0) });
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

const taint = (key: string, effect: Taint['effect']): Taint => ({ key, effect });
const text = (taints: readonly Taint[] | undefined): readonly string[] | undefined =>
  taints?.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`);
interface TaintRow {
  readonly name: string;
  readonly ready?: 'True' | 'False' | 'Unknown';
  readonly spec?: Node['spec'];
  readonly leaving?: Parameters<typeof plannedTaints>[1];
  readonly want: readonly string[] | undefined;
}
const taintRows: readonly TaintRow[] = [
  { name: 'a ready node has none', want: undefined },
  {
    name: 'a node that became ready loses what kept pods off',
    spec: { taints: [taint(notReady, 'NoSchedule'), taint(notReady, 'NoExecute')] },
    want: [],
  },
  { name: "others' taints stay", spec: { taints: [taint('gpu', 'NoSchedule')] }, want: undefined },
  {
    name: 'a cordoned node says so',
    spec: { unschedulable: true },
    want: ['unschedulable:NoSchedule'],
  },
  {
    name: 'an uncordoned node no longer',
    spec: { taints: [taint('node.kubernetes.io/unschedulable', 'NoSchedule')] },
    want: [],
  },
  {
    name: 'a node that is not ready keeps pods off, and is left',
    ready: 'False',
    leaving: notReady,
    want: ['not-ready:NoSchedule', 'not-ready:NoExecute'],
  },
  {
    name: 'a lost node whose turn has not come keeps new pods off',
    ready: 'Unknown',
    leaving: 'keep',
    want: ['unreachable:NoSchedule'],
  },
  {
    name: 'a node that is lost after it was not ready changes one for the other',
    ready: 'Unknown',
    leaving: unreachable,
    spec: { taints: [taint(notReady, 'NoSchedule'), taint(notReady, 'NoExecute')] },
    want: ['unreachable:NoSchedule', 'unreachable:NoExecute'],
  },
  {
    name: 'when all nodes are lost nobody has to leave',
    ready: 'Unknown',
    leaving: 'none',
    spec: { taints: [taint(unreachable, 'NoSchedule'), taint(unreachable, 'NoExecute')] },
    want: ['unreachable:NoSchedule'],
  },
];
for (const { name, ready = 'True', spec = {}, leaving = 'none', want } of taintRows) {
  test(`taints: ${name}`, () => {
    assert.deepEqual(text(plannedTaints(node('n1', { ready, spec }), leaving, ago(0))), want);
  });
}

test('zones: most of a small one in trouble stops it, of a large one slows it, all of all stops all', () => {
  const plan = (counts: Readonly<Record<string, readonly [number, number]>>) => {
    const entries = Object.entries(counts).map(
      ([zone, [ready, lost]]) => [zone, { ready, notReady: lost }] as const,
    );
    const before = new Map<string, ZoneState>([['a', 'normal']]);
    const { rates, isStopped } = planZones(new Map(entries), before, usualRates);
    return { rates: Object.fromEntries(rates), isStopped };
  };
  assert.deepEqual(plan({ a: [2, 1] }), { rates: { a: 0.1 }, isStopped: false });
  assert.deepEqual(plan({ a: [2, 2] }), { rates: { a: 0.1 }, isStopped: false });
  assert.deepEqual(plan({ a: [2, 3] }), { rates: { a: 0 }, isStopped: false });
  assert.deepEqual(plan({ a: [20, 40] }), { rates: { a: 0.01 }, isStopped: false });
  assert.deepEqual(plan({ a: [0, 3], b: [1, 0] }), { rates: { a: 0.1, b: 0.1 }, isStopped: false });
  assert.deepEqual(plan({ a: [0, 3], b: [0, 1] }), { rates: { a: 0, b: 0 }, isStopped: true });
  assert.deepEqual(plan({ a: [0, 1] }), { rates: { a: 0 }, isStopped: true });
});

test('one node is given up at once, the next ten seconds later', () => {
  const allowance = new Allowance();
  allowance.setRate(0.1, 0);
  assert.equal(allowance.take(0), 0);
  assert.equal(allowance.take(0), 10_000);
  assert.equal(allowance.take(4_000), 6_000);
  assert.equal(allowance.take(10_000), 0);
  allowance.setRate(0, 10_000);
  assert.equal(allowance.take(100_000), Number.POSITIVE_INFINITY);
});

for (const { name, taints, tolerations, want } of [
  { name: 'nothing tolerates it', taints: [unreachable], tolerations: [], want: 0 },
  {
    name: 'for as long as it says',
    taints: [unreachable],
    tolerations: [{ key: unreachable, operator: 'Exists', tolerationSeconds: 30 }],
    want: 30_000,
  },
  {
    name: 'for the shorter of two taints',
    taints: [unreachable, 'gpu'],
    tolerations: [
      { key: unreachable, operator: 'Exists', tolerationSeconds: 30 },
      { key: 'gpu', operator: 'Exists', tolerationSeconds: 5 },
    ],
    want: 5_000,
  },
  {
    name: 'for ever where all is tolerated',
    taints: [unreachable],
    tolerations: [{ operator: 'Exists' }],
    want: Number.POSITIVE_INFINITY,
  },
  {
    name: 'not at all under one more taint',
    taints: [unreachable, 'gpu'],
    tolerations: [{ key: unreachable, operator: 'Exists' }],
    want: 0,
  },
] as const satisfies readonly {
  readonly name: string;
  readonly taints: readonly string[];
  readonly tolerations: readonly Toleration[];
  readonly want: number;
}[]) {
  test(`a pod stays: ${name}`, () => {
    const all = taints.map((key) => taint(key, 'NoExecute'));
    assert.equal(staysMs(all, tolerations), want);
  });
}

test('of finished pods beyond the limit the evicted and the oldest go', () => {
  const done = (name: string, ageSeconds: number) => pod(name, { phase: 'Succeeded', ageSeconds });
  const evicted = {
    ...done('evicted', 1),
    status: { phase: 'Failed' as const, reason: 'Evicted' },
  };
  const pods = [done('old', 30), done('new', 10), pod('running'), evicted, done('older', 40)];
  assert.deepEqual(
    surplusOf(pods, 2).map(({ metadata }) => metadata.name),
    ['evicted', 'older'],
  );
  assert.deepEqual(surplusOf(pods, 4), []);
});
