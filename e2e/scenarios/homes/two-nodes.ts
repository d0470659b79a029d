// A real cluster of two nodes as scenarios see it: the operator is what the chart installs, pods are containers.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@tweendeck/client';
import { leaseResource } from '@tweendeck/kube';
import { buildImages } from '../../../tools/images/images.ts';
import { type Cluster, cluster } from '../../kubernetes/lab/index.ts';
import { until } from '../../support/home.ts';
import type { ScenarioHome } from '../scenario-home.ts';
import { clusterAddress } from './address.ts';
import { installChart, ownCommands } from './cluster.ts';

export interface TwoNodes extends ScenarioHome {
  readonly cluster: Cluster;
}

const lease = { namespace: 'tweendeck-system', name: 'tweendeck-controllers' };

export async function openTwoNodes(): Promise<TwoNodes> {
  await using opened = new AsyncDisposableStack();
  const [tweendeck, entry, redis] = await buildImages(['tweendeck', 'entry', 'redis']);
  assert.ok(tweendeck && entry && redis);
  const images = [tweendeck.layout, entry.layout, redis.layout];
  const lab = opened.use(await cluster({ nodes: 2, images }));
  await installChart(lab, []);
  const parts = opened.move();
  return {
    name: 'two nodes',
    cluster: lab,
    client: lab.client,
    // A redis-server takes the arguments of a data plane for the name of its configuration.
    images: {
      // The same under its other name: another image to the API, and no other program.
      other: tweendeck.image.names.find((name) => name.includes('/tweendeck:')) ?? '',
      missing: 'registry.invalid/no-such-program:1',
      redis: redis.image.names[0],
      crashing: redis.image.names[0],
    },
    programs: 'real',
    loadBalancers: false,
    kernel: 'of the pod',
    webhookHost: new URL(lab.server).hostname, // this machine, on the bridge of the nodes
    clientAddresses: [undefined],
    admission: true,
    patienceMs: 180_000,
    killsInARow: 1,
    concurrency: 4,
    ...ownCommands(lab, join(lab.directory, 'home')),
    killOperator: () => killHolder(lab.client),
    addressOf: (cache) => clusterAddress(lab.client, cache),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Ends the program that holds the lease without goodbye. The kubelet starts it again, and the other one takes over. */
async function killHolder(client: Client): Promise<void> {
  const held = await client.get(leaseResource, lease, AbortSignal.timeout(10_000));
  const [pod] = (held?.spec.holderIdentity ?? '').split('_');
  assert.ok(pod, 'nobody holds the lease');
  const pid = await until(`the controllers of ${pod} run`, () => processOf(pod), 60_000);
  process.kill(pid, 'SIGKILL');
}

/** The process of this pod's controllers; pods of a lab are processes of this machine. */
async function processOf(pod: string): Promise<number | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // Unreadable when it ended meanwhile.
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const environment = (await read('environ')).split('\0');
    if (!environment.includes(`POD_NAME=${pod}`)) continue;
    if ((await read('cmdline')).split('\0').includes('controllers')) return Number(pid);
  }
  return undefined;
}
