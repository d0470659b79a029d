// Pods per second from created to bound: the scheduler against the embedded API server in one process, over memory.

import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { createClient, openInformerSet } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { type Input, nodeResource, type Pod, podResource } from '@tweendeck/kube';
import { clockOf, randomOf, silentLogger, TaskGroup } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { scheduler } from '@tweendeck/workloads';

interface Options {
  readonly args: readonly string[];
  readonly write: (line: string) => void;
}

/** ARGS: number of pods (2,000). */
export async function run({ args, write }: Options, signal: AbortSignal): Promise<void> {
  const podCount = Number(args[0] ?? 2_000);
  for (const nodeCount of [1, 50]) {
    const seconds = await bindAll(nodeCount, podCount, signal);
    const rate = Math.round(podCount / seconds);
    write(`${podCount} pods on ${nodeCount} nodes: ${seconds.toFixed(2)} s, ${rate} binds/s`);
  }
}

async function bindAll(nodeCount: number, podCount: number, signal: AbortSignal): Promise<number> {
  const clock = clockOf(globalThis);
  const tools = { clock, random: randomOf(globalThis.crypto), log: silentLogger };
  await using store = openMemoryStore();
  await using server = await openApiServer({ ...tools, store }, signal);
  const client = createClient({ ...tools, transport: server.transport(systemUser('bench')) });
  for (let index = 0; index < nodeCount; index++) {
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: `n${index}` },
      spec: {},
    } as const; // literals of the kind
    const made = await client.create(nodeResource, node, {}, signal);
    const allocatable = { cpu: '1000', memory: '4Ti', pods: '100000' };
    const status = { allocatable, conditions: [{ type: 'Ready', status: 'True' }] };
    const ready = await client.update(
      nodeResource,
      { ...made, status },
      { subresource: 'status' },
      signal,
    );
    // Nobody watches over these nodes.
    await client.update(nodeResource, { ...ready, spec: { taints: [] } }, {}, signal);
  }
  for (let index = 0; index < podCount; index++) {
    await client.create(podResource, podNamed(`p${index}`), {}, signal);
  }
  const bound = Promise.withResolvers<void>();
  const names = new Set<string>();
  await using informers = openInformerSet(client, tools, signal);
  using _ = informers.informer(podResource).subscribe({
    updated: ({ metadata, spec }) => {
      if (spec.nodeName) names.add(metadata.name);
      if (names.size === podCount) bound.resolve();
    },
    deleted: () => undefined,
  });
  await informers.synced();
  await using tasks = new TaskGroup();
  const startedMs = clock.monotonicMs();
  tasks.start((ended) =>
    runManager({ ...tools, client, controllers: [], tasks: [scheduler()] }, ended),
  );
  await bound.promise;
  return (clock.monotonicMs() - startedMs) / 1_000;
}

function podNamed(name: string): Input<Pod> {
  const requests = { cpu: '100m', memory: '64Mi' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'x', resources: { requests } }] },
  };
}
