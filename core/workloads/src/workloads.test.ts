import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AnyObject,
  apiVersionOf,
  type Deployment,
  deploymentResource,
  endpointSliceResource,
  eventResource,
  type Input,
  type KubeObject,
  namespaceResource,
  nodeResource,
  type Pod,
  podResource,
  type Resource,
  replicaSetResource,
  type Service,
  type StatefulSet,
  serviceAccountResource,
  serviceResource,
  statefulSetResource,
} from '@tweendeck/kube';
import { openTestHome, type TestHome } from './testing/home.ts';

const labels = { app: 'web' };

function webDeployment(spec: Partial<Deployment['spec']> = {}, image = 'app:1'): Input<Deployment> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 80 }] }],
        },
      } as Deployment['spec']['template'], // template metadata as a client writes it
      ...spec,
    },
  };
}

const at = (name: string, namespace = 'default') => ({ name, namespace });

async function podsOf(home: TestHome, namespace = 'default'): Promise<readonly Pod[]> {
  return (await home.client.list(podResource, { namespace }, home.signal)).items;
}

async function complete(home: TestHome): Promise<boolean> {
  const deployment = await home.client.get(deploymentResource, at('web'), home.signal);
  const { spec, status, metadata } = deployment ?? {};
  return (
    status?.observedGeneration === metadata?.generation &&
    status?.updatedReplicas === spec?.replicas &&
    status?.replicas === spec?.replicas &&
    status?.availableReplicas === spec?.replicas
  );
}

async function reasons(home: TestHome, about: string): Promise<ReadonlySet<string>> {
  const { items } = await home.client.list(eventResource, { namespace: 'default' }, home.signal);
  return new Set(
    items.filter((event) => event.involvedObject.name === about).map(({ reason }) => reason ?? ''),
  );
}

test('a deployment gets its pods, rolls to a new template, goes back, and scales', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await client.create(deploymentResource, webDeployment(), {}, signal);
  await home.eventually('three pods are available', () => complete(home));
  const first = await podsOf(home);
  assert.equal(first.length, 3);
  assert.ok(first.every((pod) => pod.spec.nodeName === 'local'));

  const image = (text: string) => ({
    spec: { template: { spec: { containers: [{ name: 'main', image: text }] } } },
  });
  const roll = async (text: string): Promise<void> => {
    const patch = { type: 'strategic', body: image(text) } as const; // the literal is the kind of patch
    await client.patch(deploymentResource, at('web'), patch, {}, signal);
    await home.eventually(`all pods run ${text}`, async () => {
      const pods = await podsOf(home);
      const available = pods.filter((pod) =>
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
      assert.ok(available.length >= 3 || !(await complete(home)));
      return (
        (await complete(home)) &&
        pods.length === 3 &&
        pods.every((pod) => pod.spec.containers[0]?.image === text)
      );
    });
  };
  await roll('app:2');
  let sets = (await client.list(replicaSetResource, {}, signal)).items;
  const revisions = () =>
    sets
      .map((each) => [
        each.metadata.annotations?.['deployment.kubernetes.io/revision'],
        each.spec.replicas,
      ])
      .toSorted();
  assert.deepEqual(revisions(), [
    ['1', 0],
    ['2', 3],
  ]);
  await roll('app:1');
  sets = (await client.list(replicaSetResource, {}, signal)).items;
  assert.deepEqual(revisions(), [
    ['2', 0],
    ['3', 3],
  ]);

  await client.patch(
    deploymentResource,
    at('web'),
    { type: 'merge', body: { spec: { replicas: 5 } } },
    { subresource: 'scale' },
    signal,
  );
  await home.eventually(
    'five pods',
    async () => (await complete(home)) && (await podsOf(home)).length === 5,
  );
  const deployment = await client.get(deploymentResource, at('web'), signal);
  const condition = (type: string) =>
    deployment?.status?.conditions?.find((each) => each.type === type);
  assert.equal(condition('Progressing')?.reason, 'NewReplicaSetAvailable');
  assert.equal(condition('Available')?.reason, 'MinimumReplicasAvailable');
  assert.ok((await reasons(home, 'web')).has('ScalingReplicaSet'));
});

