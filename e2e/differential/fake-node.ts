// A node without a kubelet, the same on both sides: pods bound to it say that they run and are ready, and go when they are told to.

import { isJsonObject } from '@tweendeck/std';
import type { Endpoint } from './endpoint.ts';

const fakeNodeName = 'node-a';
const roundMs = 100;

type Json = Readonly<Record<string, unknown>>;

/** Registers the node; until disposed it is ready and its pods are kept running. */
export async function startFakeNode(side: Endpoint): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  const node = new FakeNode(side);
  await node.register();
  const running = node.run(stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

class FakeNode {
  readonly #side: Endpoint;
  #nextAddress = 1;

  constructor(side: Endpoint) {
    this.#side = side;
  }

  async register(): Promise<void> {
    const labels = { 'kubernetes.io/hostname': fakeNodeName, 'kubernetes.io/os': 'linux' };
    await this.#ask('POST', '/api/v1/nodes', { metadata: { name: fakeNodeName, labels } });
    await this.#renew();
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const room = { cpu: '8', memory: '16Gi', pods: '110' };
    const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' };
    const conditions = [{ ...condition, lastHeartbeatTime: now, lastTransitionTime: now }];
    const addresses = [{ type: 'InternalIP', address: '10.64.0.1' }];
    const status = { capacity: room, allocatable: room, conditions, addresses };
    await this.#patch(`/api/v1/nodes/${fakeNodeName}/status`, { status });
  }

  /** Never fails: what went wrong in one round is made up for in the next. */
  async run(signal: AbortSignal): Promise<void> {
    let renewedMs = performance.now();
    while (!signal.aborted) {
      await this.#round().catch(() => undefined);
      if (performance.now() - renewedMs > 3_000) {
        renewedMs = performance.now();
        await this.#renew().catch(() => undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, roundMs));
    }
  }

  async #round(): Promise<void> {
    const selector = encodeURIComponent(`spec.nodeName=${fakeNodeName}`);
    const list = await this.#ask('GET', `/api/v1/pods?fieldSelector=${selector}`);
    const items: unknown = isJsonObject(list) ? list['items'] : undefined;
    for (const pod of Array.isArray(items) ? items : []) await this.#serve(pod);
  }

  async #serve(pod: {
    metadata: Json;
    spec: { containers: Json[] };
    status?: Json;
  }): Promise<void> {
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    if (deletionTimestamp !== undefined) {
      await this.#ask('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if (pod.status?.['phase'] !== 'Pending') return;
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const podIP = `10.244.0.${this.#nextAddress++}`;
    const conditions = ['Initialized', 'Ready', 'ContainersReady'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    }));
    const containerStatuses = pod.spec.containers.map(({ name: container, image }) => ({
      name: container,
      image,
      imageID: '',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    }));
    const status = {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      hostIP: '10.64.0.1',
      startTime: now,
    };
    await this.#patch(`${path}/status`, {
      metadata: { uid },
      status: { ...status, conditions, containerStatuses },
    });
  }

  async #renew(): Promise<void> {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: fakeNodeName, leaseDurationSeconds: 40, renewTime };
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    await this.#ask('POST', leases, { metadata: { name: fakeNodeName }, spec });
    await this.#patch(`${leases}/${fakeNodeName}`, { spec });
  }

  async #patch(path: string, body: Json): Promise<void> {
    await this.#ask('PATCH', path, body, 'application/strategic-merge-patch+json');
  }

  async #ask(
    method: string,
    path: string,
    body?: Json,
    type = 'application/json',
  ): Promise<unknown> {
    const answer = await this.#side.ask(
      {
        method,
        path,
        headers: { accept: 'application/json', 'user-agent': 'kubelet', 'content-type': type },
        body: Buffer.from(body ? JSON.stringify(body) : ''),
      },
      new AbortController().signal,
    );
    return JSON.parse(answer.body.toString());
  }
}
