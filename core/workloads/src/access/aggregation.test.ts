import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterRole } from '@tweendeck/kube';
import { gathered } from './aggregation.ts';

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const role = (name: string, labels: Record<string, string>, resources: string[]): ClusterRole => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels, uid: name, resourceVersion: '1', creationTimestamp: '' },
  rules: resources.map(rule),
});
const selecting = (...selectors: Record<string, string>[]) => ({
  ...role('all', { a: 'x' }, ['own']),
  aggregationRule: { clusterRoleSelectors: selectors.map((matchLabels) => ({ matchLabels })) },
});

for (const { name, selectors, roles, want } of [
  { name: 'nothing when no role matches', selectors: [{ a: 'y' }], roles: [], want: [] },
  {
    name: 'the rules of those that match, by their names',
    selectors: [{ a: 'x' }],
    roles: [role('b', { a: 'x' }, ['pods']), role('a', { a: 'x' }, ['secrets'])],
    want: ['secrets', 'pods'],
  },
  {
    name: 'each rule once, in the order of the selectors',
    selectors: [{ a: 'x' }, { b: 'x' }],
    roles: [role('a', { b: 'x' }, ['pods']), role('b', { a: 'x', b: 'x' }, ['nodes', 'pods'])],
    want: ['nodes', 'pods'],
  },
  { name: 'never its own', selectors: [{ a: 'x' }], roles: [selecting({ a: 'x' })], want: [] },
]) {
  test(`an aggregated role gathers ${name}`, () => {
    const rules = gathered(selecting(...selectors), roles);
    assert.deepEqual(
      rules.map(({ resources }) => resources?.[0]),
      want,
    );
  });
}