test('a recreate deployment never runs two templates at once', async () => {
  await using home = await openTestHome({ node: { endMs: 3_000 } });
  const { client, signal } = home;
  const recreate = { strategy: { type: 'Recreate' as const } };
  await client.create(deploymentResource, webDeployment(recreate), {}, signal);
  await home.eventually('three pods are available', () => complete(home));
  const body = { spec: { template: { metadata: { annotations: { restarted: 'now' } } } } };
  await client.patch(deploymentResource, at('web'), { type: 'merge', body }, {}, signal);
  await home.eventually('it is rolled', async () => {
    const hashes = new Set(
      (await podsOf(home)).map((pod) => pod.metadata.labels?.['pod-template-hash']),
    );
    assert.ok(hashes.size <= 1, 'pods of two templates at once');
    const restarted = (await podsOf(home)).every((pod) => pod.metadata.annotations?.['restarted']);
    return (await complete(home)) && restarted;
  });
});

test('a rollout that does not get on says so after its deadline', async () => {
  await using home = await openTestHome({ node: { becomesReady: () => false } });
  const { client, signal } = home;
  await client.create(
    deploymentResource,
    webDeployment({ progressDeadlineSeconds: 30 }),
    {},
    signal,
  );
  await home.eventually('the deadline is exceeded', async () => {
    const deployment = await client.get(deploymentResource, at('web'), signal);
    const { conditions = [] } = deployment?.status ?? {};
    return conditions.some(({ reason }) => reason === 'ProgressDeadlineExceeded');
  });
  assert.ok(home.clock.monotonicMs() >= 30_000);
});

test('a replica set adopts an orphan and lets go of a pod that changed its labels', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await client.create(deploymentResource, webDeployment({ replicas: 2 }), {}, signal);
  await home.eventually('two pods', () => complete(home));
  const [pod] = await podsOf(home);
  assert.ok(pod);
  const ref = at(pod.metadata.name);
  const label = (app: string) =>
    ({ type: 'merge', body: { metadata: { labels: { app } } } }) as const; // the literal is the kind of patch
  await client.patch(podResource, ref, label('other'), {}, signal);
  await home.eventually('a pod takes its place, and it is free', async () => {
    const freed = await client.get(podResource, ref, signal);
    return (await podsOf(home)).length === 3 && !freed?.metadata.ownerReferences?.length;
  });
  await client.patch(podResource, ref, label('web'), {}, signal);
  await home.eventually('it is adopted and one goes', async () => {
    const pods = await podsOf(home);
    return pods.length === 2 && pods.every((each) => each.metadata.ownerReferences?.length === 1);
  });
});

function database(spec: Partial<StatefulSet['spec']> = {}): Input<StatefulSet> {
  const own = { app: 'db' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: own },
      template: {
        metadata: { labels: own },
        spec: { containers: [{ name: 'main', image: 'db:1' }] },
      } as StatefulSet['spec']['template'], // template metadata as a client writes it
      ...spec,
    },
  };
}

test('a stateful set starts in order, rolls from the top, and honours its partition', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await client.create(statefulSetResource, database(), {}, signal);
  const images = async () =>
    Object.fromEntries(
      (await podsOf(home)).map((pod) => [pod.metadata.name, pod.spec.containers[0]?.image]),
    );
  const settled = async (image: string, replicas = 3) => {
    const set = await client.get(statefulSetResource, at('db'), signal);
    const { status, metadata } = set ?? {};
    return (
      status?.observedGeneration === metadata?.generation &&
      status?.readyReplicas === replicas &&
      status?.currentRevision === status?.updateRevision &&
      Object.values(await images()).every((each) => each === image)
    );
  };
  await home.eventually('three pods are ready', async () => {
    const pods = await podsOf(home);
    const names = pods.map(({ metadata }) => metadata.name).toSorted();
    assert.deepEqual(names, ['db-0', 'db-1', 'db-2'].slice(0, names.length));
    return settled('db:1');
  });
  const [first] = await podsOf(home);
  assert.equal(first?.metadata.labels?.['apps.kubernetes.io/pod-index'], '0');
  assert.equal(first?.metadata.labels?.['statefulset.kubernetes.io/pod-name'], 'db-0');

  const change = async (spec: unknown): Promise<void> => {
    const patch = { type: 'strategic', body: { spec } } as const; // the literal is the kind of patch
    await client.patch(statefulSetResource, at('db'), patch, {}, signal);
  };
  const container = (image: string) => ({
    template: { spec: { containers: [{ name: 'main', image }] } },
  });
  const partitioned = { updateStrategy: { rollingUpdate: { partition: 2 } } };
  await change({ ...container('db:2'), ...partitioned });
  await home.eventually('the pod above the partition is new', async () => {
    const set = await client.get(statefulSetResource, at('db'), signal);
    return set?.status?.updatedReplicas === 1 && set.status.readyReplicas === 3;
  });
  assert.deepEqual(await images(), { 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:2' });
  await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
  await home.eventually('all pods are new', () => settled('db:2'));
  await change({ replicas: 1 });
  await home.eventually(
    'one pod is left',
    async () => (await settled('db:2', 1)) && (await podsOf(home)).length === 1,
  );
  assert.deepEqual(Object.keys(await images()), ['db-0']);
});

function webService(name: string, spec: Service['spec'] = {}): Input<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }], ...spec },
  };
}

