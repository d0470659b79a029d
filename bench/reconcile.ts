// Passes of a controller that find nothing to do, and what they cost: cache read and apply, in one process over memory.

import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { defineController, runManager } from '@tweendeck/controller';
import { configMapResource } from '@tweendeck/kube';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';

const clock = clockOf(globalThis);
const payload = 'x'.repeat(900);

type Write = (line: string) => void;

function perSecond(count: number, startMs: number): number {
  return Math.round((count * 1_000) / (clock.monotonicMs() - startMs));
}

/** Passes that find everything as it should be: cache read, and an apply that the server finds to change nothing. */
export async function run(
  { write }: { readonly args: readonly string[]; readonly write: Write },
  signal: AbortSignal,
): Promise<void> {
  const count = 1_000;
  const tools = { clock, random: randomOf(globalThis.crypto), log: silentLogger };
  await using store = openMemoryStore();
  await using server = await openApiServer({ ...tools, store }, signal);
  const client = createClient({ ...tools, transport: server.transport(systemUser('bench')) });
  const labels = { bench: 'parent' };
  for (let index = 0; index < count; index++) {
    const metadata = { name: `p${index}`, namespace: 'default', labels };
    await client.create(
      configMapResource,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata },
      {},
      signal,
    );
  }
  for (const name of ['first passes', 'no-op passes']) {
    const stop = new AbortController();
    const ended = Promise.withResolvers<void>();
    let passes = 0;
    const startMs = clock.monotonicMs();
    const controller = defineController({
      name: 'bench',
      resource: configMapResource,
      async reconcile({ metadata }, { apply }) {
        if (metadata.labels?.['bench'] !== 'parent') return;
        await apply(configMapResource, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `${metadata.name}-child`, namespace: 'default' },
          data: { payload },
        });
        if (++passes === count) ended.resolve();
      },
    });
    const running = runManager(
      { ...tools, client, controllers: [controller] },
      AbortSignal.any([signal, stop.signal]),
    );
    await Promise.race([ended.promise, running]);
    write(`${name}, each with an apply, in process: ${perSecond(count, startMs)}/s`);
    stop.abort();
    await running;
  }
}
