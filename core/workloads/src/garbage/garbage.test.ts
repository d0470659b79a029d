import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, OwnerReference } from '@tweendeck/kube';
import type { DiscoveredResource } from '../discovery.ts';
import { ago, type MetaInput, meta } from '../testing/objects.ts';
import { OwnerGraph } from './graph.ts';
import { type OwnerState, planGarbage } from './plan.ts';

const things: DiscoveredResource = {
  group: 'example.io',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
  verbs: new Set(),
};

const owner = (name: string, blocks = false): OwnerReference => ({
  apiVersion: 'example.io/v1',
  kind: 'Thing',
  name,
  uid: `uid-${name}`,
  ...(blocks ? { blockOwnerDeletion: true } : {}),
});

const thing = (name: string, input: MetaInput = {}): KubeObject => ({
  apiVersion: 'example.io/v1',
  kind: 'Thing',
  metadata: meta(name, input),
});

interface Row {
  readonly name: string;
  readonly metadata?: MetaInput;
  readonly owners: readonly OwnerState[];
  readonly dependents?: 'none' | 'some' | 'foreground';
  readonly want: string;
}
const rows: readonly Row[] = [
  { name: 'without owners stays', owners: [], want: 'keep' },
  { name: 'with its owner stays', owners: ['present'], want: 'keep' },
  { name: 'without its owner goes', owners: ['absent'], want: 'delete Background' },
  {
    name: 'without any of its owners goes',
    owners: ['absent', 'absent'],
    want: 'delete Background',
  },
  {
    name: 'with one owner left stays, without the others',
    owners: ['absent', 'present', 'waiting'],
    want: 'drop-references',
  },
  { name: 'whose owner cannot be known stays', owners: ['absent', 'unknown'], want: 'wait' },
  { name: 'whose owner makes no sense stays', owners: ['absent', 'impossible'], want: 'keep' },
  {
    name: 'under deletion needs nothing more',
    metadata: { deletionTimestamp: ago(1) },
    owners: ['absent'],
    want: 'keep',
  },
  { name: 'that its owner waits for goes', owners: ['waiting'], want: 'delete Background' },
  {
    name: 'that its owner waits for takes its own dependents first',
    owners: ['waiting'],
    dependents: 'some',
    want: 'delete Foreground',
  },
  {
    name: 'in a circle stops blocking',
    owners: ['waiting'],
    dependents: 'foreground',
    want: 'delete Foreground unblocked',
  },
  {
    name: 'marked to orphan its dependents does so',
    metadata: { finalizers: ['orphan'] },
    owners: ['absent'],
    want: 'delete Orphan',
  },
  {
    name: 'marked to go after its dependents does so',
    metadata: { finalizers: ['foregroundDeletion'] },
    owners: ['absent'],
    want: 'delete Foreground',
  },
];
for (const { name, metadata = {}, owners, dependents = 'none', want } of rows) {
  test(`an object ${name}`, () => {
    const plan = planGarbage({
      metadata: meta('a', metadata),
      owners: owners.map((state, at) => ({ reference: owner(`o${at}`), state })),
      hasDependents: dependents !== 'none',
      hasForegroundDependents: dependents === 'foreground',
    });
    const words =
      plan.step === 'delete' ? ` ${plan.propagation}${plan.unblock ? ' unblocked' : ''}` : '';
    assert.equal(`${plan.step}${words}`, want);
  });
}

test('of several owners only those that are there are kept', () => {
  const owners = (['absent', 'present', 'waiting', 'present'] as const).map((state, at) => ({
    reference: owner(`o${at}`),
    state,
  }));
  const observed = { metadata: meta('a'), hasDependents: false, hasForegroundDependents: false };
  const plan = planGarbage({ ...observed, owners });
  assert.deepEqual(plan, { step: 'drop-references', keep: [owner('o1'), owner('o3')] });
});

