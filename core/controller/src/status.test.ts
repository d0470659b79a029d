import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCustomKind, joinWords, mergePatchBetween, statusAfter } from './status.ts';

type Fields = Readonly<Record<string, unknown>>;

const now = '2026-01-02T00:00:00Z';
const before = '2026-01-01T00:00:00Z';
const ready = { type: 'Ready', status: 'True', reason: 'Up', message: 'all up' } as const;

for (const { name, current, fields, conditions, generation, after } of [
  {
    name: 'fields are added and replaced, others stay',
    current: { phase: 'Pending', kept: 1 },
    fields: { phase: 'Running', replicas: 3 },
    after: { phase: 'Running', replicas: 3, kept: 1 },
  },
  {
    name: 'a field set to undefined or null goes',
    current: { a: 1, b: 2, c: 3 },
    fields: { a: undefined, b: null },
    after: { c: 3 },
  },
  {
    name: 'the generation is noted and never goes back',
    current: { observedGeneration: 7 },
    fields: {},
    generation: 5,
    after: { observedGeneration: 7 },
  },
  {
    name: 'a new condition begins now',
    current: {},
    fields: {},
    conditions: [ready],
    generation: 2,
    after: {
      observedGeneration: 2,
      conditions: [{ ...ready, lastTransitionTime: now, observedGeneration: 2 }],
    },
  },
  {
    name: 'a condition that keeps its status keeps its time',
    current: { conditions: [{ ...ready, message: 'old', lastTransitionTime: before }] },
    fields: {},
    conditions: [ready],
    after: { conditions: [{ ...ready, lastTransitionTime: before }] },
  },
  {
    name: 'a condition that changes its status begins anew, in its place; others stay',
    current: {
      conditions: [
        { ...ready, status: 'False', lastTransitionTime: before },
        { type: 'Other', status: 'True', lastTransitionTime: before },
      ],
    },
    fields: {},
    conditions: [ready],
    after: {
      conditions: [
        { ...ready, lastTransitionTime: now },
        { type: 'Other', status: 'True', lastTransitionTime: before },
      ],
    },
  },
  {
    name: 'a condition that is gone goes, where it was',
    current: {
      conditions: [
        { type: 'Other', status: 'True' },
        { ...ready, status: 'False' },
      ],
    },
    fields: {},
    conditions: [ready, { type: 'Other', gone: true }, { type: 'Never', gone: true }],
    after: { conditions: [{ ...ready, lastTransitionTime: now }] },
  },
] satisfies readonly {
  name: string;
  current: Fields;
  fields: Fields;
  conditions?: readonly (typeof ready | { type: string; gone: true })[];
  generation?: number;
  after: Fields;
}[])
  test(`status: ${name}`, () =>
    assert.deepEqual(
      statusAfter(
        current,
        { fields, conditions: conditions ?? [] },
        { generation, now, conditionsCarryGeneration: true },
      ),
      after,
    ));

test('status: older built-in kinds have no generation in conditions', () => {
  const context = { generation: 2, now, conditionsCarryGeneration: false };
  const after = statusAfter({}, { fields: {}, conditions: [ready] }, context);
  assert.deepEqual(after['conditions'], [{ ...ready, lastTransitionTime: now }]);
});

test('status: later words replace earlier ones', () => {
  const first = joinWords(undefined, { a: 1, b: 1 }, [{ ...ready, status: 'False' }]);
  assert.deepEqual(joinWords(first, { b: 2 }, [ready]), {
    fields: { a: 1, b: 2 },
    conditions: [ready],
  });
});

for (const { name, from, to, patch } of [
  { name: 'equal', from: { a: [1, { b: 2 }] }, to: { a: [1, { b: 2 }] }, patch: undefined },
  { name: 'a changed field', from: { a: 1, b: 1 }, to: { a: 1, b: 2 }, patch: { b: 2 } },
  { name: 'a field that went', from: { a: 1, b: 1 }, to: { a: 1 }, patch: { b: null } },
  {
    name: 'deep inside',
    from: { a: { b: 1, c: 1 } },
    to: { a: { b: 2 } },
    patch: { a: { b: 2, c: null } },
  },
  { name: 'lists as a whole', from: { a: [1, 2] }, to: { a: [1] }, patch: { a: [1] } },
  { name: 'an object for a scalar', from: { a: 1 }, to: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  { name: 'undefined as absent', from: {}, to: { a: undefined }, patch: undefined },
] satisfies readonly { name: string; from: Fields; to: Fields; patch: Fields | undefined }[])
  test(`merge patch between: ${name}`, () => assert.deepEqual(mergePatchBetween(from, to), patch));

for (const { apiVersion, custom } of [
  { apiVersion: 'v1', custom: false },
  { apiVersion: 'apps/v1', custom: false },
  { apiVersion: 'networking.k8s.io/v1', custom: false },
  { apiVersion: 'tweendeck.io/v1alpha1', custom: true },
])
  test(`${apiVersion} is ${custom ? '' : 'not '}custom`, () =>
    assert.equal(isCustomKind({ apiVersion }), custom));