test('endpoints follow the pods of a service', async () => {
  const sick = new Set<string>();
  await using home = await openTestHome({
    node: { becomesReady: (pod) => !sick.has(pod.metadata.name) },
  });
  const { client, signal } = home;
  await client.create(serviceResource, webService('web'), {}, signal);
  await client.create(deploymentResource, webDeployment(), {}, signal);
  const endpoints = async () => {
    const { items } = await client.list(
      endpointSliceResource,
      { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' },
      signal,
    );
    return items.flatMap((slice) => slice.endpoints ?? []);
  };
  await home.eventually('three ready endpoints', async () => {
    const found = await endpoints();
    return found.length === 3 && found.every(({ conditions }) => conditions?.ready);
  });
  const [pod] = await podsOf(home);
  sick.add(pod?.metadata.name ?? '');
  await home.eventually('the sick one is listed as such', async () => {
    const found = await endpoints();
    return found.length === 3 && found.filter(({ conditions }) => conditions?.ready).length === 2;
  });
  const body = { spec: { replicas: 1 } };
  await client.patch(deploymentResource, at('web'), { type: 'merge', body }, {}, signal);
  await home.eventually('one endpoint is left', async () => (await endpoints()).length === 1);
});

test('one address, one holder for each port; who waits gets it when it is free', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  const balanced = { type: 'LoadBalancer' as const };
  const ingress = async (name: string) =>
    (await client.get(serviceResource, at(name), signal))?.status?.loadBalancer?.ingress ?? [];
  await client.create(serviceResource, webService('one', balanced), {}, signal);
  await home.eventually('the first has the address', async () => (await ingress('one')).length > 0);
  assert.deepEqual(await ingress('one'), [{ ip: '127.0.0.1', ipMode: 'VIP' }]);
  await client.create(serviceResource, webService('two', balanced), {}, signal);
  await home.eventually('the second is told', async () =>
    (await reasons(home, 'two')).has('LoadBalancerPortTaken'),
  );
  assert.deepEqual(await ingress('two'), []);
  await client.delete(serviceResource, at('one'), {}, signal);
  await home.eventually(
    'the second has the address',
    async () => (await ingress('two')).length > 0,
  );
});

test('a pod that fits nowhere says why, and is placed when there is room', async () => {
  await using home = await openTestHome({ node: { allocatable: { memory: '1Gi' } } });
  const { client, signal } = home;
  const sized = (name: string, memory: string): Input<Pod> => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'x', resources: { requests: { memory } } }] },
  });
  const get = (name: string) => client.get(podResource, at(name), signal);
  await client.create(podResource, sized('first', '800Mi'), {}, signal);
  await home.eventually(
    'the first runs',
    async () => (await get('first'))?.status?.phase === 'Running',
  );
  await client.create(podResource, sized('second', '800Mi'), {}, signal);
  const scheduled = async () =>
    (await get('second'))?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  await home.eventually('the second waits', async () => (await scheduled())?.status === 'False');
  assert.match(
    (await scheduled())?.message ?? '',
    /^0\/1 nodes are available: 1 Insufficient memory\. /,
  );
  assert.equal((await scheduled())?.reason, 'Unschedulable');
  await home.eventually('an event says so', async () =>
    (await reasons(home, 'second')).has('FailedScheduling'),
  );
  await client.delete(podResource, at('first'), {}, signal);
  await home.eventually(
    'the second runs',
    async () => (await get('second'))?.status?.phase === 'Running',
  );
  assert.equal((await scheduled())?.status, 'True');
  const { items } = await client.list(eventResource, { namespace: 'default' }, signal);
  const told = items
    .filter((event) => event.involvedObject.name === 'second' && event.action !== undefined)
    .map(({ action, reason, reportingComponent }) =>
      [reportingComponent, action, reason].join(' '),
    );
  assert.deepEqual([...new Set(told)].toSorted(), [
    'default-scheduler Binding Scheduled',
    'default-scheduler Scheduling FailedScheduling',
  ]);
});

