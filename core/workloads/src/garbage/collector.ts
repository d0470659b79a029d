// Deletes what has lost all its owners, and finishes foreground and orphaning deletions. Decides on live reads only.

import {
  type BackgroundTask,
  createMetrics,
  type TaskContext,
  WorkQueue,
} from '@tweendeck/controller';
import {
  groupResourceOf,
  isApiError,
  type KubeObject,
  type OwnerReference,
  parseApiVersion,
} from '@tweendeck/kube';
import { onAbort, TaskGroup } from '@tweendeck/std';
import type { DiscoveredResource } from '../discovery.ts';
import {
  type Attention,
  foregroundFinalizer,
  type GraphNode,
  OwnerGraph,
  orphanFinalizer,
} from './graph.ts';
import { Monitors } from './monitors.ts';
import { type FoundOwner, type OwnerState, planGarbage } from './plan.ts';

const workers = 8;
/** When an owner's kind is not known, or an owner is there but not yet in the graph. */
const askAgainMs = 30_000;
/** Owners that are known to be gone; a uid never comes back. */
const absentMax = 1_000;
/** Discovery before the first pass is tried again this often. */
const firstDiscoveryMs = 1_000;

/** Garbage collection over everything the server serves, custom resources included. */
export function garbageCollector(): BackgroundTask {
  return {
    name: 'garbage-collector-controller',
    run: (context, signal) => new Collector(context, signal).run(),
  };
}

class Collector {
  readonly #context: TaskContext;
  readonly #signal: AbortSignal;
  readonly #graph = new OwnerGraph();
  readonly #monitors: Monitors;
  readonly #queue: WorkQueue;
  /** Owners by all that a reference says of them, the first found first. */
  readonly #absent = new Set<string>();

