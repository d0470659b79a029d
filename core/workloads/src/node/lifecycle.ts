// Watches over the nodes: says when one is silent, taints those in trouble, and tells of their pods that they are not ready.

import type { Informer } from '@tweendeck/client';
import type { BackgroundTask, TaskContext } from '@tweendeck/controller';
import {
  isApiError,
  type KubeObject,
  type Lease,
  leaseResource,
  type Node,
  nodeResource,
  type Pod,
  podResource,
  refOf,
} from '@tweendeck/kube';
import { abortable, type Timer, timestampOf } from '@tweendeck/std';
import { podCondition } from '../pod/pod-state.ts';
import { type Heartbeat, heardFrom, type Patience, planHealth, readyOf } from './health.ts';
import { hasLeavingTaint, leavingKey, missingLabels, plannedTaints } from './taints.ts';
import {
  Allowance,
  type EvictionRates,
  planZones,
  usualRates,
  type ZoneCount,
  type ZoneState,
  zoneOf,
} from './zones.ts';

export interface NodeWatchOptions extends Partial<Patience> {
  readonly rates?: Partial<EvictionRates>;
}

const leaseNamespace = 'kube-node-lease';
const excluded = 'node.kubernetes.io/exclude-disruption';
/** Beyond what events and due times call for. */
const idleMs = 60_000;
const retryMs = 1_000;

/** Nodes are silent after 50 s, and those that never said how they are after 60 s, unless told otherwise. */
export function nodeLifecycle(options: NodeWatchOptions = {}): BackgroundTask {
  return {
    name: 'node-controller',
    run: (context, signal) => new NodeLifecycle(context, options, signal).run(),
  };
}

class NodeLifecycle {
  readonly #context: TaskContext;
  readonly #patience: Patience;
  readonly #rates: EvictionRates;
  readonly #signal: AbortSignal;
  readonly #heartbeats = new Map<string, Heartbeat>();
  readonly #known = new Map<string, Node>();
  #zones: ReadonlyMap<string, ZoneState> = new Map();
  readonly #allowances = new Map<string, Allowance>();
  #wake: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  constructor(
    context: TaskContext,
    { monitorGraceMs = 50_000, startupGraceMs = 60_000, rates = {} }: NodeWatchOptions,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#patience = { monitorGraceMs, startupGraceMs };
    this.#rates = { ...usualRates, ...rates };
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { informers, clock } = this.#context;
    const nodes = informers.informer(nodeResource);
    const leases = informers.informer(leaseResource);
    const pods = informers.informer(podResource);
    await abortable(Promise.all([nodes.synced, leases.synced, pods.synced]), this.#signal);
    const wake = (): void => this.#wake.resolve();
    using _nodes = nodes.subscribe({ updated: wake, deleted: wake });
    using _leases = leases.subscribe({
      updated: ({ metadata }) => metadata.namespace === leaseNamespace && wake(),
      deleted: () => undefined,
    });
    using _pods = pods.subscribe({
      updated: (pod) => this.#isLost(pod, nodes) && wake(),
      deleted: () => undefined,
    });
    while (!this.#signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const waitMs = await this.#pass(nodes.list(), { leases, pods });
      using _timer: Timer = clock.timer(waitMs, wake, { keepAlive: false });
      await abortable(this.#wake.promise, this.#signal);
    }
  }

  #isLost({ spec }: Pod, nodes: Informer<Node>): boolean {
    const node = spec.nodeName ? nodes.get({ name: spec.nodeName }) : undefined;
    return node !== undefined && readyOf(node)?.status === 'Unknown';
  }

