// Connections cut, events late, all controllers crashed between any two calls: the end state is always right.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient, openInformerSet } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import {
  controllerOf,
  type Deployment,
  deploymentResource,
  endpointSliceResource,
  type Input,
  isApiError,
  namespaceResource,
  type Pod,
  podResource,
  type Resource,
  replicaSetResource,
  type Service,
  type StatefulSet,
  serviceResource,
  statefulSetResource,
} from '@tweendeck/kube';
import {
  type Faults,
  faultyTransport,
  noFaults,
  seedsFrom,
  simulate,
  startLives,
  type World,
} from '@tweendeck/sim';
import { createLogger, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks } from './built-in.ts';
import { requestsOf } from './scheduler/requests.ts';
import { runNodeAgent } from './testing/node-agent.ts';

const minutes = 60_000;
const userMs = 40_000;
/** Longer than the user acts: what fails last must be tried again. */
const troubleMs = 55_000;
const seeds = seedsFrom(process.env, 1);
const namespace = 'team';
const nodeMemoryGi = 16;

const at = (name: string) => ({ name, namespace });
const image = (pod: Pod | Deployment['spec']['template']): string =>
  pod.spec?.containers[0]?.image ?? '';

interface Wish {
  readonly replicas: number;
  readonly image: string;
}

function templateOf(app: string, wish: Wish): Deployment['spec']['template'] {
  const requests = { memory: '1Gi' };
  return {
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'main', image: wish.image, resources: { requests } }] },
  } as Deployment['spec']['template']; // template metadata as a client writes it
}

function deployment(
  name: string,
  wish: Wish,
  type: 'Recreate' | 'RollingUpdate',
): Input<Deployment> {
  const selector = { matchLabels: { app: name } };
  const template = templateOf(name, wish);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: at(name),
    spec: { replicas: wish.replicas, selector, template, strategy: { type } },
  };
}

function statefulSet(name: string, wish: Wish): Input<StatefulSet> {
  const selector = { matchLabels: { app: name } };
  const template = templateOf(name, wish);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: at(name),
    spec: { replicas: wish.replicas, selector, template, serviceName: name },
  };
}

function service(name: string): Input<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: at(name),
    spec: { selector: { app: name }, ports: [{ port: 80 }] },
  };
}

/** Creates, changes and deletes workloads for a while, whatever state they are in. */
async function user(world: World, client: Client, signal: AbortSignal): Promise<void> {
  const { clock, random } = world;
  const body = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
    spec: {},
  } as const; // literals of the kind
  await client.create(namespaceResource, body, {}, signal);
  for (const name of ['d0', 'd1', 's0']) {
    await client.create(serviceResource, service(name), {}, signal);
  }
  while (clock.monotonicMs() < userMs) {
    await clock.sleep(random.integer(4_000), signal);
    const name = ['d0', 'd1', 's0'][random.integer(3)] ?? 'd0';
    const wish = { replicas: random.integer(4), image: `image:${random.integer(3)}` };
    try {
      world.note(`user: ${await act(name, wish, { client, world }, signal)}`);
    } catch (error) {
      // It was deleted between two calls, or is still going.
      if (!isApiError(error)) throw error;
      world.note(`user: ${name}: ${error.message}`);
    }
  }
}

async function act(
  name: string,
  wish: Wish,
  { client, world }: { readonly client: Client; readonly world: World },
  signal: AbortSignal,
): Promise<string> {
  const words = `${name} with ${wish.replicas} of ${wish.image}`;
  const resource: Resource<Deployment | StatefulSet> = name.startsWith('d')
    ? deploymentResource
    : statefulSetResource;
  const found = await client.get(resource, at(name), signal);
  if (!found) {
    const type = name === 'd1' ? 'Recreate' : 'RollingUpdate';
    if (name.startsWith('d')) {
      await client.create(deploymentResource, deployment(name, wish, type), {}, signal);
    } else await client.create(statefulSetResource, statefulSet(name, wish), {}, signal);
    return `create ${words}`;
  }
  const chance = world.random.next();
  if (chance < 0.2) {
    const propagation = world.random.next() < 0.5 ? 'Foreground' : 'Background';
    await client.delete(resource, at(name), { propagation }, signal);
    return `delete ${name} in ${propagation}`;
  }
  if (chance < 0.35) {
    const { items } = await client.list(podResource, { namespace }, signal);
    const pod = items[world.random.integer(items.length)];
    if (!pod) return 'nothing';
    await client.delete(podResource, at(pod.metadata.name), {}, signal);
    return `delete pod ${pod.metadata.name}`;
  }
  const { replicas } = wish;
  const body = { spec: { replicas, template: templateOf(name, wish) } };
  await client.patch(resource, at(name), { type: 'merge', body }, {}, signal);
  return `change ${words}`;
}