test('a silent node becomes unknown, and nothing is put there', async () => {
  await using home = await openTestHome({ node: 'none' });
  const { client, signal } = home;
  const made = await client.create(
    nodeResource,
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: {} },
    {},
    signal,
  );
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Ready', message: '' }];
  const status = { conditions, allocatable: { pods: '10' } };
  await client.update(nodeResource, { ...made, status }, { subresource: 'status' }, signal);
  await home.eventually('it is unknown', async () => {
    const node = await client.get(nodeResource, { name: 'n1' }, signal);
    return node?.status?.conditions?.some(
      ({ type, status: state }) => type === 'Ready' && state === 'Unknown',
    );
  });
  assert.ok(home.clock.monotonicMs() >= 50_000);
});

test('every namespace has a service account, also after it was deleted', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team' },
    spec: {},
  } as const; // literals of the kind
  await client.create(namespaceResource, namespace, {}, signal);
  const account = () => client.get(serviceAccountResource, at('default', 'team'), signal);
  await home.eventually('there is one', async () => (await account()) !== undefined);
  const uid = (await account())?.metadata.uid;
  await client.delete(serviceAccountResource, at('default', 'team'), {}, signal);
  await home.eventually('there is a new one', async () => {
    const now = await account();
    return now !== undefined && now.metadata.uid !== uid;
  });
});

const things: Resource<AnyObject> = {
  group: 'example.io',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
};

async function serveThings(home: TestHome): Promise<void> {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const body = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.io' },
    spec: {
      group: 'example.io',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await home.client.request('POST', path, { body }, home.signal);
  await home.eventually('things are served', async () => {
    try {
      return (await home.client.list(things, {}, home.signal)).items.length === 0;
    } catch {
      return false;
    }
  });
}

/** Owners and dependents of cascades; the kind does not matter. */
const plain: Resource<AnyObject> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

async function make(
  home: TestHome,
  resource: Resource<AnyObject>,
  name: string,
  {
    namespace = 'default',
    owner,
    finalizers,
  }: {
    readonly namespace?: string;
    readonly owner?: KubeObject;
    readonly finalizers?: readonly string[];
  } = {},
): Promise<KubeObject> {
  const ownerReferences = owner
    ? [
        {
          apiVersion: owner.apiVersion,
          kind: owner.kind,
          name: owner.metadata.name,
          uid: owner.metadata.uid,
          blockOwnerDeletion: true,
        },
      ]
    : [];
  const metadata = { name, namespace, ownerReferences, ...(finalizers ? { finalizers } : {}) };
  const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  return home.client.create(resource, object, {}, home.signal);
}

test('deleting a namespace empties it, custom resources included, and waits for finalizers', async () => {
  await using home = await openTestHome({ node: { endMs: 2_000 } });
  const { client, signal } = home;
  await serveThings(home);
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team' },
    spec: {},
  } as const; // literals of the kind
  await client.create(namespaceResource, namespace, {}, signal);
  const deployment = webDeployment({ replicas: 2 });
  const inTeam = { ...deployment, metadata: { ...deployment.metadata, namespace: 'team' } };
  await client.create(deploymentResource, inTeam, {}, signal);
  await make(home, things, 'free', { namespace: 'team' });
  await make(home, things, 'held', { namespace: 'team', finalizers: ['example.io/hold'] });
  await home.eventually('two pods run', async () => {
    const pods = await podsOf(home, 'team');
    return pods.length === 2 && pods.every(({ status }) => status?.phase === 'Running');
  });
  await client.delete(namespaceResource, { name: 'team' }, {}, signal);
  const left = () => client.get(namespaceResource, { name: 'team' }, signal);
  await home.eventually('only the held thing is left', async () => {
    const found = (await left())?.status?.conditions?.find(
      ({ type }) => type === 'NamespaceFinalizersRemaining',
    );
    return found?.status === 'True' && (await podsOf(home, 'team')).length === 0;
  });
  assert.equal((await left())?.status?.phase, 'Terminating');
  const { items } = await client.list(things, { namespace: 'team' }, signal);
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['held'],
  );
  const patch = { type: 'merge', body: { metadata: { finalizers: null } } } as const; // the literal is the kind of patch
  await client.patch(things, at('held', 'team'), patch, {}, signal);
  await home.eventually('the namespace is gone', async () => (await left()) === undefined);
});

