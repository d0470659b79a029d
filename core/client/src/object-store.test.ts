import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@tweendeck/kube';
import { ObjectStore } from './object-store.ts';

const instance = 'app.kubernetes.io/instance';

function object(name: string, namespace: string, labels?: Record<string, string>): KubeObject {
  const metadata = { name, namespace, ...(labels ? { labels } : {}) };
  return { apiVersion: 'v1', kind: 'Pod', metadata } as KubeObject; // what a store looks at
}

const objects = [
  object('a', 'one', { [instance]: 'shop', role: 'leader' }),
  object('b', 'one', { [instance]: 'shop', role: 'follower' }),
  object('c', 'one', { [instance]: 'other' }),
  object('d', 'two', { [instance]: 'shop' }),
  object('e', 'one'),
];

for (const { name, selection, found } of [
  { name: 'everything', selection: {}, found: 'abcde' },
  { name: 'a namespace', selection: { namespace: 'one' }, found: 'abce' },
  { name: 'a label everywhere', selection: { labels: { [instance]: 'shop' } }, found: 'abd' },
  {
    name: 'what belongs to an instance',
    selection: { namespace: 'one', labels: { [instance]: 'shop' } },
    found: 'ab',
  },
  {
    name: 'some of what belongs to an instance',
    selection: { namespace: 'one', labels: { [instance]: 'shop', role: 'leader' } },
    found: 'a',
  },
  {
    name: 'nothing of an instance that is not there',
    selection: { namespace: 'two', labels: { [instance]: 'other' } },
    found: '',
  },
])
  test(`a store lists ${name}`, () => {
    const store = new ObjectStore<KubeObject>();
    for (const one of objects) store.set(one);
    const names = store.list(selection).map(({ metadata }) => metadata.name);
    assert.equal(names.sort().join(''), found);
  });

test('a store follows objects that come to belong to another instance, and that go', () => {
  const store = new ObjectStore<KubeObject>();
  for (const one of objects) store.set(one);
  store.set(object('a', 'one', { [instance]: 'other' }));
  store.delete('one/b');
  const listed = (value: string) =>
    store.list({ namespace: 'one', labels: { [instance]: value } }).map((one) => one.metadata.name);
  assert.deepEqual([listed('shop'), listed('other').sort()], [[], ['a', 'c']]);
});
