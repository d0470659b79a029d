// The CacheServer controller crashed between any two calls, behind a bad network: its end state is always right.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, type Client, createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { fleetController } from '@tweendeck/engine';
import {
  customResourceDefinitionResource,
  deploymentResource,
  isApiError,
  leaseResource,
  nodeResource,
  podDisruptionBudgetResource,
  podResource,
  secretResource,
  serviceResource,
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
import { microTimestampOf, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks, ensureSystemNamespaces } from '@tweendeck/workloads';
import { cacheServerEngine } from './engine.ts';
import { cacheServerKind } from './kind.ts';

const minutes = 60_000;
const troubleMs = minutes;
const ref = { name: 'cache', namespace: 'default' };

/** Runs what is bound to the node, as an agent would: soon ready, soon gone. */
async function agent(world: World, client: Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    await world.clock.sleep(1_000, signal);
    const lease = {
      metadata: { name: 'local', namespace: 'kube-node-lease' },
      spec: { holderIdentity: 'local', renewTime: microTimestampOf(world.clock.nowMs()) },
    };
    await client.apply(leaseResource, lease, { fieldManager: 'agent', force: true }, signal);
    const pods = await client.list(podResource, { namespace: 'default' }, signal);
    for (const { metadata, spec, status } of pods.items) {
      const pod = { name: metadata.name, namespace: 'default' };
      if (metadata.deletionTimestamp) {
        await client.delete(podResource, pod, { graceSeconds: 0 }, signal);
      } else if (spec.nodeName && status?.phase !== 'Running') {
        const body = {
          status: {
            phase: 'Running',
            conditions: [{ type: 'Ready', status: 'True' }],
            podIP: '127.0.0.9',
          },
        };
        const options = { subresource: 'status' } as const;
        await client.patch(podResource, pod, { type: 'merge', body }, options, signal);
      }
    }
  }
}

/** Makes, changes and deletes the CacheServer until the trouble ends, then makes sure that it is there. */
async function user(world: World, client: Client, signal: AbortSignal): Promise<void> {
  const { clock, random } = world;
  do {
    await clock.sleep(random.integer(5_000), signal);
    const last = clock.monotonicMs() >= troubleMs;
    const replicas = 1 + random.integer(3);
    const port = 9_000 + random.integer(3);
    try {
      if (!last && random.next() < 0.2) await client.delete(cacheServerKind, ref, {}, signal);
      else {
        const object = { metadata: ref, spec: { replicas, port, serviceType: 'LoadBalancer' } };
        await client.apply(cacheServerKind, object, { fieldManager: 'user', force: true }, signal);
      }
    } catch (error) {
      if (!isApiError(error)) throw error; // still going from before
      world.note(`user: ${error.message}`);
    }
  } while (clock.monotonicMs() < troubleMs || !(await client.get(cacheServerKind, ref, signal)));
}

/** A data plane that nobody uses. */
const askReplica = async () => ({
  server: { hits: {}, misses: {} },
  store: { keys: 0, storageBytes: 4_096 },
});

