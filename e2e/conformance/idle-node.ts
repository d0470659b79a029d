// A node that is Ready and runs nothing: upstream's tests want to see one before they begin.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Client, createClient, httpsTransport, parseKubeconfig } from '@tweendeck/client';
import { clockOf, isAbort, randomOf, timestampOf } from '@tweendeck/std';

const name = 'idle';
const renewMs = 3_000;
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** Registers the node, and keeps its lease and its status fresh until disposed. */
export async function startIdleNode(kubeconfig: string): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const clock = clockOf(globalThis);
  const transport = opened.use(
    httpsTransport(
      parseKubeconfig(readFileSync(kubeconfig, 'utf8'), {
        readFile: (path) => readFileSync(join(dirname(kubeconfig), path), 'utf8'),
      }),
    ),
  );
  const random = randomOf(globalThis.crypto);
  const client = createClient({ transport, clock, random, userAgent: 'kubelet' });
  const stopping = new AbortController();
  await register(client, stopping.signal);
  await renew(client, stopping.signal);
  const running = keepFresh(client, stopping.signal);
  opened.defer(async () => {
    stopping.abort();
    await running;
  });
  const parts = opened.move();
  return { [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function keepFresh(client: Client, signal: AbortSignal): Promise<void> {
  const clock = clockOf(globalThis);
  try {
    for (;;) {
      await clock.sleep(renewMs, signal);
      // What went wrong once is made up for in the next round.
      await renew(client, signal).catch((error: unknown) => {
        if (isAbort(error, signal)) throw error;
      });
    }
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  }
}

async function register(client: Client, signal: AbortSignal): Promise<void> {
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' };
  const body = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } };
  await client.request('POST', '/api/v1/nodes', { body }, signal);
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } };
  await client.request('POST', leases, { body: lease }, signal);
}

async function renew(client: Client, signal: AbortSignal): Promise<void> {
  const now = timestampOf(Date.now());
  const spec = {
    holderIdentity: name,
    leaseDurationSeconds: 40,
    renewTime: now.replace('Z', '.000000Z'),
  };
  const contentType = 'application/strategic-merge-patch+json';
  await client.request('PATCH', `${leases}/${name}`, { body: { spec }, contentType }, signal);
  const room = { cpu: '8', memory: '16Gi', pods: '110' };
  const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' };
  const status = {
    ...{ capacity: room, allocatable: room },
    addresses: [{ type: 'InternalIP', address: '10.64.0.1' }],
    conditions: [{ ...condition, lastHeartbeatTime: now, lastTransitionTime: now }],
  };
  const path = `/api/v1/nodes/${name}/status`;
  await client.request('PATCH', path, { body: { status }, contentType }, signal);
}
