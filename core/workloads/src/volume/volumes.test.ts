import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Input,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  podResource,
  type StatefulSet,
  statefulSetResource,
} from '@tweendeck/kube';
import { openTestHome, type TestHome } from '../testing/home.ts';
import { ensureDefaultStorageClass } from './default-class.ts';

const at = (name: string) => ({ name, namespace: 'default' });

function claimOf(name: string, storage = '1Gi'): Input<PersistentVolumeClaim> {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: at(name),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  };
}

function podWith(name: string, claimName: string): Input<Pod> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: at(name),
    spec: {
      containers: [{ name: 'main', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
    },
  };
}

const phaseOf = async ({ client, signal }: TestHome, name: string) =>
  (await client.get(persistentVolumeClaimResource, at(name), signal))?.status?.phase;
const claimNames = async ({ client, signal }: TestHome) =>
  (await client.list(persistentVolumeClaimResource, { namespace: 'default' }, signal)).items
    .map(({ metadata }) => metadata.name)
    .toSorted()
    .join(' ');
const isRunning = async ({ client, signal }: TestHome, name: string) =>
  (await client.get(podResource, at(name), signal))?.status?.phase === 'Running';

test('a claim gets its volume where its first pod runs, keeps it while in use, and takes it along', async () => {
  await using home = await openTestHome({ nodeNames: ['n1', 'n2'] });
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  await client.create(persistentVolumeClaimResource, claimOf('data'), {}, signal);
  await home.rest();
  assert.equal(await phaseOf(home, 'data'), 'Pending');
  await client.create(podResource, podWith('first', 'data'), {}, signal);
  await home.eventually('it runs', () => isRunning(home, 'first'));
  assert.equal(await phaseOf(home, 'data'), 'Bound');
  const [made] = (await client.list(persistentVolumeResource, {}, signal)).items;
  const first = await client.get(podResource, at('first'), signal);
  const expression = made?.spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0];
  assert.deepEqual(expression?.values, [first?.spec.nodeName]);
  assert.equal(made?.status?.phase, 'Bound');

  await client.create(podResource, podWith('second', 'data'), {}, signal);
  await home.eventually('the second runs', () => isRunning(home, 'second'));
  const second = await client.get(podResource, at('second'), signal);
  assert.equal(second?.spec.nodeName, first?.spec.nodeName);

  await client.delete(persistentVolumeClaimResource, at('data'), {}, signal);
  await home.rest();
  assert.equal(await phaseOf(home, 'data'), 'Bound', 'pods use it');
  for (const name of ['first', 'second']) await client.delete(podResource, at(name), {}, signal);
  await home.eventually('claim and volume are gone', async () => {
    const { items } = await client.list(persistentVolumeResource, {}, signal);
    return items.length === 0 && (await phaseOf(home, 'data')) === undefined;
  });
});

test('pods that wait for their volumes keep apart from one another', async () => {
  await using home = await openTestHome({ nodeNames: ['n1', 'n2'] });
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  const pairs = ['a', 'b', 'c', 'd'].map((pair) => [pair, [`${pair}-1`, `${pair}-2`]] as const);
  const apart = (pair: string) => ({
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: { pair } },
  });
  for (const [pair, names] of pairs) {
    const preferred = [{ weight: 100, podAffinityTerm: apart(pair) }];
    const podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution: preferred };
    for (const name of names) {
      await client.create(persistentVolumeClaimResource, claimOf(name), {}, signal);
      const { spec, ...pod } = podWith(name, name);
      const metadata = { ...at(name), labels: { pair } };
      const apartSpec = { ...spec, affinity: { podAntiAffinity } };
      await client.create(podResource, { ...pod, metadata, spec: apartSpec }, {}, signal);
    }
  }
  for (const [pair, names] of pairs) {
    for (const name of names) await home.eventually(`${name} runs`, () => isRunning(home, name));
    const nodes = names.map(async (name) => {
      const found = await client.get(podResource, at(name), signal);
      return found?.spec.nodeName;
    });
    assert.equal(new Set(await Promise.all(nodes)).size, 2, `${pair}: both are on one node`);
  }
});