  /** @returns when to look again, in milliseconds */
  async #pass(
    nodes: readonly Node[],
    { leases, pods }: { readonly leases: Informer<Lease>; readonly pods: Informer<Pod> },
  ): Promise<number> {
    const { clock } = this.#context;
    this.#notice(nodes);
    const monotonicMs = clock.monotonicMs();
    const now = timestampOf(clock.nowMs());
    let waitMs = idleMs;
    const seen: Node[] = [];
    for (const node of nodes) {
      const { name } = node.metadata;
      const lease = leases.get({ namespace: leaseNamespace, name });
      const heartbeat = heardFrom(node, lease, this.#heartbeats.get(name), monotonicMs);
      this.#heartbeats.set(name, heartbeat);
      const plan = planHealth(node, heartbeat, { patience: this.#patience, monotonicMs, now });
      waitMs = Math.min(waitMs, plan.leftMs ?? idleMs);
      const next = plan.conditions ? await this.#silence(node, plan.conditions) : node;
      if (next) seen.push(next);
      else waitMs = Math.min(waitMs, retryMs);
    }
    const isStopped = this.#weigh(seen, monotonicMs);
    for (const node of seen) {
      const leftMs = await this.#taint(node, { isStopped, monotonicMs, now });
      waitMs = Math.min(waitMs, leftMs);
    }
    if (!(await this.#markPods(seen, pods))) waitMs = Math.min(waitMs, retryMs);
    return Math.max(1, waitMs);
  }

  /** Nodes that came and went. */
  #notice(nodes: readonly Node[]): void {
    const names = new Set(nodes.map(({ metadata }) => metadata.name));
    for (const node of nodes) {
      const { name } = node.metadata;
      if (!this.#known.has(name)) this.#event(node, 'RegisteredNode', `Registered Node ${name} in`);
      this.#known.set(name, node);
    }
    for (const [name, node] of this.#known) {
      if (names.has(name)) continue;
      this.#event(node, 'RemovingNode', `Removing Node ${name} from`);
      this.#known.delete(name);
      this.#heartbeats.delete(name);
    }
  }

  #event(node: Node, reason: string, what: string): void {
    const message = `Node ${node.metadata.name} event: ${what} Controller`;
    this.#context.event('Normal', reason, message, node);
  }

  /** Undefined: it could not be written now. */
  async #silence(
    node: Node,
    conditions: NonNullable<NonNullable<Node['status']>['conditions']>,
  ): Promise<Node | undefined> {
    const { client } = this.#context;
    const { name } = node.metadata;
    const next = { ...node, status: { ...node.status, conditions } };
    const written = await this.#attempt(() =>
      client.update(nodeResource, next, { subresource: 'status' }, this.#signal),
    );
    if (written && readyOf(node)?.status === 'True') {
      const message = `Node ${name} status is now: NodeNotReady`;
      this.#context.event('Normal', 'NodeNotReady', message, node);
    }
    return written;
  }

  /** Works out how fast nodes may be given up. @returns whether none may. */
  #weigh(nodes: readonly Node[], monotonicMs: number): boolean {
    const counts = new Map<string, ZoneCount>();
    for (const node of nodes) {
      if (node.metadata.labels?.[excluded] !== undefined) continue;
      const zone = zoneOf(node);
      const { ready, notReady } = counts.get(zone) ?? { ready: 0, notReady: 0 };
      const isReady = readyOf(node)?.status === 'True';
      counts.set(zone, {
        ready: ready + (isReady ? 1 : 0),
        notReady: notReady + (isReady ? 0 : 1),
      });
    }
    const plan = planZones(counts, this.#zones, this.#rates);
    if (plan.isStopped && [...this.#zones.values()].some((state) => state !== 'full')) {
      this.#context.log.info('no node is ready: no pods are evicted', { nodes: nodes.length });
    }
    if (plan.resumes) {
      for (const [name, { mark }] of this.#heartbeats) {
        this.#heartbeats.set(name, { mark, seenMs: monotonicMs });
      }
    }
    this.#zones = plan.states;
    for (const [zone, rate] of plan.rates) {
      const allowance = this.#allowances.get(zone) ?? new Allowance();
      allowance.setRate(rate, monotonicMs);
      this.#allowances.set(zone, allowance);
    }
    return plan.isStopped;
  }

  /** @returns when it may be given up, where it may not yet */
  async #taint(
    node: Node,
    {
      isStopped,
      monotonicMs,
      now,
    }: {
      readonly isStopped: boolean;
      readonly monotonicMs: number;
      readonly now: string;
    },
  ): Promise<number> {
    const { client } = this.#context;
    const key = leavingKey(node);
    const isLeaving =
      hasLeavingTaint(node, 'node.kubernetes.io/not-ready') ||
      hasLeavingTaint(node, 'node.kubernetes.io/unreachable');
    let leftMs = idleMs;
    let leaving: Parameters<typeof plannedTaints>[1] = 'none';
    if (key && !isStopped) {
      leaving = key;
      if (!isLeaving) {
        leftMs = this.#allowances.get(zoneOf(node))?.take(monotonicMs) ?? 0;
        if (leftMs > 0) leaving = 'keep';
        else leftMs = idleMs;
      }
    }
    const taints = plannedTaints(node, leaving, now);
    const labels = missingLabels(node);
    if (!taints && !labels) return leftMs;
    const { uid, resourceVersion } = node.metadata;
    const metadata = { uid, resourceVersion, ...(labels ? { labels } : {}) };
    const body = { metadata, ...(taints ? { spec: { taints } } : {}) };
    const patch = { type: 'merge', body } as const; // the literal is the kind of patch
    const written = await this.#attempt(() =>
      client.patch(nodeResource, refOf(node), patch, {}, this.#signal),
    );
    return written ? leftMs : Math.min(leftMs, retryMs);
  }

  /** Nobody is there to say it of the pods of a lost node. @returns whether all is said */
  async #markPods(nodes: readonly Node[], pods: Informer<Pod>): Promise<boolean> {
    const lost = new Set(
      nodes
        .filter((node) => readyOf(node)?.status === 'Unknown')
        .map(({ metadata }) => metadata.name),
    );
    if (lost.size === 0) return true;
    const wrong = pods
      .list()
      .filter(
        (pod) => lost.has(pod.spec.nodeName ?? '') && podCondition(pod, 'Ready')?.status === 'True',
      );
    const written = await Promise.all(wrong.map((pod) => this.#markPod(pod)));
    return written.every((pod) => pod !== undefined);
  }

  async #markPod(pod: Pod): Promise<Pod | undefined> {
    const { client, clock } = this.#context;
    const ready = podCondition(pod, 'Ready');
    if (!ready) return pod;
    const lastTransitionTime = timestampOf(clock.nowMs());
    const condition = { ...ready, status: 'False', lastTransitionTime };
    const { uid } = pod.metadata;
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    const patch = { type: 'strategic', body } as const; // the literal is the kind of patch
    const written = await this.#attempt(() =>
      client.patch(podResource, refOf(pod), patch, { subresource: 'status' }, this.#signal),
    );
    if (written) this.#context.event('Warning', 'NodeNotReady', 'Node is not ready', pod);
    return written;
  }

  /** What changed under us is looked at again when its change arrives; other failures are tried again. */
  async #attempt<Obj extends KubeObject>(write: () => Promise<Obj>): Promise<Obj | undefined> {
    try {
      return await write();
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) {
        this.#context.log.warn('a write about a node failed', { error });
      }
      return undefined;
    }
  }
}