test('an object whose owner is not known is looked at', () => {
  const graph = new OwnerGraph();
  const seen = graph.observe(things, thing('child', { ownerReferences: [owner('parent')] }));
  assert.deepEqual(seen.look, ['uid-child']);
});

test('an object whose owner is known is left alone', () => {
  const graph = new OwnerGraph();
  graph.observe(things, thing('parent'));
  const seen = graph.observe(things, thing('child', { ownerReferences: [owner('parent')] }));
  assert.deepEqual(seen, { look: [], orphan: [], misplaced: [] });
});

test('dependents are looked at when their owner goes', () => {
  const graph = new OwnerGraph();
  graph.observe(things, thing('parent'));
  graph.observe(things, thing('a', { ownerReferences: [owner('parent')] }));
  graph.observe(things, thing('b', { ownerReferences: [owner('parent')] }));
  assert.deepEqual(graph.forget('uid-parent').look, ['uid-a', 'uid-b']);
  assert.deepEqual(graph.forget('uid-parent').look, []);
});

test('an owner that waits is looked at when a dependent goes or stops blocking', () => {
  const graph = new OwnerGraph();
  const waiting = { deletionTimestamp: ago(1), finalizers: ['foregroundDeletion'] };
  assert.deepEqual(graph.observe(things, thing('parent', waiting)).look, ['uid-parent']);
  const references = { ownerReferences: [owner('parent', true)] };
  assert.ok(graph.observe(things, thing('a', references)).look.includes('uid-a'));
  assert.equal(graph.blockersOf('uid-parent').length, 1);
  const free = thing('a', { ownerReferences: [owner('parent')] });
  assert.ok(graph.observe(things, free).look.includes('uid-parent'));
  assert.equal(graph.blockersOf('uid-parent').length, 0);
  assert.deepEqual(graph.forget('uid-a').look, ['uid-parent']);
});

for (const { name, parent, settled } of [
  { name: 'is seen and stays', parent: thing('parent'), settled: true },
  { name: 'is not seen', parent: undefined, settled: false },
  { name: 'is leaving', parent: thing('parent', { deletionTimestamp: ago(1) }), settled: false },
  { name: 'is elsewhere', parent: thing('parent', { namespace: 'other' }), settled: false },
]) {
  test(`an object whose owner ${name} is ${settled ? 'settled' : 'not settled'}`, () => {
    const graph = new OwnerGraph();
    graph.observe(things, thing('child', { ownerReferences: [owner('parent')] }));
    if (parent) graph.observe(things, parent);
    const child = graph.get('uid-child');
    assert.ok(child);
    assert.equal(graph.isSettled(child), settled);
  });
}

test('an object is to let its dependents go once', () => {
  const graph = new OwnerGraph();
  const orphaning = thing('parent', { deletionTimestamp: ago(1), finalizers: ['orphan'] });
  assert.deepEqual(graph.observe(things, orphaning).orphan, ['uid-parent']);
  assert.deepEqual(graph.observe(things, orphaning).orphan, []);
});

test('dropped references are forgotten', () => {
  const graph = new OwnerGraph();
  graph.observe(things, thing('parent'));
  graph.observe(things, thing('a', { ownerReferences: [owner('parent')] }));
  graph.observe(things, thing('a'));
  assert.deepEqual(graph.forget('uid-parent').look, []);
});

for (const { name, order } of [
  { name: 'seen first', order: ['parent', 'child'] },
  { name: 'seen second', order: ['child', 'parent'] },
]) {
  test(`an owner in another namespace, ${name}, is no owner`, () => {
    const graph = new OwnerGraph();
    const objects: Readonly<Record<string, KubeObject>> = {
      parent: thing('parent', { namespace: 'other' }),
      child: thing('child', { ownerReferences: [owner('parent')] }),
    };
    const last = order.map((each) => graph.observe(things, objects[each] ?? thing('none'))).at(-1);
    assert.deepEqual(
      last?.misplaced.map(({ uid }) => uid),
      ['uid-child'],
    );
    assert.ok(last?.look.includes('uid-child'));
  });
}
