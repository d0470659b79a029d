// When there is an entry, and what it is made of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, Role, RoleBinding, Service } from '@tweendeck/kube';
import { cleanerName, entryName, followerName, replicasName } from './child-names.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { selectorOf } from './labels.ts';
import { renderDeployment } from './render.ts';
import {
  entrySelectorOf,
  renderEntryDeployment,
  renderFollowerAccount,
  renderFollowerBinding,
  renderFollowerRole,
  renderReplicas,
  wantedEntry,
} from './render-entry.ts';

function cacheServer(spec: Partial<CacheServerSpec> = {}, name = 'cache'): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: { name, namespace: 'team', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: {
      replicas: 2,
      port: 9_000,
      storage: 1_000,
      image: 'example.com/cache:1',
      serviceType: 'ClusterIP',
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      ...spec,
    },
  };
}

for (const { name, spec, wanted } of [
  { name: 'one replica', spec: { replicas: 1 }, wanted: false },
  { name: 'two replicas', spec: { replicas: 2 }, wanted: true },
  { name: 'none', spec: { replicas: 0, entry: { mode: 'Always' } }, wanted: false },
  { name: 'one replica, always', spec: { replicas: 1, entry: { mode: 'Always' } }, wanted: true },
  { name: 'many replicas, never', spec: { replicas: 9, entry: { mode: 'Never' } }, wanted: false },
  { name: 'two, with an image', spec: { replicas: 2, entry: { image: 'x' } }, wanted: true },
] as const) {
  test(`an entry in front of ${name}: ${wanted ? 'yes' : 'no'}`, () =>
    assert.equal(wantedEntry(cacheServer(spec).spec) !== undefined, wanted));
}

// The renderers give what is applied; for reading it is as complete as the kind.
function entryOf(cache: CacheServerObject): Deployment {
  const entry = wantedEntry(cache.spec);
  assert.ok(entry);
  return renderEntryDeployment(cache, entry) as unknown as Deployment;
}

test('the entry follows the Service of the replicas, which lists their doors for proxies', () => {
  const cache = cacheServer();
  const replicas = renderReplicas(cache) as unknown as Service;
  assert.equal(replicas.spec.clusterIP, 'None');
  assert.deepEqual(replicas.spec.selector, selectorOf('cache'));
  assert.equal(replicas.spec.ports?.[0]?.targetPort, 'proxied');
  const data = renderDeployment(cache) as unknown as Deployment;
  const ports = data.spec.template.spec?.containers[0]?.ports ?? [];
  assert.ok(ports.some(({ name }) => name === 'proxied'));
  const [container] = entryOf(cache).spec.template.spec?.containers ?? [];
  assert.ok(container?.args?.includes(`--service=${replicasName('cache')}`));
});

test('replicas and entries are never taken for one another', () => {
  const labels = entryOf(cacheServer()).spec.template.metadata?.labels ?? {};
  const fits = (selector: Readonly<Record<string, string>>): boolean =>
    Object.entries(selector).every(([key, value]) => labels[key] === value);
  assert.equal(fits(entrySelectorOf('cache')), true);
  assert.equal(fits(selectorOf('cache')), false);
});

test('an entry may read endpoints of its namespace and nothing else', () => {
  const role = renderFollowerRole(cacheServer()) as unknown as Role;
  assert.deepEqual(role.rules, [
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ]);
  const binding = renderFollowerBinding(cacheServer()) as unknown as RoleBinding;
  assert.deepEqual(binding.subjects, [
    { kind: 'ServiceAccount', name: followerName('cache'), namespace: 'team' },
  ]);
  const account = renderFollowerAccount(cacheServer());
  assert.equal(account.metadata.name, followerName('cache'));
});

test('entries run where the replicas may, and satisfy pod security "restricted"', () => {
  const placed = { nodeSelector: { disk: 'ssd' }, imagePullSecrets: [{ name: 'registry' }] };
  const pod = entryOf(cacheServer(placed)).spec.template.spec;
  assert.deepEqual(pod?.nodeSelector, placed.nodeSelector);
  assert.deepEqual(pod?.imagePullSecrets, placed.imagePullSecrets);
  assert.equal(pod?.securityContext?.runAsNonRoot, true);
  assert.equal(pod?.containers[0]?.securityContext?.readOnlyRootFilesystem, true);
});

test('what a stop takes fits into the grace of the pod', () => {
  const pod = entryOf(cacheServer()).spec.template.spec;
  const seconds = (option: string): number =>
    Number(pod?.containers[0]?.args?.find((arg) => arg.startsWith(`--${option}=`))?.split('=')[1]);
  const stop = seconds('linger-seconds') + seconds('drain-seconds');
  assert.ok(stop < (pod?.terminationGracePeriodSeconds ?? 0));
});

test('names of children stay names, and different', () => {
  const long = 'a'.repeat(63);
  const other = `${'a'.repeat(62)}b`;
  const names = [long, other].flatMap((name) => [
    entryName(name),
    replicasName(name),
    cleanerName(name),
  ]);
  assert.ok(names.every((name) => name.length <= 63));
  assert.equal(new Set(names).size, 6);
  assert.equal(entryName('cache'), 'cache-entry');
});
