import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerReference, labelSelectorOf } from '@tweendeck/kube';
import { ago, pod, replicaSet } from '../testing/objects.ts';
import { byLabels, planClaims } from './claim.ts';
import { withCondition } from './conditions.ts';
import { matcherOf } from './selecting.ts';
import { slowStart } from './slow-start.ts';

const owner = replicaSet('web');
const mine = { ownerReferences: [controllerReference(owner)] };
const labels = { app: 'web' };

for (const { name, child, want, leaving = false } of [
  { name: 'keeps its own', child: pod('a', { ...mine, labels }), want: 'owned' },
  { name: 'adopts an orphan it selects', child: pod('a', { labels }), want: 'adopt' },
  { name: 'leaves an orphan it does not select', child: pod('a'), want: '' },
  { name: 'releases its own that changed labels', child: pod('a', mine), want: 'release' },
  {
    name: "leaves another controller's",
    child: pod('a', { labels, ownerReferences: [controllerReference(replicaSet('other'))] }),
    want: '',
  },
  {
    name: 'does not adopt what is leaving',
    child: pod('a', { labels, deletionTimestamp: ago(1) }),
    want: '',
  },
  { name: 'leaving, adopts nothing', child: pod('a', { labels }), want: '', leaving: true },
  { name: 'leaving, releases nothing', child: pod('a', mine), want: '', leaving: true },
]) {
  test(`an owner ${name}`, () => {
    const self = leaving ? replicaSet('web', { deletionTimestamp: ago(1) }) : owner;
    const claims = planClaims(self, [child], byLabels(labelSelectorOf(labels)));
    const found = Object.entries(claims).find(([, objects]) => objects.length > 0);
    assert.equal(found?.[0] ?? '', want);
  });
}

test('a workload whose selector selects everything selects nothing', () => {
  const everything = { ...owner, spec: { ...owner.spec, selector: {} } };
  assert.equal(matcherOf(everything).matches({ app: 'web' }), false);
});

for (const { name, count, failing, tried, done } of [
  { name: 'makes all when all goes well', count: 10, failing: [], tried: 10, done: 10 },
  { name: 'stops after a first refusal', count: 500, failing: [0], tried: 1, done: 0 },
  { name: 'stops after the batch with a refusal', count: 500, failing: [4], tried: 7, done: 6 },
  { name: 'does nothing for none', count: 0, failing: [], tried: 0, done: 0 },
]) {
  test(`a slow start ${name}`, async () => {
    const seen: number[] = [];
    const result = await slowStart(count, async (index) => {
      seen.push(index);
      if (failing.includes(index)) throw new Error('refused');
    });
    assert.equal(seen.length, tried);
    assert.equal(result.doneCount, done);
    assert.equal(result.failure !== undefined, failing.length > 0);
  });
}

test('a condition keeps its transition time while its status stays', () => {
  const first = withCondition([], {
    type: 'Ready',
    status: 'True',
    reason: 'One',
    lastTransitionTime: ago(9),
  });
  const next = { type: 'Ready', status: 'True', reason: 'Two', lastTransitionTime: ago(0) };
  assert.deepEqual(withCondition(first, next), [{ ...next, lastTransitionTime: ago(9) }]);
  const other = { ...next, status: 'False' };
  assert.deepEqual(withCondition(first, other), [other]);
});
