// What many RedisClusters cost as objects: the controller alone in a process, members simulated, pods made by hand.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Applied,
  type Client,
  createClient,
  httpsTransport,
  openInformerSet,
} from '@tweendeck/client';
import {
  customResourceDefinitionResource,
  type KubeObject,
  type Pod,
  podResource,
  statefulSetResource,
} from '@tweendeck/kube';
import { redisClusterKind } from '@tweendeck/redis';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { startRedis } from '../../e2e/support/redis.ts';
import { openOurs } from '../support/api-servers.ts';
import { tableOf } from '../support/readme.ts';
import type { ControllersTask, Usage } from './controllers-process.ts';
import { eventually } from './eventually.ts';
import { addressOf } from './simulated-members.ts';

const shards = 3;
const changes = 200;
/** After so long all have been well for a minute, and what making them left is done. */
const calmMs = 75_000;
const residentMaxMiB = 512;
const processorMax = 0.1;
const reactionMaxMs = 2_000;
const tools = { clock: clockOf(globalThis), random: randomOf(globalThis.crypto) };
const namespace = 'default';
const nameOf = (number: number): string => `shop-${number}`;

/** Table lines. */
export async function objects(
  {
    count,
    steadySeconds,
    changeEveryMs,
    write,
  }: {
    readonly count: number;
    readonly steadySeconds: number;
    readonly changeEveryMs: number;
    readonly write: (line: string) => void;
  },
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using server = await openOurs(signal);
  const { address, ca, cert, key } = server.endpoint;
  const connection = { server: address, ca, clientCertificate: cert, clientKey: key };
  using transport = httpsTransport(connection);
  const client = createClient({ ...tools, log: silentLogger, transport });
  const definition = redisClusterKind.crd() as unknown as Applied; // a definition is applied whole
  await client.apply(
    customResourceDefinitionResource,
    definition,
    { fieldManager: 'bench' },
    signal,
  );
  await using informers = openInformerSet(client, { ...tools, log: silentLogger }, signal);
  const clusters = informers.informer(redisClusterKind);
  const workloads = informers.informer(statefulSetResource);
  const pods = informers.informer(podResource);
  await informers.synced();
  const hands = new Hands(client, signal);
  using _made = workloads.subscribe({
    updated: (workload) => hands.changed(workload),
    deleted: () => undefined,
  });
  using _ended = pods.subscribe({
    updated: () => undefined,
    deleted: (pod) => hands.ended(pod),
  });
  await using controllers = startControllers({
    ...server.endpoint,
    shards,
    info: await realInfo(),
  });

  const begunMs = performance.now();
  for (let number = 0; number < count; number++) {
    await client.create(
      redisClusterKind,
      {
        apiVersion: 'tweendeck.io/v1alpha1',
        kind: 'RedisCluster',
        metadata: { name: nameOf(number), namespace },
        spec: { auth: { mode: 'none' } },
      } as never, // its defaults are the server's
      {},
      signal,
    );
  }
  const isReady = (): boolean => {
    hands.check();
    return clusters.list().filter(({ status }) => status?.phase === 'Ready').length === count;
  };
  await eventually('all are ready', () => Promise.resolve(isReady()), signal, 900);
  const readySeconds = (performance.now() - begunMs) / 1_000;
  write(`${count} are ready after ${readySeconds.toFixed(0)} s`);

  await sleep(calmMs, undefined, { signal }); // until then they are looked at more often
  const before = await controllers.usage();
  await sleep(steadySeconds * 1_000, undefined, { signal });
  const after = await controllers.usage();
  const processor = (after.seconds - before.seconds) / steadySeconds;
  write(`steady: ${(processor * 100).toFixed(1)} % of a core, ${mebibytes(after)} MiB`);

  const reactions: number[] = [];
  const waiting = new Map<string, number>();
  using _reacted = workloads.subscribe({
    updated: ({ metadata }, previous) => {
      const name = instanceOf(metadata.labels);
      const since = waiting.get(name);
      if (since === undefined || previous === undefined) return;
      if (previous.metadata.generation === metadata.generation) return;
      reactions.push(performance.now() - since);
      waiting.delete(name);
    },
    deleted: () => undefined,
  });
  const changed = Math.min(changes, count);
  for (let turn = 0; turn < changed; turn++) {
    const name = nameOf(Math.floor((turn * count) / changed));
    waiting.set(name, performance.now());
    const patch = { type: 'merge', body: { spec: { restart: 'now' } } } as const;
    await client.patch(redisClusterKind, { namespace, name }, patch, {}, signal);
    await sleep(changeEveryMs, undefined, { signal });
  }
  await eventually('all have reacted', () => Promise.resolve(waiting.size === 0), signal, 300);
  const usage = await controllers.usage();
  reactions.sort((a, b) => a - b);
  const at = (share: number): number => reactions[Math.ceil(reactions.length * share) - 1] ?? 0;
  const row = (name: string, figure: string, target: string, met: boolean | undefined) => [
    ...[name, figure, target],
    met === undefined ? '' : met ? 'met' : 'missed',
  ];
  const p99 = at(0.99);
  const memory = (title: string, used: Usage): readonly string[] =>
    row(
      title,
      `${mebibytes(used)} MiB`,
      `< ${residentMaxMiB} MiB`,
      used.residentBytes < residentMaxMiB * 2 ** 20,
    );
  return tableOf(
    [`${count} clusters of ${shards} × 2 as objects`, '', 'target', ''],
    [
      row('made, until all are ready', `${readySeconds.toFixed(0)} s`, '', undefined),
      memory('memory, steady', after),
      memory(`memory, while ${changed} of them restart`, usage),
      row(
        'steady, of a core',
        `${(processor * 100).toFixed(1)} %`,
        `< ${processorMax * 100} %`,
        processor < processorMax,
      ),
      row(
        `one changed every ${changeEveryMs} ms: to its first action, median`,
        `${at(0.5).toFixed(0)} ms`,
        '',
        undefined,
      ),
      row('p99', `${p99.toFixed(0)} ms`, `< ${reactionMaxMs} ms`, p99 < reactionMaxMs),
    ],
  );
}

