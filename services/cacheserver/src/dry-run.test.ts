// What `tweendeck plan` tells of CacheServers on a real API server, and that it writes nothing there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentResource, type KubeObject, podResource, secretResource } from '@tweendeck/kube';
import { cacheServerModule } from './engine.ts';
import { cacheServerKind } from './kind.ts';
import { labelsOf } from './labels.ts';
import { manager, openHome, ref } from './testing/home.ts';

test('of a new CacheServer all objects would be made, and none is', async () => {
  await using home = await openHome();
  const { changes, steps, phase, waits } = await home.plan(await home.apply({ replicas: 2 }));
  assert.deepEqual(
    changes.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
    [
      ...['Secret cache-control', 'ConfigMap cache-rules', 'Service cache-replicas'],
      ...['ServiceAccount', 'Role', 'RoleBinding'].map((kind) => `${kind} cache-follower`),
      ...['Deployment cache-entry', 'Service cache', 'PodDisruptionBudget cache'],
      'Deployment cache',
    ].map((what) => `create ${what}`),
  );
  assert.deepEqual([steps, phase], [[], 'Pending']);
  assert.match(waits ?? '', /^0 of 2 replicas are ready/);
  const { items } = await home.client.list(deploymentResource, {}, home.signal);
  const secrets = await home.client.list(secretResource, { namespace: 'default' }, home.signal);
  assert.deepEqual([items, secrets.items], [[], []]);
});

test('of one that is there only what changes is told, and who starts anew', async () => {
  await using home = await openHome();
  const { client, signal } = home;
  await home.apply({ replicas: 1 });
  await home.run(cacheServerModule.controller(), async () => {
    const seen = await client.get(cacheServerKind, ref, signal);
    return seen?.status?.phase !== undefined;
  });
  const object = await client.get(cacheServerKind, ref, signal);
  assert.ok(object);
  assert.deepEqual((await home.plan(object)).changes, []);
  const pod = {
    metadata: { name: 'cache-1', namespace: 'default', labels: labelsOf('cache') },
    spec: { containers: [{ name: 'cacheserver', image: 'x' }] },
  };
  await client.apply(podResource, pod, manager, signal);
  const wider = await home.plan({ ...object, spec: { ...object.spec, port: 9_000 } } as KubeObject);
  assert.deepEqual(
    wider.changes.map(({ change, kind, name, fields }) => [change, kind, name, fields]),
    [['change', 'Service', 'cache', ['spec.ports']]],
  );
  assert.deepEqual(wider.restarts, []);
  const other = await home.plan({ ...object, spec: { ...object.spec, image: 'y' } } as KubeObject);
  assert.deepEqual(other.restarts, ['cache-1']);
  const gone = await home.plan({ ...object, spec: { ...object.spec, replicas: 2 } } as KubeObject);
  assert.ok(gone.changes.some(({ change, name }) => change === 'create' && name === 'cache-entry'));
});

test('a name that is taken is told, and stands in the way', async () => {
  await using home = await openHome();
  const { client, signal } = home;
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web' }] } };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  await client.apply(deploymentResource, { metadata: ref, spec }, manager, signal);
  const { changes, troubles } = await home.plan(await home.apply({}));
  assert.deepEqual(changes, []);
  assert.deepEqual(
    troubles.map(({ reason }) => reason),
    ['NameTaken'],
  );
});
