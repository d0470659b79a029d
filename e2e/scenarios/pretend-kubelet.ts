// Says of pods on a control plane without machines what a kubelet would say. It is a fake below the real thing: it runs
// nothing, and only knows images by name.

import { type Client, type Informer, openInformer } from '@tweendeck/client';
import {
  isApiError,
  leaseResource,
  nodeResource,
  type Pod,
  type PodStatus,
  podResource,
} from '@tweendeck/kube';
import {
  type Clock,
  clockOf,
  isAbort,
  microTimestampOf,
  randomOf,
  silentLogger,
  timestampOf,
} from '@tweendeck/std';
import { until } from '../support/home.ts';

export interface PretendKubeletOptions {
  readonly client: Client;
  readonly nodes: readonly string[];
  /** Whether an image could be pulled. */
  readonly knowsImage: (image: string) => boolean;
}

const leaseEveryMs = 3_000;
/** Between being bound and being ready, and between being deleted and being gone. */
const workMs = 300;
const size = { cpu: '8', memory: '16Gi', pods: '110' } as const;

/** Registers the nodes and speaks for them until it is disposed; resolves when they take pods. */
export async function startPretendKubelet(
  options: PretendKubeletOptions,
): Promise<AsyncDisposable> {
  const kubelet = new PretendKubelet(options);
  await kubelet.start();
  return kubelet;
}

class PretendKubelet implements AsyncDisposable {
  readonly #options: PretendKubeletOptions;
  readonly #stop = new AbortController();
  readonly #clock: Clock = clockOf(globalThis);
  readonly #working = new Map<string, Promise<void>>();
  #pods: Informer<Pod> | undefined;
  #renewal: Promise<void> = Promise.resolve();
  #addresses = 0;

  constructor(options: PretendKubeletOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { client, nodes } = this.#options;
    const { signal } = this.#stop;
    for (const name of nodes) {
      await this.#renew(name);
      await client.create(nodeResource, nodeObject(name, this.#now()), {}, signal);
    }
    this.#renewal = this.#renewForever();
    const tools = { clock: this.#clock, random: randomOf(globalThis.crypto), log: silentLogger };
    this.#pods = openInformer(client, podResource, {}, tools, signal);
    this.#pods.subscribe({ updated: (pod) => this.#look(pod), deleted: () => undefined });
    await until('the pretended nodes take pods', async () => {
      const list = await client.list(nodeResource, {}, signal);
      return list.items.every(({ spec }) => (spec.taints ?? []).length === 0);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#renewal;
    await Promise.all(this.#working.values());
    await this.#pods?.[Symbol.asyncDispose]();
  }

  #now(): string {
    return timestampOf(this.#clock.nowMs());
  }

  async #renewForever(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for (;;) {
        await this.#clock.sleep(leaseEveryMs, signal);
        for (const name of this.#options.nodes) await this.#renew(name);
      }
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
    }
  }

  async #renew(name: string): Promise<void> {
    const lease = {
      metadata: { name, namespace: 'kube-node-lease' },
      spec: {
        holderIdentity: name,
        leaseDurationSeconds: 40,
        renewTime: microTimestampOf(this.#clock.nowMs()),
      },
    };
    const options = { fieldManager: 'pretend-kubelet', force: true };
    await this.#options.client.apply(leaseResource, lease, options, this.#stop.signal);
  }

  /** One step at a time for each pod; every change of it is looked at after the step before. */
  #look(pod: Pod): void {
    if (!this.#options.nodes.includes(pod.spec.nodeName ?? '')) return;
    const { uid } = pod.metadata;
    const before = this.#working.get(uid) ?? Promise.resolve();
    const step = before
      .then(() => this.#step(pod))
      .catch((error: unknown) => {
        const over = isApiError(error, 'NotFound') || isApiError(error, 'Conflict');
        if (!over && !isAbort(error, this.#stop.signal)) throw error;
      })
      .finally(() => {
        if (this.#working.get(uid) === step) this.#working.delete(uid);
      });
    this.#working.set(uid, step);
  }

  async #step(pod: Pod): Promise<void> {
    const { client } = this.#options;
    const { signal } = this.#stop;
    const { name, namespace = '', uid } = pod.metadata;
    const ref = { name, namespace };
    if (pod.metadata.deletionTimestamp !== undefined) {
      await this.#clock.sleep(workMs, signal);
      const preconditions = { uid };
      await client.delete(podResource, ref, { graceSeconds: 0, preconditions }, signal);
    } else if (pod.status?.startTime === undefined) {
      await this.#clock.sleep(workMs, signal);
      const body = { metadata: { uid }, status: this.#statusOf(pod) };
      const status = { subresource: 'status' } as const;
      await client.patch(podResource, ref, { type: 'merge', body }, status, signal);
    }
  }

  #statusOf(pod: Pod): PodStatus {
    const now = this.#now();
    const images = pod.spec.containers.map(({ image = '' }) => image);
    const runs = images.every(this.#options.knowsImage);
    const held = (type: string, yes: boolean) =>
      ({ type, status: yes ? 'True' : 'False', lastTransitionTime: now }) as const;
    return {
      phase: runs ? 'Running' : 'Pending',
      startTime: now,
      hostIP: '192.0.2.1',
      podIP: `10.244.${this.#addresses >> 8}.${++this.#addresses & 255}`,
      conditions: [
        ...(pod.status?.conditions ?? []).filter(({ type }) => type === 'PodScheduled'),
        held('Initialized', true),
        held('ContainersReady', runs),
        held('Ready', runs),
      ],
      containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
        name,
        image,
        imageID: runs ? `pretended/${image}` : '',
        ready: runs,
        started: runs,
        restartCount: 0,
        state: runs
          ? { running: { startedAt: now } }
          : { waiting: { reason: 'ErrImagePull', message: `pull of "${image}" failed` } },
      })),
    };
  }
}

function nodeObject(name: string, now: string) {
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'Pretended',
    message: '',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  } as const;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: {},
    status: { capacity: size, allocatable: size, conditions: [condition] },
  } as const;
}