for (const { propagation, chain } of [
  { propagation: 'Background', chain: 'the owner first, then what it owned' },
  { propagation: 'Foreground', chain: 'what it owned first, then the owner' },
  { propagation: 'Orphan', chain: 'the owner alone' },
] as const) {
  test(`deleting in ${propagation} takes ${chain}`, async () => {
    await using home = await openTestHome();
    const { client, signal } = home;
    const parent = await make(home, plain, 'parent');
    const child = await make(home, plain, 'child', {
      owner: parent,
      finalizers: ['example.io/hold'],
    });
    await make(home, plain, 'grandchild', { owner: child });
    const alive = async () =>
      (await client.list(plain, { namespace: 'default' }, signal)).items
        .map(({ metadata }) => metadata.name)
        .filter((name) => name !== 'kube-root-ca.crt')
        .toSorted();
    await home.rest();
    await client.delete(plain, at('parent'), { propagation }, signal);
    const get = (name: string) => client.get(plain, at(name), signal);
    if (propagation === 'Orphan') {
      await home.eventually('the owner is gone', async () => (await get('parent')) === undefined);
      await home.clock.advance(60_000);
      assert.deepEqual(await alive(), ['child', 'grandchild']);
      assert.deepEqual((await get('child'))?.metadata.ownerReferences ?? [], []);
      return;
    }
    await home.eventually('the child is asked to go', async () => {
      const state = await get('child');
      return state?.metadata.deletionTimestamp !== undefined;
    });
    await home.rest();
    assert.equal((await get('parent')) !== undefined, propagation === 'Foreground');
    const patch = [{ op: 'remove', path: '/metadata/finalizers/0' }];
    const held = (await get('child'))?.metadata.finalizers ?? [];
    const index = held.indexOf('example.io/hold');
    const body = patch.map((each) => ({ ...each, path: `/metadata/finalizers/${index}` }));
    await client.patch(plain, at('child'), { type: 'json', body }, {}, signal);
    await home.eventually('all are gone', async () => (await alive()).length === 0);
  });
}

test('an owner in another namespace counts as none, and an event says so', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  const far = await make(home, plain, 'far', { namespace: 'kube-public' });
  await home.rest();
  await make(home, plain, 'child', { owner: far });
  await home.eventually(
    'the child is gone',
    async () => (await client.get(plain, at('child'), signal)) === undefined,
  );
  await home.eventually('an event was written', async () =>
    (await reasons(home, 'child')).has('OwnerRefInvalidNamespace'),
  );
  assert.ok(await client.get(plain, at('far', 'kube-public'), signal));
});

test('objects of a kind defined later are collected too', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  await home.rest();
  await serveThings(home);
  const parent = await make(home, things, 'parent');
  await make(home, plain, 'child', { owner: parent });
  await make(home, things, 'other', { owner: parent });
  await home.rest();
  await client.delete(things, at('parent'), {}, signal);
  await home.eventually('both are gone', async () => {
    const child = await client.get(plain, at('child'), signal);
    return child === undefined && (await client.get(things, at('other'), signal)) === undefined;
  });
});

test('an object whose owner is of an unknown kind stays', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  const stranger = {
    apiVersion: 'unknown.io/v1',
    kind: 'Nothing',
    metadata: { name: 'x', uid: 'u-1', resourceVersion: '', creationTimestamp: '' },
  };
  await make(home, plain, 'child', { owner: stranger });
  await home.clock.advance(120_000);
  assert.ok(await client.get(plain, at('child'), signal));
});