async function checkEnd(client: Client, signal: AbortSignal): Promise<void> {
  const cache = await client.get(cacheServerKind, ref, signal);
  const deployment = await client.get(deploymentResource, ref, signal);
  const service = await client.get(serviceResource, ref, signal);
  const replicaLabels = 'app.kubernetes.io/name=cacheserver';
  const pods = await client.list(
    podResource,
    { namespace: 'default', labelSelector: replicaLabels },
    signal,
  );
  assert.ok(cache && deployment && service);
  const { replicas, port } = cache.spec;
  for (const child of [deployment, service]) {
    assert.deepEqual(
      child.metadata.ownerReferences?.map(({ uid }) => uid),
      [cache.metadata.uid],
    );
  }
  assert.equal(deployment.spec.replicas, replicas);
  assert.equal(service.spec.ports?.[0]?.port, port);
  assert.equal(pods.items.length, replicas);
  const entry = await client.get(deploymentResource, { ...ref, name: 'cache-entry' }, signal);
  assert.equal(entry?.spec.replicas, replicas > 1 ? 1 : undefined);
  assert.equal(
    service.spec.selector?.['app.kubernetes.io/name'],
    replicas > 1 ? 'cacheserver-entry' : 'cacheserver',
  );
  const secret = await client.get(secretResource, { ...ref, name: 'cache-control' }, signal);
  assert.equal(secret?.metadata.ownerReferences?.[0]?.uid, cache.metadata.uid);
  assert.equal(Buffer.from(secret?.data?.['token'] ?? '', 'base64').length, 64);
  const budget = await client.get(podDisruptionBudgetResource, ref, signal);
  assert.equal(budget?.spec.maxUnavailable, replicas > 1 ? 1 : undefined);
  assert.deepEqual(
    { ...cache.status, conditions: undefined, selector: undefined },
    {
      phase: 'Ready',
      observedGeneration: cache.metadata.generation,
      replicas,
      readyReplicas: replicas,
      endpoint: `127.0.0.1:${port}`,
      usedBytes: 4_096 * replicas,
      objects: 0,
      conditions: undefined,
      selector: undefined,
    },
  );
  const held = cache.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort();
  assert.deepEqual(held, [
    'Degraded=False',
    ...(replicas > 1 ? ['EntryReady=True'] : []),
    'FiguresKnown=True',
    'Progressing=False',
    'Ready=True',
  ]);
}

simulate(
  'a CacheServer gets where its spec says, whatever happens to its controller',
  { seeds: seedsFrom(process.env, 1), simulatedMs: 3 * minutes },
  async (world) => {
    const { clock, random, signal } = world;
    const ground = { clock, random, log: silentLogger };
    const server = await openApiServer({ ...ground, store: openMemoryStore() }, signal);
    const direct = server.transport(systemUser('home'));
    const client = createClient({ transport: direct, clock, random });
    await ensureSystemNamespaces(client, signal);
    // A definition is applied whole.
    const definition = cacheServerKind.crd() as unknown as Applied;
    await client.apply(
      customResourceDefinitionResource,
      definition,
      { fieldManager: 'home' },
      signal,
    );
    await addNode(client, signal);

    const faults: Faults = {
      ...noFaults,
      cutBefore: 0.03,
      cutAfter: 0.03,
      cutWatch: 0.05,
      lateMs: 2_000,
      slowMs: 50,
      refuse: 0.02,
      conflict: 0.02,
      expire: 0.2,
    };
    world.start('user', (ended) => user(world, client, ended));
    world.start('agent', (ended) => agent(world, client, ended));
    world.start('built-in controllers', (ended) =>
      runManager(
        { ...ground, client, controllers: builtInControllers(), tasks: builtInTasks() },
        ended,
      ),
    );
    startLives(world, 'operator', {
      transport: faultyTransport(direct, faults, world),
      callsMax: 60,
      crashesMax: 8,
      mayCrash: () => faults.active,
      restartMs: 500,
      run: (transport, life) => {
        const own = createClient({ transport, clock, random });
        return runManager(
          { ...ground, client: own, controllers: [fleetController(cacheServerEngine(askReplica))] },
          life,
        );
      },
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
      }
    });
    world.finally('the end state is right', () => checkEnd(client, signal));
  },
);

async function addNode(client: Client, signal: AbortSignal): Promise<void> {
  const size = { cpu: '16', memory: '64Gi', pods: '100' };
  const node = {
    apiVersion: 'v1' as const,
    kind: 'Node' as const,
    metadata: { name: 'local', labels: { 'kubernetes.io/hostname': 'local' } },
    spec: {},
    status: {
      capacity: size,
      allocatable: size,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Up', message: '' }],
    },
  };
  await client.create(nodeResource, node, {}, signal);
  const options = { subresource: 'status' } as const;
  await client.patch(
    nodeResource,
    { name: 'local' },
    { type: 'merge', body: { status: node.status } },
    options,
    signal,
  );
}
