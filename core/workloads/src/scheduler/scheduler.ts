// Gives every pod a node: one decision at a time over a view that counts decisions at once, bindings side by side.

import type { BackgroundTask, TaskContext } from '@tweendeck/controller';
import {
  isApiError,
  keyOf,
  type Namespace,
  type Node,
  namespaceResource,
  nodeResource,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  podResource,
  refOf,
  replicaSetResource,
  resourcePath,
  serviceResource,
  statefulSetResource,
  storageClassResource,
} from '@tweendeck/kube';
import { abortable, backoffMs, jsonEqual, messageOf, timestampOf } from '@tweendeck/std';
import { podCondition } from '../pod/pod-state.ts';
import { selectedNodeAnnotation } from '../volume/volume-facts.ts';
import { ClusterView } from './cluster.ts';
import { PendingPods } from './pending.ts';
import { planScheduling, type SchedulingTools } from './plan.ts';
import { type StorageView, wantedClaims } from './volume-check.ts';

/** Pods that name another scheduler are not touched. */
export const schedulerName = 'default-scheduler';

/** Writes (bindings, statuses) under way at once. */
const writesMax = 32;
const askDelays = { baseMs: 100, maxMs: 10_000 } as const;

export function scheduler(): BackgroundTask {
  return {
    name: 'default-scheduler',
    run: (context, signal) => new Scheduler(context, signal).run(),
  };
}

class Scheduler {
  readonly #context: TaskContext;
  readonly #signal: AbortSignal;
  readonly #cluster: ClusterView;
  readonly #pending: PendingPods;
  readonly #writes = new Set<Promise<void>>();

  constructor(context: TaskContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.#pending = new PendingPods(context.clock);
    const namespaces = context.informers.informer<Namespace>(namespaceResource);
    this.#cluster = new ClusterView((name) => namespaces.get({ name })?.metadata.labels);
  }

