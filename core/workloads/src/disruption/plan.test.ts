import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodDisruptionBudget } from '@tweendeck/kube';
import { ago, budget, nowMs, pod } from '../testing/objects.ts';
import { planBudget } from './plan.ts';

const three = ['a', 'b', 'c'].map((name) => pod(name));
const announced = (seconds: number): PodDisruptionBudget['status'] => ({
  currentHealthy: 3,
  desiredHealthy: 2,
  expectedPods: 3,
  disruptionsAllowed: 0,
  disruptedPods: { a: ago(seconds) },
});

interface Row {
  readonly name: string;
  readonly budget: PodDisruptionBudget;
  readonly pods?: readonly Pod[];
  readonly scale?: number | 'unknown';
  readonly unmanaged?: readonly string[];
  /** Allowed, healthy, desired, expected. */
  readonly want: readonly [number, number, number, number];
  readonly events?: readonly string[];
  readonly overdue?: readonly string[];
  readonly requeueSeconds?: number;
}

const rows: readonly Row[] = [
  { name: 'a number that must stay', budget: budget({ minAvailable: 2 }), want: [1, 3, 2, 3] },
  { name: 'more than there are', budget: budget({ minAvailable: 5 }), want: [0, 3, 5, 3] },
  { name: 'a share that must stay', budget: budget({ minAvailable: '50%' }), want: [1, 3, 2, 3] },
  { name: 'a number that may go', budget: budget({ maxUnavailable: 2 }), want: [2, 3, 1, 3] },
  { name: 'a share that may go', budget: budget({ maxUnavailable: '34%' }), want: [2, 3, 1, 3] },
  {
    name: 'pods that are still to come',
    budget: budget({ maxUnavailable: 1 }),
    scale: 5,
    want: [0, 3, 4, 5],
  },
  { name: 'nothing asked for', budget: budget(), want: [0, 3, 0, 0] },
  {
    name: 'no pods',
    budget: budget({ minAvailable: 0 }),
    pods: [],
    scale: 0,
    want: [0, 0, 0, 0],
    events: ['NoPods'],
  },
  {
    name: 'pods that are not ready or are going',
    budget: budget({ minAvailable: 1 }),
    pods: [
      pod('a'),
      pod('b', { readySeconds: undefined }),
      pod('c', { deletionTimestamp: ago(1) }),
    ],
    want: [0, 1, 1, 3],
  },
  {
    name: 'a pod whose eviction was announced',
    budget: budget({ minAvailable: 1 }, announced(20)),
    want: [1, 2, 1, 3],
    requeueSeconds: 100,
  },
  {
    name: 'a pod whose eviction never happened',
    budget: budget({ minAvailable: 1 }, announced(121)),
    want: [2, 3, 1, 3],
    overdue: ['a'],
  },
  {
    name: 'pods without a controller, by number',
    budget: budget({ minAvailable: 1 }),
    unmanaged: ['a'],
    want: [2, 3, 1, 3],
  },
  {
    name: 'pods without a controller, by share',
    budget: budget({ minAvailable: '50%' }),
    unmanaged: ['a'],
    want: [1, 3, 2, 3],
    events: ['UnmanagedPods'],
  },
  {
    name: 'controllers that nobody knows',
    budget: budget({ maxUnavailable: 1 }, announced(1)),
    scale: 'unknown',
    want: [0, 3, 2, 3],
    events: ['CalculateExpectedPodCountFailed'],
  },
];

for (const { name, budget: asked, pods = three, scale = 3, unmanaged = [], ...want } of rows) {
  test(`a budget counts ${name}`, () => {
    const known = scale === 'unknown' ? undefined : scale;
    const plan = planBudget({ budget: asked, pods, scale: known, unmanaged, nowMs, now: ago(0) });
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = plan.status;
    assert.deepEqual([disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods], want.want);
    assert.deepEqual(
      plan.events.map(({ reason }) => reason),
      want.events ?? [],
    );
    assert.deepEqual(
      plan.notDeleted.map(({ metadata }) => metadata.name),
      want.overdue ?? [],
    );
    const wait = plan.requeueAfterMs;
    assert.equal(wait === undefined ? undefined : wait / 1_000, want.requeueSeconds);
    const [condition] = plan.status.conditions ?? [];
    assert.equal(condition?.status, disruptionsAllowed > 0 ? 'True' : 'False');
  });
}
