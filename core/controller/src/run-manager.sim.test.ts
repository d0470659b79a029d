// Connections cut, events late, controllers crashed between any two calls: the end state is always right.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient } from '@tweendeck/client';
import {
  type ApiTransport,
  type ConfigMap,
  configMapResource,
  controllerOf,
  type Deployment,
  deploymentResource,
  isApiError,
  refKey,
  refOf,
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
import { type Controller, defineController } from './controller.ts';
import { runManager } from './run-manager.ts';

const minutes = 60_000;
const userMs = 50_000;
/** Longer than the user acts: what fails last must be tried again. */
const troubleMs = 70_000;
const seeds = seedsFrom(process.env, 4);

/** Something outside the API that an object stands for; only a finalizer can give it back. */
type Outside = Map<string, string>;

/** For every Deployment as many ConfigMaps as it has replicas, each with its image, and one thing outside. */
function demoController(outside: Outside, busy: (key: string, by: number) => void): Controller {
  return defineController<Deployment>({
    name: 'demo',
    resource: deploymentResource,
    owns: [configMapResource],
    async reconcile(deployment, context) {
      const key = refKey(refOf(deployment));
      busy(key, 1);
      try {
        outside.set(key, deployment.metadata.uid);
        const { replicas = 1, template } = deployment.spec;
        const image = template.spec?.containers[0]?.image ?? '';
        for (let ordinal = 0; ordinal < replicas; ordinal++)
          await context.apply(configMapResource, {
            metadata: { name: `${deployment.metadata.name}-${ordinal}` },
            data: { image },
          });
        await context.prune(configMapResource);
        const ready = context
          .cache(configMapResource)
          .list({ namespace: deployment.metadata.namespace ?? '' })
          .filter((child) => controllerOf(child)?.uid === deployment.metadata.uid);
        context.status({ replicas, readyReplicas: ready.length });
        context.event('Normal', 'Scaled', `${replicas} replicas of ${image}`);
      } finally {
        busy(key, -1);
      }
    },
    async finalize(deployment, context) {
      await context.prune(configMapResource);
      outside.delete(refKey(refOf(deployment)));
    },
  });
}

/** Creates, changes and deletes Deployments for a while, whatever state they are in. */
async function user(world: World, client: Client, signal: AbortSignal): Promise<void> {
  while (world.clock.monotonicMs() < userMs) {
    await world.clock.sleep(world.random.integer(4_000), signal);
    const name = `d${world.random.integer(3)}`;
    const ref = { name, namespace: 'default' };
    const chance = world.random.next();
    const replicas = world.random.integer(4);
    const image = `image:${world.random.integer(3)}`;
    try {
      const found = await client.get(deploymentResource, ref, signal);
      if (!found)
        await client.create(deploymentResource, deployment(name, { replicas, image }), {}, signal);
      else if (chance < 0.25) await client.delete(deploymentResource, ref, {}, signal);
      else {
        const body = { spec: deployment(name, { replicas, image }).spec };
        await client.patch(deploymentResource, ref, { type: 'merge', body }, {}, signal);
      }
      world.note(`user: ${found ? (chance < 0.25 ? 'delete' : 'change') : 'create'} ${name}`);
    } catch (error) {
      // It was deleted between the two calls, or is still going.
      if (!isApiError(error)) throw error;
      world.note(`user: ${name}: ${error.message}`);
    }
  }
}

function deployment(
  name: string,
  { replicas, image }: { readonly replicas: number; readonly image: string },
): Deployment {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
    },
    // What the server fills in is missing, which is what a client sends.
  } as unknown as Deployment;
}

interface Stage {
  readonly transport: ApiTransport;
  readonly client: Client;
  readonly faults: Faults;
  readonly outside: Outside;
}

/** An API server of its own, faults on the way to it, a user, and the checks at the end. */
async function stage(world: World): Promise<Stage> {
  const { clock, random, signal } = world;
  const server = await openApiServer(
    { store: openMemoryStore(), clock, random, log: silentLogger },
    signal,
  );
  const direct = server.transport(systemUser('user'));
  const client = createClient({ transport: direct, clock, random });
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
  const outside: Outside = new Map();
  world.start('user', (ended) => user(world, client, ended));
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
  world.finally('the end state is right', () => checkEnd(client, outside, signal));
  return { transport: faultyTransport(direct, faults, world), client, faults, outside };
}

async function checkEnd(client: Client, outside: Outside, signal: AbortSignal): Promise<void> {
  const deployments = await client.list(deploymentResource, {}, signal);
  const configMaps = await client.list(configMapResource, { namespace: 'default' }, signal);
  const found = new Map<string, ConfigMap>();
  for (const child of configMaps.items)
    if (controllerOf(child)) found.set(child.metadata.name, child);
  for (const { metadata, spec, status } of deployments.items) {
    assert.equal(metadata.deletionTimestamp, undefined, `${metadata.name} is still being deleted`);
    assert.equal(status?.observedGeneration, metadata.generation, `generation of ${metadata.name}`);
    assert.equal(status?.readyReplicas ?? 0, spec.replicas, `ready replicas of ${metadata.name}`);
    assert.equal(
      outside.get(`default/${metadata.name}`),
      metadata.uid,
      `outside of ${metadata.name}`,
    );
    for (let ordinal = 0; ordinal < (spec.replicas ?? 1); ordinal++) {
      const child = found.get(`${metadata.name}-${ordinal}`);
      assert.equal(child && controllerOf(child)?.uid, metadata.uid, `${metadata.name}-${ordinal}`);
      assert.equal(child?.data?.['image'], spec.template.spec?.containers[0]?.image);
      found.delete(`${metadata.name}-${ordinal}`);
    }
  }
  assert.deepEqual([...found.keys()], [], 'children that nobody wants');
  assert.equal(outside.size, deployments.items.length, 'things outside that nobody wants');
}

simulate(
  'a controller that crashes between any two calls leaves the right end state',
  { seeds, simulatedMs: 6 * minutes },
  async (world) => {
    const { transport, outside, faults } = await stage(world);
    startLives(world, 'manager', {
      transport,
      callsMax: 60,
      crashesMax: 8,
      mayCrash: () => faults.active,
      restartMs: 500,
      run: (wire, signal, life) => {
        const passes = new Map<string, number>();
        const busy = (key: string, by: number): void => {
          passes.set(key, (passes.get(key) ?? 0) + by);
          assert.ok((passes.get(key) ?? 0) <= 1, `two passes over ${key} at once`);
        };
        world.note(`life ${life} begins`);
        const { clock, random } = world;
        const client = createClient({ transport: wire, clock, random });
        const controllers = [demoController(outside, busy)];
        const write = (line: string): void => world.note(line);
        const log = createLogger({ clock, format: 'text', level: 'warn', write });
        return runManager({ client, clock, random, log, controllers }, signal);
      },
    });
  },
);
