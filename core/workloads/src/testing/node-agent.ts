// A node whose pods do what a test says: they start, become ready, and end, without any process.

import type { Client, InformerSet } from '@tweendeck/client';
import {
  directoryFinalizer,
  type Input,
  isApiError,
  type Lease,
  leaseResource,
  type Node,
  nodeResource,
  type PersistentVolume,
  type Pod,
  persistentVolumeResource,
  podResource,
  refOf,
} from '@tweendeck/kube';
import { type Clock, microTimestampOf, timestampOf } from '@tweendeck/std';

export interface NodeAgentOptions {
  readonly name: string;
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly allocatable?: Readonly<Record<string, string>>;
  /** Whether a started pod becomes ready. Default: always. */
  readonly becomesReady?: (pod: Pod) => boolean;
  /** From the end being asked for to the pod being gone. Default 0. */
  readonly endMs?: number;
  /** What its container exits with a second after it started; undefined: it runs on. Default: runs on. */
  readonly exits?: (pod: Pod) => number | undefined;
}

const heartbeatMs = 10_000;

/** Registers the node and keeps its pods running until the signal aborts. */
export async function runNodeAgent(options: NodeAgentOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, informers } = options;
  await register(options, signal);
  const busy = new Set<string>();
  const addresses = { next: 1 };
  const pods = informers.informer(podResource);
  const handle = (pod: Pod): void => {
    const { uid } = pod.metadata;
    if (pod.spec.nodeName !== options.name || busy.has(uid)) return;
    busy.add(uid);
    serve(pod, { ...options, addresses }, signal)
      .catch((error: unknown) => {
        if (!signal.aborted && !isApiError(error)) throw error;
      })
      .finally(() => {
        busy.delete(uid);
        const now = pods.get(refOf(pod));
        if (now?.metadata.uid === uid && now !== pod) handle(now);
      });
  };
  using _ = pods.subscribe({ updated: handle, deleted: () => undefined });
  const letGo = (volume: PersistentVolume): void => {
    if (volume.metadata.deletionTimestamp && volume.status?.phase !== 'Bound') {
      letVolumeGo(volume, client, signal).catch((error: unknown) => {
        if (!signal.aborted && !isApiError(error)) throw error;
      });
    }
  };
  const volumes = informers.informer(persistentVolumeResource);
  using _volumes = volumes.subscribe({ updated: letGo, deleted: () => undefined });
  for (;;) {
    await clock.sleep(heartbeatMs, signal);
    const spec = { renewTime: microTimestampOf(clock.nowMs()) };
    const ref = { namespace: 'kube-node-lease', name: options.name };
    try {
      await client.patch(leaseResource, ref, { type: 'merge', body: { spec } }, {}, signal);
    } catch {
      signal.throwIfAborted(); // a lost heartbeat is made up for by the next
    }
    for (const pod of pods.list()) handle(pod);
  }
}

/** As if it had removed the directory. */
async function letVolumeGo(
  { metadata }: PersistentVolume,
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid, resourceVersion, finalizers = [] } = metadata;
  const kept = finalizers.filter((each) => each !== directoryFinalizer);
  if (kept.length === finalizers.length) return;
  const body = { metadata: { uid, resourceVersion, finalizers: kept } };
  await client.patch(persistentVolumeResource, { name }, { type: 'merge', body }, {}, signal);
}

async function register(
  { name, client, clock, allocatable }: NodeAgentOptions,
  signal: AbortSignal,
) {
  const now = timestampOf(clock.nowMs());
  const node: Input<Node> = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
  };
  const known = await client.get(nodeResource, { name }, signal);
  const made = known ?? (await client.create(nodeResource, node, {}, signal));
  const room = { cpu: '8', memory: '16Gi', pods: '5000', ...allocatable };
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: '' };
  const conditions = [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }];
  const status = { capacity: room, allocatable: room, conditions };
  const body = { metadata: { uid: made.metadata.uid }, status };
  const patch = { type: 'merge', body } as const; // the literal is the kind of patch
  await client.patch(nodeResource, { name }, patch, { subresource: 'status' }, signal);
  if (known) return;
  const lease: Input<Lease> = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, renewTime: microTimestampOf(clock.nowMs()) },
  };
  await client.create(leaseResource, lease, {}, signal);
}

const runMs = 1_000;

async function writeEnd(
  pod: Pod,
  exitCode: number,
  { client, clock }: NodeAgentOptions,
  signal: AbortSignal,
): Promise<void> {
  const now = timestampOf(clock.nowMs());
  const terminated = { exitCode, finishedAt: now, reason: exitCode === 0 ? 'Completed' : 'Error' };
  const name = pod.spec.containers[0]?.name ?? '';
  const status = {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: now }],
    containerStatuses: [
      { name, image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } },
    ],
  };
  const body = { metadata: { uid: pod.metadata.uid }, status };
  const patch = { type: 'strategic', body } as const; // the literal is the kind of patch
  await client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, signal);
}

async function serve(
  pod: Pod,
  options: NodeAgentOptions & { readonly addresses: { next: number } },
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, addresses, becomesReady = () => true, endMs = 0 } = options;
  if (pod.metadata.deletionTimestamp) {
    if (endMs > 0) await clock.sleep(endMs, signal);
    const preconditions = { uid: pod.metadata.uid };
    await client.delete(podResource, refOf(pod), { graceSeconds: 0, preconditions }, signal);
    return;
  }
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return;
  const exitCode = options.exits?.(pod);
  if (exitCode !== undefined && phase === 'Running') {
    await clock.sleep(runMs, signal);
    await writeEnd(pod, exitCode, options, signal);
    return;
  }
  const ready = becomesReady(pod);
  const known = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (pod.status?.phase === 'Running' && (known === 'True') === ready) return;
  const now = timestampOf(clock.nowMs());
  const number = addresses.next++;
  const podIP = pod.status?.podIP ?? `127.1.${number >> 8}.${number & 255}`;
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now }];
  const body = {
    metadata: { uid: pod.metadata.uid },
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], startTime: now, conditions },
  };
  const patch = { type: 'strategic', body } as const; // the literal is the kind of patch
  await client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, signal);
}
