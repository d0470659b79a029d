import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployment, type ReplicaSetInput, replicaSet } from '../testing/objects.ts';
import { sizeAnnotations } from './revision.ts';
import {
  isScaling,
  newReplicaSetSize,
  rollingLimits,
  type Sizes,
  scale,
  scaledValue,
  shrinkOld,
} from './sizes.ts';

for (const { name, value, total, up, down } of [
  { name: 'a number is itself', value: 3, total: 10, up: 3, down: 3 },
  { name: 'a percentage rounds both ways', value: '25%', total: 10, up: 3, down: 2 },
  { name: 'a whole percentage rounds no way', value: '50%', total: 10, up: 5, down: 5 },
  { name: 'a percentage of one', value: '25%', total: 1, up: 1, down: 0 },
  { name: 'nonsense is nothing', value: 'many', total: 10, up: 0, down: 0 },
]) {
  test(`scaled values: ${name}`, () => {
    assert.equal(scaledValue(value, total, 'up'), up);
    assert.equal(scaledValue(value, total, 'down'), down);
  });
}

const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  strategy: { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge, maxUnavailable } },
});

for (const { name, replicas, surge, unavailable, want } of [
  { name: 'the usual of ten', replicas: 10, surge: '25%', unavailable: '25%', want: [3, 2] },
  { name: 'the usual of one', replicas: 1, surge: '25%', unavailable: '25%', want: [1, 0] },
  { name: 'both zero would never move', replicas: 4, surge: 0, unavailable: 0, want: [0, 1] },
  { name: 'both round to zero', replicas: 1, surge: 0, unavailable: '25%', want: [0, 1] },
  {
    name: 'no more unavailable than there are',
    replicas: 2,
    surge: 0,
    unavailable: 5,
    want: [0, 2],
  },
]) {
  test(`rolling limits: ${name}`, () => {
    const limits = rollingLimits(deployment({ replicas, ...rolling(surge, unavailable) }));
    assert.deepEqual([limits.maxSurge, limits.maxUnavailable], want);
  });
}

for (const { name, replicas, surge, old, current, want } of [
  { name: 'starts with the surge', replicas: 4, surge: 1, old: 4, current: 0, want: 1 },
  { name: 'waits when the surge is used', replicas: 4, surge: 1, old: 4, current: 1, want: 1 },
  { name: 'fills what old ones gave up', replicas: 4, surge: 1, old: 2, current: 1, want: 3 },
  { name: 'goes no further than wanted', replicas: 4, surge: 4, old: 0, current: 3, want: 4 },
]) {
  test(`a new replica set ${name}`, () => {
    const rollout = deployment({ replicas, ...rolling(surge, 0) });
    const sets = [replicaSet('old', { replicas: old }), replicaSet('new', { replicas: current })];
    assert.equal(newReplicaSetSize(rollout, sets, current), want);
  });
}

const sized = (sizes: Sizes): Readonly<Record<string, number>> =>
  Object.fromEntries([...sizes].map(([each, size]) => [each.metadata.name, size]));