  async run(): Promise<void> {
    const { informers, random } = this.#context;
    using pending = this.#pending;
    const namespaces = informers.informer<Namespace>(namespaceResource);
    const nodes = informers.informer(nodeResource);
    const pods = informers.informer(podResource);
    using _namespaces = namespaces.subscribe({
      updated: (now, before) => this.#namespaceChanged(now, before),
      deleted: () => this.#cluster.namespacesChanged(),
    });
    using _nodes = nodes.subscribe({
      updated: (node, previous) => this.#nodeChanged(node, previous),
      deleted: (node) => this.#cluster.removeNode(node.metadata.name),
    });
    using _pods = pods.subscribe({
      updated: (pod, previous) => this.#podChanged(pod, previous),
      deleted: (pod) => this.#podGone(pod),
    });
    const claims = informers.informer(persistentVolumeClaimResource);
    const volumes = informers.informer(persistentVolumeResource);
    const classes = informers.informer(storageClassResource);
    const claimChanged = ({ metadata }: PersistentVolumeClaim): void =>
      this.#pending.changed(
        (pod) => pod.metadata.namespace === metadata.namespace && wants(pod, metadata.name),
      );
    using _claims = claims.subscribe({ updated: claimChanged, deleted: claimChanged });
    const storageChanged = (): void => this.#pending.changed((pod) => wantedClaims(pod).length > 0);
    using _volumes = volumes.subscribe({ updated: storageChanged, deleted: storageChanged });
    using _classes = classes.subscribe({ updated: storageChanged, deleted: storageChanged });
    const storage: StorageView = {
      claim: (namespace, name) => claims.get({ namespace, name }),
      volumes: () => volumes.list(),
      storageClass: (name) => classes.get({ name }),
    };
    const services = informers.informer(serviceResource);
    const replicaSets = informers.informer(replicaSetResource);
    const statefulSets = informers.informer(statefulSetResource);
    // A decision before everything is known would take room that is taken.
    const selecting = [services, replicaSets, statefulSets];
    const known = [namespaces, nodes, pods, claims, volumes, classes, ...selecting];
    await abortable(Promise.all(known.map(({ synced }) => synced)), this.#signal);
    const tools = {
      namespaceLabels: (name: string) => namespaces.get({ name })?.metadata.labels,
      storage,
      selectors: {
        services: (namespace: string) => services.list({ namespace }),
        replicaSet: (namespace: string, name: string) => replicaSets.get({ namespace, name }),
        statefulSet: (namespace: string, name: string) => statefulSets.get({ namespace, name }),
      },
      integer: (bound: number) => random.integer(bound),
    };
    try {
      await this.#decide(pending, tools);
    } finally {
      await Promise.all(this.#writes); // the signal ends those that wait
    }
  }

  async #decide(pending: PendingPods, tools: SchedulingTools): Promise<void> {
    while (!this.#signal.aborted) {
      const pod = pending.take();
      if (!pod) {
        await abortable(pending.due(), this.#signal);
        continue;
      }
      this.#cluster.dropAssumed(pod.metadata.uid); // its place of before, where it waited for volumes
      const plan = planScheduling(pod, this.#cluster, tools);
      if (plan.fits) {
        this.#cluster.assume(pod, plan.nodeName); // others keep apart from it from now on
        this.#write(() =>
          plan.waiting.length > 0
            ? this.#choose(pod, plan.nodeName, plan.waiting)
            : this.#bind(pod, plan.nodeName),
        );
      } else {
        this.#write(() => this.#refuse(pod, plan.message));
      }
      while (this.#writes.size >= writesMax) await Promise.race(this.#writes);
    }
  }

  #write(run: () => Promise<void>): void {
    const write: Promise<void> = run()
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#context.log.warn('a scheduling write failed', { error });
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  #namespaceChanged({ metadata }: Namespace, previous: Namespace | undefined): void {
    if (jsonEqual(metadata.labels, previous?.metadata.labels)) return;
    this.#cluster.namespacesChanged();
    this.#pending.changed(caresForOthers);
  }

  #nodeChanged(node: Node, previous: Node | undefined): void {
    this.#cluster.setNode(node);
    if (!previous || !jsonEqual(offer(node), offer(previous))) this.#pending.changed();
  }

  #podChanged(pod: Pod, previous: Pod | undefined): void {
    const { uid } = pod.metadata;
    const wasPlaced = this.#cluster.isPlaced(uid);
    this.#cluster.setPod(pod);
    if (isOurs(pod)) {
      if (!wasPlaced) this.#pending.set(pod);
      return;
    }
    this.#pending.delete(uid);
    if (wasPlaced && !this.#cluster.isPlaced(uid)) this.#pending.changed();
    else if (
      !previous?.spec.nodeName ||
      !jsonEqual(pod.metadata.labels, previous.metadata.labels)
    ) {
      this.#pending.changed(caresForOthers);
    }
  }

  #podGone(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#pending.delete(uid);
    if (!this.#cluster.isPlaced(uid)) return;
    this.#cluster.removePod(uid);
    this.#pending.changed();
  }

