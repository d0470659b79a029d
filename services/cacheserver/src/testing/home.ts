// An API server in memory, for tests of what is done about a CacheServer.

import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, type Client, createClient } from '@tweendeck/client';
import { type Controller, runManager } from '@tweendeck/controller';
import type { DryRun } from '@tweendeck/engine';
import { customResourceDefinitionResource, type KubeObject } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { ensureSystemNamespaces } from '@tweendeck/workloads';
import { cacheServerModule } from '../engine.ts';
import { type CacheServerObject, cacheServerKind } from '../kind.ts';

export const manager: { readonly fieldManager: string; readonly force: true } = {
  fieldManager: 'test',
  force: true,
};
/** Of the CacheServer. */
export const ref: { readonly name: string; readonly namespace: string } = {
  name: 'cache',
  namespace: 'default',
};

export interface Home extends AsyncDisposable {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Of the CacheServer. */
  apply(spec: object): Promise<CacheServerObject>;
  plan(object: KubeObject): Promise<DryRun>;
  /** Runs a controller until `done`. */
  run(controller: Controller, done: () => Promise<boolean>): Promise<void>;
}

export async function openHome(): Promise<Home> {
  const random = seededRandom(1);
  const clock = new SimClock({ random });
  const ended = new AbortController();
  const { signal } = ended;
  const ground = { clock, random, log: silentLogger };
  const server = await openApiServer({ ...ground, store: openMemoryStore() }, signal);
  const client = createClient({ transport: server.transport(systemUser('test')), clock, random });
  await ensureSystemNamespaces(client, signal);
  const definition = cacheServerKind.crd() as unknown as Applied; // it is applied whole
  await client.apply(customResourceDefinitionResource, definition, manager, signal);
  return {
    ...{ client, signal },
    apply: (spec: object) =>
      client.apply(cacheServerKind, { metadata: ref, spec }, manager, signal),
    plan: async (object: KubeObject) => {
      const tools = { client, clock, random, mayTell: () => true };
      return clock.until(cacheServerModule.dryRun(object, tools, signal));
    },
    run: async (controller: Controller, done: () => Promise<boolean>) => {
      const life = new AbortController();
      const running = runManager({ ...ground, client, controllers: [controller] }, life.signal);
      while (!(await done())) await clock.advance(100);
      life.abort();
      await clock.until(running);
    },
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await server[Symbol.asyncDispose]();
    },
  };
}