test('a claim grows, and a retained volume outlives it', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  await client.create(persistentVolumeClaimResource, claimOf('data'), {}, signal);
  await client.create(podResource, podWith('first', 'data'), {}, signal);
  await home.eventually('it runs', () => isRunning(home, 'first'));
  const body = { spec: { resources: { requests: { storage: '3Gi' } } } };
  const patch = { type: 'merge', body } as const;
  await client.patch(persistentVolumeClaimResource, at('data'), patch, {}, signal);
  await home.eventually('it has room', async () => {
    const claim = await client.get(persistentVolumeClaimResource, at('data'), signal);
    return claim?.status?.capacity?.['storage'] === '3Gi';
  });
  const [made] = (await client.list(persistentVolumeResource, {}, signal)).items;
  const ref = { name: made?.metadata.name ?? '' };
  assert.equal(made?.spec.capacity?.['storage'], '3Gi');
  const retain = {
    type: 'merge',
    body: { spec: { persistentVolumeReclaimPolicy: 'Retain' } },
  } as const;
  await client.patch(persistentVolumeResource, ref, retain, {}, signal);
  await client.delete(podResource, at('first'), {}, signal);
  await client.delete(persistentVolumeClaimResource, at('data'), {}, signal);
  await home.eventually('it is released', async () => {
    const volume = await client.get(persistentVolumeResource, ref, signal);
    return volume?.status?.phase === 'Released';
  });
  await client.delete(persistentVolumeResource, ref, {}, signal);
  await home.eventually('it is gone', async () => {
    return (await client.get(persistentVolumeResource, ref, signal)) === undefined;
  });
});

test('a pod waits for a claim that is not there, and has one of its own where it says so', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  await client.create(podResource, podWith('lost', 'none'), {}, signal);
  await home.eventually('it says why', async () => {
    const pod = await client.get(podResource, at('lost'), signal);
    const condition = pod?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    return (
      condition?.message?.startsWith(
        '0/1 nodes are available: persistentvolumeclaim "none" not found.',
      ) === true
    );
  });
  const own = podWith('own', '');
  const { spec } = claimOf('');
  const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec } } }];
  const pod = { ...own, spec: { ...own.spec, volumes } } as Input<Pod>; // templates have no metadata of their own
  await client.create(podResource, pod, {}, signal);
  await home.eventually('it runs', () => isRunning(home, 'own'));
  assert.equal(await claimNames(home), 'own-v');
  await client.delete(podResource, at('own'), {}, signal);
  await home.eventually('its claim is gone', async () => (await claimNames(home)) === '');
});

function database(spec: Partial<StatefulSet['spec']>): Input<StatefulSet> {
  const { spec: claim } = claimOf('');
  const templates = [{ metadata: { name: 'data' }, spec: claim }];
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: at('db'),
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { containers: [{ name: 'main', image: 'x', volumeMounts }] },
      },
      volumeClaimTemplates: templates as unknown as NonNullable<
        StatefulSet['spec']['volumeClaimTemplates']
      >, // likewise
      ...spec,
    },
  };
}

test('pods of a stateful set have claims of their own, which outlive them', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  await client.create(statefulSetResource, database({}), {}, signal);
  await home.eventually('all run', () => isRunning(home, 'db-2'));
  assert.equal(await claimNames(home), 'data-db-0 data-db-1 data-db-2');
  const before = await client.get(persistentVolumeClaimResource, at('data-db-1'), signal);
  assert.deepEqual(before?.metadata.labels, { app: 'db' });
  await client.delete(podResource, at('db-1'), {}, signal);
  await home.eventually('it is back', () => isRunning(home, 'db-1'));
  const after = await client.get(persistentVolumeClaimResource, at('data-db-1'), signal);
  assert.equal(after?.metadata.uid, before?.metadata.uid);
  await client.delete(statefulSetResource, at('db'), {}, signal);
  await home.eventually('pods are gone', async () => {
    const { items } = await client.list(podResource, { namespace: 'default' }, signal);
    return items.length === 0;
  });
  assert.equal(await claimNames(home), 'data-db-0 data-db-1 data-db-2');
});

test('claims go with the scale or the set where its policy says so', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await ensureDefaultStorageClass(client, signal);
  const policy = { whenScaled: 'Delete', whenDeleted: 'Delete' } as const;
  const set = database({ persistentVolumeClaimRetentionPolicy: policy });
  await client.create(statefulSetResource, set, {}, signal);
  await home.eventually('all run', () => isRunning(home, 'db-2'));
  const patch = { type: 'merge', body: { spec: { replicas: 1 } } } as const;
  await client.patch(statefulSetResource, at('db'), patch, {}, signal);
  await home.eventually('one claim is left', async () => (await claimNames(home)) === 'data-db-0');
  assert.ok(await isRunning(home, 'db-0'));
  await client.delete(statefulSetResource, at('db'), {}, signal);
  await home.eventually('none is left', async () => (await claimNames(home)) === '');
});