function mebibytes({ residentBytes }: Usage): string {
  return (residentBytes / 2 ** 20).toFixed(0);
}

function instanceOf(labels: Readonly<Record<string, string>> = {}): string {
  return labels['app.kubernetes.io/instance'] ?? '';
}

interface Controllers extends AsyncDisposable {
  usage(): Promise<Usage>;
}

function startControllers(task: ControllersTask): Controllers {
  const child = fork(join(import.meta.dirname, 'controllers-process.ts'), {
    execArgv: ['--max-semi-space-size=4', ...process.execArgv],
  });
  const exited = once(child, 'exit');
  child.send(task);
  return {
    async usage() {
      child.send('usage');
      const [usage] = await once(child, 'message');
      return usage as Usage; // its only message
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** What a real server says of itself. */
async function realInfo(): Promise<string> {
  await using server = await startRedis();
  const answer = await server.ask('INFO');
  return answer.slice(answer.indexOf('\r\n') + 2);
}

/** Makes a pod for each workload, and another when it was ended, as StatefulSets and kubelets would. */
class Hands {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #workloads = new Map<string, KubeObject>();
  #fault: unknown;

  constructor(client: Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  changed(workload: KubeObject): void {
    const { name } = workload.metadata;
    const isNew = !this.#workloads.has(name);
    this.#workloads.set(name, workload);
    if (isNew) this.#begin(workload);
  }

  ended({ metadata: { name } }: Pod): void {
    const workload = this.#workloads.get(name.replace(/-0$/, ''));
    if (workload) this.#begin(workload);
  }

  /** Throws what went wrong. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  #begin(workload: KubeObject): void {
    this.#makePod(workload).catch((error: unknown) => (this.#fault ??= error));
  }

  async #makePod(workload: KubeObject): Promise<void> {
    const { name, uid } = workload.metadata;
    const { template } = (workload as typeof workload & { spec: { template: Applied } }).spec; // of a StatefulSet
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid, controller: true };
    const metadata = {
      ...template.metadata,
      ...{ name: `${name}-0`, namespace, ownerReferences: [owner] },
    };
    const [number, shard, ordinal] = (/^shop-(\d+)-data-(\d+)-(\d+)$/.exec(name) ?? [])
      .slice(1)
      .map(Number);
    if (number === undefined || shard === undefined || ordinal === undefined) return;
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: template['spec'] };
    const made = await this.#client.create(podResource, pod as never, {}, this.#signal);
    const podIP = addressOf(number, shard, ordinal);
    const status = {
      phase: 'Running',
      ...{ podIP, podIPs: [{ ip: podIP }], hostIP: '10.255.0.1' },
      conditions: [{ type: 'Ready', status: 'True' }],
    } as const;
    const options = { subresource: 'status' } as const;
    await this.#client.update(podResource, { ...made, status }, options, this.#signal);
  }
}
