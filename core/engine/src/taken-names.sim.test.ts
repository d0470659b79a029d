// Two kinds that are run side by side, with one name.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, type Client, createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import {
  customResourceDefinitionResource,
  serviceResource,
  statefulSetResource,
  t,
} from '@tweendeck/kube';
import { seedsFrom, simulate } from '@tweendeck/sim';
import { silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { ensureSystemNamespaces } from '@tweendeck/workloads';
import { engineKind } from './cluster-kind.ts';
import { engineController } from './engine-controller.ts';
import { type ToyOptions, toyEngine } from './testing/toy-engine.ts';

const namespace = 'default';
const ref = { name: 'c', namespace };
const options = t.object({ flavour: t.string().optional() }).default({});
const view = { role: 'peer', synced: true, facts: null } as const;
const toys = toyEngine(() => view);
const dolls = toyEngine(() => view, {
  ...{ kind: 'Doll', plural: 'dolls', shortNames: ['dl'], component: 'doll' },
});
const toyKind = engineKind<ToyOptions>(toys, options);
const dollKind = engineKind<ToyOptions>(dolls, options);

/** All that either may be made of, as the server has it. */
async function children(client: Client, signal: AbortSignal): Promise<readonly string[]> {
  const services = await client.list(serviceResource, { namespace }, signal);
  const sets = await client.list(statefulSetResource, { namespace }, signal);
  return [...services.items, ...sets.items].map(({ metadata }) => {
    const holders = metadata.ownerReferences?.map(({ kind }) => kind).join() ?? '';
    return `${metadata.name} of ${holders} at ${metadata.resourceVersion}`;
  });
}

simulate(
  'a name that is taken by another kind: it is told, and nothing of the first one is touched',
  { seeds: seedsFrom(process.env, 1), simulatedMs: 60_000 },
  async (world) => {
    const { clock, random, signal } = world;
    const ground = { clock, random, log: silentLogger };
    const server = await openApiServer({ ...ground, store: openMemoryStore() }, signal);
    const client = createClient({ transport: server.transport(systemUser('home')), clock, random });
    await ensureSystemNamespaces(client, signal);
    const manager = { fieldManager: 'home' };
    for (const kind of [toyKind, dollKind]) {
      const definition = kind.crd() as unknown as Applied; // it is applied whole
      await client.apply(customResourceDefinitionResource, definition, manager, signal);
    }
    const controllers = [engineController(toyKind, toys), engineController(dollKind, dolls)];
    world.start('operator', (ended) => runManager({ ...ground, client, controllers }, ended));
    world.start('server', async (ended) => {
      try {
        await clock.sleep(2 ** 31 - 1, ended);
      } finally {
        await server[Symbol.asyncDispose]();
      }
    });
    await client.apply(toyKind, { metadata: ref, spec: {} }, manager, signal);
    await clock.sleep(20_000, signal);
    const before = await children(client, signal);
    assert.ok(before.length > 5 && before.every((one) => one.includes('of Toy at')), before.join());
    await client.apply(dollKind, { metadata: ref, spec: {} }, manager, signal);
    world.finally('the second one says so', async () => {
      const { status } = (await client.get(dollKind, ref, signal)) ?? {};
      const degraded = status?.conditions?.find(({ type }) => type === 'Degraded');
      assert.equal(degraded?.reason, 'NameTaken');
      assert.match(degraded.message, /there is a Service c that belongs to Toy c/);
      assert.deepEqual(await children(client, signal), before);
      const first = await client.get(toyKind, ref, signal);
      const well = first?.status?.conditions?.find(({ type }) => type === 'Degraded');
      assert.equal(well?.reason, 'NoTrouble');
    });
  },
);