interface ShrinkRow {
  readonly name: string;
  readonly unavailable: number;
  readonly fresh: ReplicaSetInput;
  readonly old: Readonly<Record<string, ReplicaSetInput>>;
  readonly want: Readonly<Record<string, number>>;
}
const shrinkRows: readonly ShrinkRow[] = [
  {
    name: 'nothing while availability is at its least',
    unavailable: 0,
    fresh: { replicas: 1, available: 0 },
    old: { a: { replicas: 3 } },
    want: {},
  },
  {
    name: 'one for each new one that is available',
    unavailable: 0,
    fresh: { replicas: 1 },
    old: { a: { replicas: 3 } },
    want: { a: 2 },
  },
  {
    name: 'as many as may be unavailable',
    unavailable: 2,
    fresh: { replicas: 0 },
    old: { a: { replicas: 3 } },
    want: { a: 1 },
  },
  {
    name: 'unhealthy ones first, in the oldest first',
    unavailable: 1,
    fresh: { replicas: 0 },
    old: {
      a: { replicas: 1, ageSeconds: 90 },
      b: { replicas: 2, available: 1, ageSeconds: 50 },
    },
    want: { b: 1 },
  },
  {
    name: 'the oldest first when all are well',
    unavailable: 2,
    fresh: { replicas: 1 },
    old: { b: { replicas: 1, ageSeconds: 90 }, a: { replicas: 2, ageSeconds: 50 } },
    want: { b: 0, a: 0 },
  },
];
for (const { name, unavailable, fresh, old, want } of shrinkRows) {
  test(`old replica sets give up ${name}`, () => {
    const olds = Object.entries(old).map(([each, input]) => replicaSet(each, input));
    const rollout = deployment({ replicas: 3, ...rolling(1, unavailable) });
    assert.deepEqual(sized(shrinkOld(rollout, replicaSet('new', fresh), olds)), want);
  });
}

const annotated = (replicas: number, surge: number) => ({
  annotations: sizeAnnotations(replicas, replicas + surge),
});

test('scaling is known by the size written at the last one', () => {
  const wanted = deployment({ replicas: 5 });
  assert.equal(isScaling(wanted, [replicaSet('a', { replicas: 3, ...annotated(3, 1) })]), true);
  assert.equal(isScaling(wanted, [replicaSet('a', { replicas: 3, ...annotated(5, 2) })]), false);
  assert.equal(isScaling(wanted, [replicaSet('a', { replicas: 0, ...annotated(3, 1) })]), false);
});

for (const { name, replicas, fresh, old, want } of [
  {
    name: 'the only one takes all',
    replicas: 7,
    fresh: replicaSet('new', { replicas: 3, ...annotated(3, 0) }),
    old: [],
    want: { new: 7 },
  },
  {
    name: 'an empty one too',
    replicas: 2,
    fresh: replicaSet('new', { replicas: 0, ...annotated(0, 0) }),
    old: [],
    want: { new: 2 },
  },
  {
    name: 'in the middle of a rollout each takes its share',
    replicas: 20,
    fresh: replicaSet('new', { replicas: 2, ageSeconds: 1, ...annotated(10, 0) }),
    old: [replicaSet('old', { replicas: 8, ...annotated(10, 0) })],
    want: { new: 4, old: 16 },
  },
  {
    name: 'shrinking, each gives its share',
    replicas: 5,
    fresh: replicaSet('new', { replicas: 4, ageSeconds: 1, ...annotated(10, 0) }),
    old: [replicaSet('old', { replicas: 6, ...annotated(10, 0) })],
    want: { new: 2, old: 3 },
  },
  {
    name: 'what is left over goes to the largest, the newer of equals',
    replicas: 5,
    fresh: replicaSet('new', { replicas: 2, ageSeconds: 1, ...annotated(4, 0) }),
    old: [replicaSet('old', { replicas: 2, ...annotated(4, 0) })],
    want: { new: 3, old: 2 },
  },
  {
    name: 'to nothing everywhere',
    replicas: 0,
    fresh: replicaSet('new', { replicas: 2, ageSeconds: 1, ...annotated(4, 0) }),
    old: [replicaSet('old', { replicas: 2, ...annotated(4, 0) })],
    want: { new: 0, old: 0 },
  },
  {
    name: 'a complete new one empties the old ones',
    replicas: 4,
    fresh: replicaSet('new', { replicas: 4, ...annotated(4, 0) }),
    old: [replicaSet('old', { replicas: 1, ...annotated(4, 0) })],
    want: { old: 0 },
  },
]) {
  test(`scaling: ${name}`, () => {
    assert.deepEqual(sized(scale(deployment({ replicas, ...rolling(0, 1) }), fresh, old)), want);
  });
}