  constructor(context: TaskContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    const name = 'garbage-collector';
    this.#queue = new WorkQueue({ name, clock: context.clock, metrics: createMetrics() });
    this.#monitors = new Monitors(
      context,
      {
        updated: (resource, object) => this.#attend(this.#graph.observe(resource, object)),
        deleted: (object) => this.#attend(this.#graph.forget(object.metadata.uid)),
        closed: (resource) => this.#closed(resource),
      },
      signal,
    );
  }

  async run(): Promise<void> {
    await using monitors = this.#monitors;
    using _closing = onAbort(this.#signal, () => this.#queue.close());
    await monitors.refresh();
    while (!monitors.find('', 'Namespace')) {
      await this.#context.clock.sleep(firstDiscoveryMs, this.#signal);
      await monitors.refresh();
    }
    await using tasks = new TaskGroup();
    tasks.start(() => monitors.follow());
    for (let count = 0; count < workers; count++) tasks.start(() => this.#work());
    await tasks.join();
  }

  #attend({ look, orphan, misplaced }: Attention): void {
    for (const uid of [...look, ...orphan]) this.#queue.add(uid);
    for (const { uid, owner } of misplaced) this.#tellMisplaced(uid, owner);
  }

  #tellMisplaced(uid: string, owner: OwnerReference): void {
    const node = this.#graph.get(uid);
    if (!node) return;
    const text = `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${node.ref.namespace ?? ''}, name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace "${node.ref.namespace ?? ''}"`;
    this.#context.event('Warning', 'OwnerRefInvalidNamespace', text, aboutOf(node));
  }

  #closed(resource: DiscoveredResource): void {
    for (const uid of this.#graph.ofResource(groupResourceOf(resource), groupResourceOf)) {
      this.#attend(this.#graph.forget(uid));
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const uid = await this.#queue.take();
      if (uid === undefined) return;
      try {
        // A decision about dependents needs all of them in the graph.
        await this.#monitors.synced();
        await this.#consider(uid);
        this.#queue.succeed(uid);
      } catch (error) {
        if (this.#signal.aborted) return;
        const retryInMs = Math.round(this.#queue.retry(uid));
        const level = isApiError(error, 'Conflict') ? 'debug' : 'warn';
        this.#context.log[level]('garbage collection of an object failed', {
          uid,
          error,
          retryInMs,
        });
      } finally {
        this.#queue.done(uid);
      }
    }
  }

  async #consider(uid: string): Promise<void> {
    const node = this.#graph.get(uid);
    // After a start every object is looked at whose owner was listed later than it.
    if (!node || this.#graph.isSettled(node)) return;
    const { client } = this.#context;
    const live = await client.get(node.resource, node.ref, this.#signal);
    if (live?.metadata.uid !== uid) {
      this.#attend(this.#graph.forget(uid));
      return;
    }
    const { deletionTimestamp, finalizers = [] } = live.metadata;
    if (deletionTimestamp) {
      if (finalizers.includes(orphanFinalizer)) await this.#orphan(node, live);
      else if (finalizers.includes(foregroundFinalizer)) await this.#foreground(node, live);
      return;
    }
    await this.#collect(node, live);
  }

  /** Lets go of the dependents, then of the object. */
  async #orphan(node: GraphNode, live: KubeObject): Promise<void> {
    const { client } = this.#context;
    for (const dependent of this.#graph.dependentsOf(node.uid)) {
      const present = await client.get(dependent.resource, dependent.ref, this.#signal);
      if (present?.metadata.uid !== dependent.uid) continue;
      const owners = present.metadata.ownerReferences ?? [];
      const keep = owners.filter(({ uid }) => uid !== node.uid);
      if (keep.length === owners.length) continue;
      await this.#patch(dependent, present, { ownerReferences: keep });
    }
    await this.#dropFinalizer(node, live, orphanFinalizer);
  }

  /** Asks the dependents to go; when none that blocks is left, lets the object go. */
  async #foreground(node: GraphNode, live: KubeObject): Promise<void> {
    const blockers = this.#graph.blockersOf(node.uid);
    if (blockers.length === 0) {
      await this.#dropFinalizer(node, live, foregroundFinalizer);
      return;
    }
    for (const dependent of this.#graph.dependentsOf(node.uid)) {
      if (!dependent.isDeleting) this.#queue.add(dependent.uid);
    }
  }

  async #collect(node: GraphNode, live: KubeObject): Promise<void> {
    const references = live.metadata.ownerReferences ?? [];
    const owners: FoundOwner[] = [];
    for (const reference of references) {
      owners.push({ reference, state: await this.#stateOf(reference, node) });
    }
    const dependents = this.#graph.dependentsOf(node.uid);
    const plan = planGarbage({
      metadata: live.metadata,
      owners,
      hasDependents: dependents.length > 0,
      hasForegroundDependents: dependents.some(({ isForeground }) => isForeground),
    });
    switch (plan.step) {
      case 'keep': {
        // An owner that is not in the graph would go without a sign.
        const unseen = references.some(({ uid }) => !this.#graph.get(uid));
        const impossible = owners.some(({ state }) => state === 'impossible');
        if (unseen && !impossible) this.#queue.schedule(node.uid, askAgainMs);
        return;
      }
      case 'wait':
        this.#queue.schedule(node.uid, askAgainMs);
        return;
      case 'drop-references':
        await this.#patch(node, live, { ownerReferences: plan.keep });
        return;
      case 'delete':
        await this.#delete(node, live, plan);
        return;
    }
  }

  async #delete(
    node: GraphNode,
    live: KubeObject,
    plan: {
      readonly propagation: 'Background' | 'Foreground' | 'Orphan';
      readonly unblock: boolean;
    },
  ): Promise<void> {
    const { client, log } = this.#context;
    let { uid, resourceVersion } = live.metadata;
    if (plan.unblock) {
      const references = live.metadata.ownerReferences ?? [];
      const ownerReferences = references.map((each) => ({ ...each, blockOwnerDeletion: false }));
      ({ uid, resourceVersion } = (await this.#patch(node, live, { ownerReferences })).metadata);
    }
    const options = { propagation: plan.propagation, preconditions: { uid, resourceVersion } };
    await client.delete(node.resource, node.ref, options, this.#signal);
    log.debug('deleted an object whose owners are gone', { kind: node.resource.kind, ...node.ref });
  }

  async #stateOf(reference: OwnerReference, node: GraphNode): Promise<OwnerState> {
    const { client } = this.#context;
    const { group } = parseApiVersion(reference.apiVersion);
    const resource = this.#monitors.find(group, reference.kind);
    if (!resource) return 'unknown';
    const { namespace } = node.ref;
    if (resource.namespaced && namespace === undefined) {
      this.#tellMisplaced(node.uid, reference);
      return 'impossible';
    }
    const key = `${resource.namespaced ? namespace : ''}/${reference.uid}`;
    if (this.#absent.has(key)) return 'absent';
    const ref = {
      name: reference.name,
      ...(resource.namespaced && namespace ? { namespace } : {}),
    };
    const owner = await client.get(resource, ref, this.#signal);
    if (owner?.metadata.uid !== reference.uid) {
      this.#noteAbsent(key);
      return 'absent';
    }
    const { deletionTimestamp, finalizers = [] } = owner.metadata;
    return deletionTimestamp && finalizers.includes(foregroundFinalizer) ? 'waiting' : 'present';
  }

  #noteAbsent(key: string): void {
    this.#absent.add(key);
    for (const oldest of this.#absent) {
      if (this.#absent.size <= absentMax) return;
      this.#absent.delete(oldest);
    }
  }

  async #dropFinalizer(node: GraphNode, live: KubeObject, finalizer: string): Promise<void> {
    const finalizers = (live.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    await this.#patch(node, live, { finalizers });
  }

  /** Holds only for the state that was read. */
  #patch(
    node: GraphNode,
    live: KubeObject,
    change: Readonly<Record<string, unknown>>,
  ): Promise<KubeObject> {
    const { uid, resourceVersion } = live.metadata;
    const body = { metadata: { uid, resourceVersion, ...change } };
    const { client } = this.#context;
    return client.patch(node.resource, node.ref, { type: 'merge', body }, {}, this.#signal);
  }
}

/** As much of an object as an event needs. */
function aboutOf({ resource, ref, uid }: GraphNode): KubeObject {
  const { group, version, kind } = resource;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const metadata = { ...ref, uid, resourceVersion: '', creationTimestamp: '' };
  return { apiVersion, kind, metadata };
}
