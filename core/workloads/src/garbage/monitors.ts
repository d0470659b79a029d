// One watch over the metadata of every resource that is served, opened and closed as kinds come and go.

import { type Informer, openInformer } from '@tweendeck/client';
import type { TaskContext } from '@tweendeck/controller';
import {
  customResourceDefinitionResource,
  groupResourceOf,
  type KubeObject,
} from '@tweendeck/kube';
import { abortable } from '@tweendeck/std';
import { type DiscoveredResource, discoverResources } from '../discovery.ts';

export interface MonitorHandler {
  readonly updated: (resource: DiscoveredResource, object: KubeObject) => void;
  readonly deleted: (object: KubeObject) => void;
  /** The resource is no longer served. */
  readonly closed: (resource: DiscoveredResource) => void;
}

interface Monitor {
  readonly resource: DiscoveredResource;
  readonly informer: Informer<KubeObject>;
}

/** Events own nothing and are owned by nothing, and there are many. */
const unwatched = new Set(['events', 'events.events.k8s.io']);

/** Changes of definitions come in bursts. */
const settleMs = 200;
/** Discovery is repeated this often even when no definition changed. */
const rediscoverMs = 300_000;

export class Monitors implements AsyncDisposable {
  readonly #context: TaskContext;
  readonly #handler: MonitorHandler;
  readonly #signal: AbortSignal;
  readonly #monitors = new Map<string, Monitor>();
  #resources: readonly DiscoveredResource[] = [];

  constructor(context: TaskContext, handler: MonitorHandler, signal: AbortSignal) {
    this.#context = context;
    this.#handler = handler;
    this.#signal = signal;
  }

  /** The resource of a kind, whatever version a reference names; undefined when none is known. */
  find(group: string, kind: string): DiscoveredResource | undefined {
    return this.#resources.find((each) => each.group === group && each.kind === kind);
  }

  /** Settles when every monitor has its first list. */
  async synced(): Promise<void> {
    for (;;) {
      const monitors = [...this.#monitors.values()];
      await Promise.all(monitors.map(({ informer }) => informer.synced));
      if (monitors.length === this.#monitors.size) return;
    }
  }

  /** Keeps the monitors in step with what is served until the signal aborts. */
  async follow(): Promise<void> {
    const { clock, informers } = this.#context;
    let changed = Promise.withResolvers<void>();
    using _ = informers.informer(customResourceDefinitionResource).subscribe({
      updated: () => changed.resolve(),
      deleted: () => changed.resolve(),
    });
    for (;;) {
      using _timer = clock.timer(rediscoverMs, () => changed.resolve());
      await abortable(changed.promise, this.#signal);
      changed = Promise.withResolvers<void>();
      await clock.sleep(settleMs, this.#signal);
      await this.refresh();
    }
  }

  /** Discovers again. What could not be read stays as it is. */
  async refresh(): Promise<void> {
    const { client, log } = this.#context;
    try {
      const { resources, failures } = await discoverResources(client, this.#signal);
      const unread = this.#resources.filter((each) => failures.has(versionOf(each)));
      this.#resources = [...resources, ...unread];
    } catch (error) {
      this.#signal.throwIfAborted();
      log.warn('what the server serves could not be discovered', { error });
      return;
    }
    await this.#adjust();
  }

  async #adjust(): Promise<void> {
    const wanted = new Map(this.#resources.filter(isWatchable).map((each) => [keyOf(each), each]));
    for (const [key, monitor] of this.#monitors) {
      if (wanted.has(key)) continue;
      this.#monitors.delete(key);
      await monitor.informer[Symbol.asyncDispose]();
      this.#handler.closed(monitor.resource);
    }
    for (const [key, resource] of wanted) if (!this.#monitors.has(key)) this.#open(key, resource);
  }

  #open(key: string, resource: DiscoveredResource): void {
    const { client, clock, random, log } = this.#context;
    const tools = { clock, random, log };
    const informer = openInformer(client, resource, { metadataOnly: true }, tools, this.#signal);
    informer.subscribe({
      updated: (object) => this.#handler.updated(resource, object),
      deleted: (object) => this.#handler.deleted(object),
    });
    this.#monitors.set(key, { resource, informer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const monitors = [...this.#monitors.values()];
    await Promise.all(monitors.map(({ informer }) => informer[Symbol.asyncDispose]()));
  }
}

function isWatchable(resource: DiscoveredResource): boolean {
  const needed = ['list', 'watch', 'delete'];
  return (
    needed.every((verb) => resource.verbs.has(verb)) && !unwatched.has(groupResourceOf(resource))
  );
}

function keyOf(resource: DiscoveredResource): string {
  return groupResourceOf(resource);
}

function versionOf({ group, version }: DiscoveredResource): string {
  return group === '' ? version : `${group}/${version}`;
}