  /** Tells the claims where their volumes are wanted; once they have them, the pod has its turn again. */
  async #choose(
    pod: Pod,
    nodeName: string,
    claims: readonly PersistentVolumeClaim[],
  ): Promise<void> {
    const { client } = this.#context;
    this.#pending.failed(pod.metadata.uid, { until: 'claims' });
    for (const claim of claims) {
      const { annotations, uid, resourceVersion } = claim.metadata;
      if (annotations?.[selectedNodeAnnotation] === nodeName) continue;
      const chosen = { [selectedNodeAnnotation]: nodeName };
      const body = { metadata: { uid, resourceVersion, annotations: chosen } };
      const patch = { type: 'merge', body } as const; // the literal is the kind of patch
      try {
        await client.patch(persistentVolumeClaimResource, refOf(claim), patch, {}, this.#signal);
      } catch (error) {
        // It has changed, and that change gives the pod its turn.
        if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
      }
    }
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { client } = this.#context;
    const { name, namespace, uid } = pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    try {
      const path = resourcePath(podResource, refOf(pod), 'binding');
      await client.request('POST', path, { body }, this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      await this.#recover(pod, nodeName, error);
      return;
    }
    this.#bound(pod, nodeName);
  }

  #bound(pod: Pod, nodeName: string): void {
    this.#pending.delete(pod.metadata.uid);
    const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`;
    const words = { reason: 'Scheduled', action: 'Binding', message };
    this.#context.record({ about: pod, type: 'Normal', ...words });
  }

  /** Whether a binding took effect only the server knows; until it answers, the room stays taken. */
  async #recover(pod: Pod, nodeName: string, error: unknown): Promise<void> {
    const { uid } = pod.metadata;
    const live = await this.#ask(pod);
    if (live?.metadata.uid !== uid) {
      this.#cluster.dropAssumed(uid);
      this.#pending.delete(uid);
      return;
    }
    if (live.spec.nodeName) {
      this.#cluster.setPod(live);
      this.#bound(live, live.spec.nodeName);
      return;
    }
    this.#cluster.dropAssumed(uid);
    this.#pending.failed(uid, { until: 'later' });
    this.#pending.changed(); // the room is free again
    const message = `binding to ${nodeName} failed: ${messageOf(error)}`;
    this.#tellFailure(pod, message);
  }

  #tellFailure(pod: Pod, message: string): void {
    const words = { reason: 'FailedScheduling', action: 'Scheduling', message };
    this.#context.record({ about: pod, type: 'Warning', ...words });
  }

  async #ask(pod: Pod): Promise<Pod | undefined> {
    const { client, clock, random } = this.#context;
    for (let attempt = 0; ; attempt++) {
      try {
        return await client.get(podResource, refOf(pod), this.#signal);
      } catch {
        await clock.sleep(backoffMs(askDelays, attempt, random), this.#signal);
      }
    }
  }

  /** Says why on the pod, and puts it back to wait. */
  async #refuse(pod: Pod, message: string): Promise<void> {
    const { client, clock } = this.#context;
    const { uid } = pod.metadata;
    this.#pending.failed(uid, { until: 'change' });
    this.#tellFailure(pod, message);
    const known = podCondition(pod, 'PodScheduled');
    if (
      known?.status === 'False' &&
      known.reason === 'Unschedulable' &&
      known.message === message
    ) {
      return;
    }
    const lastTransitionTime =
      known?.status === 'False' && known.lastTransitionTime
        ? known.lastTransitionTime
        : timestampOf(clock.nowMs());
    const { generation: observedGeneration } = pod.metadata;
    const condition = {
      type: 'PodScheduled',
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime,
    };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await client.patch(
        podResource,
        refOf(pod),
        { type: 'strategic', body },
        { subresource: 'status' },
        this.#signal,
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }
}

/** Whether a pod's place depends on which others are placed, not only on the room that they take. */
function caresForOthers({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return Boolean(podAffinity || podAntiAffinity || spec.topologySpreadConstraints?.length);
}

function wants(pod: Pod, claim: string): boolean {
  return wantedClaims(pod).some(({ name }) => name === claim);
}

/** Waits for a node, and for this scheduler to give it one. */
function isOurs(pod: Pod): boolean {
  const { nodeName, schedulingGates = [], schedulerName: wanted = schedulerName } = pod.spec;
  return (
    !nodeName &&
    !pod.metadata.deletionTimestamp &&
    wanted === schedulerName &&
    schedulingGates.length === 0
  );
}

/** What of a node matters to pods that wait; heartbeats do not. */
function offer({ metadata, spec, status }: Node): unknown {
  const { allocatable, capacity } = status ?? {};
  return [metadata.labels, spec, allocatable ?? capacity];
}