async function checkEnd(client: Client, signal: AbortSignal): Promise<void> {
  const list = async <Kind extends Pod | Deployment>(
    items: Promise<{ readonly items: readonly Kind[] }>,
  ) => (await items).items;
  const pods = await list(client.list(podResource, { namespace }, signal));
  const wanted = new Set<string>();
  for (const each of (await client.list(deploymentResource, { namespace }, signal)).items) {
    const { name, uid, generation, deletionTimestamp } = each.metadata;
    assert.equal(deletionTimestamp, undefined, `${name} is still going`);
    assert.equal(each.status?.observedGeneration, generation, `generation of ${name}`);
    assert.equal(each.status?.availableReplicas ?? 0, each.spec.replicas, `available of ${name}`);
    assert.equal(each.status?.updatedReplicas ?? 0, each.spec.replicas, `updated of ${name}`);
    const sets = (await client.list(replicaSetResource, { namespace }, signal)).items.filter(
      (set) => controllerOf(set)?.uid === uid,
    );
    const uids = new Set(sets.map((set) => set.metadata.uid));
    const own = pods.filter((pod) => uids.has(controllerOf(pod)?.uid ?? ''));
    assert.equal(own.length, each.spec.replicas, `pods of ${name}`);
    assert.ok(
      own.every((pod) => image(pod) === image(each.spec.template)),
      `images of ${name}`,
    );
    for (const pod of own) wanted.add(pod.metadata.name);
  }
  for (const each of (await client.list(statefulSetResource, { namespace }, signal)).items) {
    const { name, uid, deletionTimestamp } = each.metadata;
    assert.equal(deletionTimestamp, undefined, `${name} is still going`);
    const own = pods.filter((pod) => controllerOf(pod)?.uid === uid);
    const names = Array.from({ length: each.spec.replicas ?? 1 }, (_, at) => `${name}-${at}`);
    assert.deepEqual(own.map(({ metadata }) => metadata.name).toSorted(), names);
    assert.ok(
      own.every((pod) => image(pod) === image(each.spec.template)),
      `images of ${name}`,
    );
    assert.equal(each.status?.readyReplicas ?? 0, each.spec.replicas, `ready of ${name}`);
    assert.equal(each.status?.currentRevision, each.status?.updateRevision);
    for (const pod of own) wanted.add(pod.metadata.name);
  }
  const unwanted = pods.map(({ metadata }) => metadata.name).filter((name) => !wanted.has(name));
  assert.deepEqual(unwanted, [], 'pods that nobody wants');
  const owners = new Set<string>();
  for (const { metadata } of (await client.list(deploymentResource, { namespace }, signal)).items) {
    owners.add(metadata.uid);
  }
  const sets = (await client.list(replicaSetResource, { namespace }, signal)).items;
  assert.ok(
    sets.every((set) => owners.has(controllerOf(set)?.uid ?? '')),
    'replica sets left over',
  );
  await checkEndpoints(pods, client, signal);
}

async function checkEndpoints(
  pods: readonly Pod[],
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  for (const name of ['d0', 'd1', 's0']) {
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const { items } = await client.list(
      endpointSliceResource,
      { namespace, labelSelector },
      signal,
    );
    const listed = items.flatMap((slice) => slice.endpoints ?? []);
    const expected = pods.filter((pod) => pod.metadata.labels?.['app'] === name);
    assert.deepEqual(
      listed.map(({ targetRef }) => targetRef?.name).toSorted(),
      expected.map(({ metadata }) => metadata.name).toSorted(),
      `endpoints of ${name}`,
    );
    assert.ok(
      listed.every(({ conditions }) => conditions?.ready),
      `readiness in ${name}`,
    );
  }
}

async function checkRoom(client: Client, signal: AbortSignal): Promise<void> {
  const { items } = await client.list(podResource, {}, signal);
  const bytes = items
    .filter((pod) => pod.spec.nodeName)
    .reduce((total, pod) => total + (requestsOf(pod)['memory'] ?? 0), 0);
  assert.ok(bytes <= nodeMemoryGi * 2 ** 30, `${bytes} bytes asked of one node`);
}

simulate(
  'controllers that crash between any two calls leave the right end state',
  { seeds, simulatedMs: 8 * minutes },
  async (world) => {
    const { clock, random, signal } = world;
    const store = openMemoryStore();
    const server = await openApiServer({ store, clock, random, log: silentLogger }, signal);
    const direct = server.transport(systemUser('user'));
    const client = createClient({ transport: direct, clock, random });
    const faults: Faults = {
      ...noFaults,
      cutBefore: 0.02,
      cutAfter: 0.02,
      cutWatch: 0.02,
      lateMs: 1_000,
      slowMs: 30,
      refuse: 0.02,
      conflict: 0.02,
      expire: 0.1,
    };
    world.start('user', (ended) => user(world, client, ended));
    world.start('node', async (ended) => {
      const tools = { clock, random, log: silentLogger };
      await using informers = openInformerSet(client, tools, ended);
      const allocatable = { memory: `${nodeMemoryGi}Gi` };
      await runNodeAgent(
        { name: 'local', client, informers, clock, allocatable, endMs: 1_000 },
        ended,
      );
    });
    world.start('room', async (ended) => {
      for (;;) {
        await clock.sleep(2_000, ended);
        await checkRoom(client, ended);
      }
    });
    world.start('end of trouble', async (ended) => {
      await clock.sleep(troubleMs, ended);
      faults.active = false;
    });
    world.start('server', async (ended) => {
      try {
        await clock.sleep(2 ** 31 - 1, ended);
      } finally {
        await server[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      }
    });
    world.finally('the end state is right', () => checkEnd(client, signal));
    startLives(world, 'manager', {
      transport: faultyTransport(direct, faults, world),
      callsMax: 300,
      crashesMax: 6,
      mayCrash: () => faults.active,
      restartMs: 500,
      run: (transport, running, life) => {
        world.note(`life ${life} begins`);
        const write = (line: string): void => world.note(line);
        const log = createLogger({ clock, format: 'text', level: 'warn', write });
        const own = createClient({ transport, clock, random });
        const controllers = builtInControllers();
        return runManager(
          { client: own, clock, random, log, controllers, tasks: builtInTasks() },
          running,
        );
      },
    });
  },
);
