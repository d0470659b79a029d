import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago } from '../testing/objects.ts';
import { isEmpty, namespaceConditions, type Sweep } from './plan.ts';

const clean: Sweep = {
  undiscovered: [],
  failures: [],
  remaining: new Map(),
  finalizers: new Map(),
};

for (const { name, sweep, empty, condition, message } of [
  {
    name: 'nothing left',
    sweep: clean,
    empty: true,
    condition: 'NamespaceContentRemaining=False/ContentRemoved',
    message: 'All content successfully removed',
  },
  {
    name: 'objects that are left',
    sweep: {
      ...clean,
      remaining: new Map([
        ['pods.', 2],
        ['things.example.io', 1],
      ]),
    },
    empty: false,
    condition: 'NamespaceContentRemaining=True/SomeResourcesRemain',
    message:
      'Some resources are remaining: pods. has 2 resource instances, things.example.io has 1 resource instances',
  },
  {
    name: 'finalizers that are left',
    sweep: { ...clean, remaining: new Map([['pods.', 1]]), finalizers: new Map([['x.io/f', 1]]) },
    empty: false,
    condition: 'NamespaceFinalizersRemaining=True/SomeFinalizersRemain',
    message:
      'Some content in the namespace has finalizers remaining: x.io/f in 1 resource instances',
  },
  {
    name: 'contents that could not be discovered',
    sweep: { ...clean, undiscovered: ['example.io/v1'] },
    empty: false,
    condition: 'NamespaceDeletionDiscoveryFailure=True/DiscoveryFailed',
    message: 'Discovery failed for some groups, 1 failing: example.io/v1',
  },
  {
    name: 'deletes that failed',
    sweep: { ...clean, failures: ['pods: no'] },
    empty: false,
    condition: 'NamespaceDeletionContentFailure=True/ContentDeletionFailed',
    message: 'Failed to delete all resource types, 1 remaining: pods: no',
  },
]) {
  test(`a namespace with ${name}`, () => {
    assert.equal(isEmpty(sweep), empty);
    const conditions = namespaceConditions(sweep, [], ago(0));
    assert.equal(conditions.length, 5);
    const found = conditions.find(
      ({ type, status, reason }) => `${type}=${status}/${reason}` === condition,
    );
    assert.equal(found?.message, message);
  });
}

test('a new count shows, and the transition time stays', () => {
  const before = namespaceConditions({ ...clean, remaining: new Map([['pods.', 2]]) }, [], ago(9));
  const after = namespaceConditions(
    { ...clean, remaining: new Map([['pods.', 1]]) },
    before,
    ago(0),
  );
  const condition = after.find(({ type }) => type === 'NamespaceContentRemaining');
  assert.match(condition?.message ?? '', /has 1 resource/);
  assert.equal(condition?.lastTransitionTime, ago(9));
});
