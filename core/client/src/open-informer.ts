// Keeps an informer's cache true: lists once, watches on, and recovers from everything a network or a server does.
//
// A plain list comes first, not a streaming one (`sendInitialEvents`): it works with every server, and the pages keep
// what is in flight small.

import { isApiError, type KubeObject, keyOf, type ObjectRef, type Resource } from '@tweendeck/kube';
import {
  abortable,
  backoffMs,
  type Clock,
  type Logger,
  linkedAbort,
  onAbort,
  PlatformError,
  type Random,
  TaskGroup,
} from '@tweendeck/std';
import type { Client, WatchEvent } from './client.ts';
import type { Informer, InformerHandler, InformerOptions } from './informer.ts';
import { type IndexFunction, ObjectStore } from './object-store.ts';
import { compareResourceVersions, laterResourceVersion } from './resource-version.ts';

export interface InformerTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts to list and watch at once, until disposed or the signal aborts. */
export function openInformer<Obj extends KubeObject>(
  client: Client,
  resource: Resource<Obj>,
  options: InformerOptions<Obj>,
  tools: InformerTools,
  signal: AbortSignal,
): Informer<Obj> {
  return new ListWatchInformer(client, resource, options, tools, signal);
}

const reconnectDelays = { baseMs: 100, maxMs: 30_000 } as const;
/** A connection that lasted this long was a good one: the next failure starts with a short delay again. */
const healthyMs = 10_000;
const watchSecondsMin = 300;
const watchSecondsSpread = 300;
/** How much longer than asked a watch may last before the connection counts as dead. */
const watchGraceMs = 30_000;

/** {@link openInformer}, with what {@link InformerSet} needs beside. */
export class ListWatchInformer<Obj extends KubeObject> implements Informer<Obj> {
  readonly resource: Resource<Obj>;
  readonly synced: Promise<void>;
  readonly #client: Client;
  readonly #options: InformerOptions<Obj>;
  readonly #tools: InformerTools;
  readonly #store = new ObjectStore<Obj>();
  readonly #handlers = new Set<InformerHandler<Obj>>();
  readonly #waiters = new Set<() => void>();
  readonly #tasks = new TaskGroup();
  readonly #link: Disposable;
  readonly #log: Logger;
  readonly #firstList = Promise.withResolvers<void>();
  /** Where a watch goes on from; undefined before the first list and after a 410. */
  #resumeFrom: string | undefined;
  /** The newest resource version that the cache is true of; empty before the first list. */
  #seen = '';
  #troubleSaid = '';
  #hasSynced = false;
  #trouble: Error | undefined;

  constructor(
    client: Client,
    resource: Resource<Obj>,
    options: InformerOptions<Obj>,
    tools: InformerTools,
    signal: AbortSignal,
  ) {
    this.resource = resource;
    this.#client = client;
    this.#options = options;
    this.#tools = tools;
    this.#log = tools.log.with({ resource: resource.plural });
    this.addIndexes(options.indexes ?? {});
    this.synced = this.#firstList.promise;
    this.synced.catch(() => undefined); // who waits for it gets the rejection; who does not need not care
    const stop = new AbortController();
    this.#link = onAbort(signal, (reason) => stop.abort(reason));
    this.#tasks.start(async (ended) => {
      using running = linkedAbort(ended);
      using _ = onAbort(stop.signal, (reason) => running.abort(reason));
      try {
        await this.#run(running.signal);
      } finally {
        this.#firstList.reject(closed(resource));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link[Symbol.dispose]();
    await this.#tasks[Symbol.asyncDispose]();
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get trouble(): Error | undefined {
    return this.#trouble;
  }

  get(ref: ObjectRef): Obj | undefined {
    return this.#store.get(ref);
  }

  list(selection: Parameters<Informer<Obj>['list']>[0] = {}): readonly Obj[] {
    return this.#store.list(selection);
  }

  by(index: string, value: string): readonly Obj[] {
    return this.#store.by(index, value);
  }

  /** Declares further indexes. A name that is taken by another function is a bug. */
  addIndexes(indexes: Readonly<Record<string, IndexFunction<Obj>>>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) this.#store.addIndex(name, valuesOf);
  }

  subscribe(handler: InformerHandler<Obj>): Disposable {
    for (const object of this.#store.values()) this.#tell([handler], object, undefined);
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  atLeast(resourceVersion: string, signal: AbortSignal): Promise<void> {
    return this.until(
      () => this.#seen !== '' && compareResourceVersions(this.#seen, resourceVersion) >= 0,
      signal,
    );
  }

  async until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (holds()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      try {
        if (holds()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    this.#waiters.add(check);
    try {
      await abortable(promise, signal);
    } finally {
      this.#waiters.delete(check);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#tools;
    for (let failures = 0; ; failures++) {
      const startedMs = clock.monotonicMs();
      let askedMs = 0;
      try {
        if (this.#resumeFrom === undefined) await this.#relist(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        askedMs = this.#recoverFrom(error);
      }
      if (signal.aborted) return;
      if (clock.monotonicMs() - startedMs >= healthyMs) failures = 0;
      try {
        await clock.sleep(Math.max(askedMs, backoffMs(reconnectDelays, failures, random)), signal);
      } catch {
        return; // aborted
      }
    }
  }

  /** Decides from where to go on. Gives how long the server asks to wait. */
  #recoverFrom(error: unknown): number {
    const expired = isApiError(error) && (error.code === 410 || isTooLarge(error));
    const refused = isRefusal(error);
    // A resource that was gone or denied may come back as another: its cache is listed anew.
    if (expired || refused) this.#resumeFrom = undefined;
    const trouble = error instanceof Error ? error : new Error(String(error));
    if (refused || (!expired && !this.#hasSynced)) this.#trouble = trouble;
    // Once per kind of trouble; a server that restarts breaks every watch of every controller.
    const level = expired || trouble.message === this.#troubleSaid ? 'debug' : 'warn';
    if (level === 'warn') this.#troubleSaid = trouble.message;
    const hint = isMissingKind(error) ? definitionHint(this.resource) : undefined;
    this.#log[level](this.#wordsFor(error, expired), { error, hint });
    return Math.min(reconnectDelays.maxMs, isApiError(error) ? (error.retryAfterMs ?? 0) : 0);
  }

  #wordsFor(error: unknown, expired: boolean): string {
    if (expired) return 'a watch expired; listing again';
    if (isMissingKind(error)) return 'the API server does not serve this resource; asking again';
    if (isRefusal(error)) return 'the API server refuses to list or watch; asking again';
    return this.#resumeFrom === undefined
      ? 'a list failed; trying again'
      : 'a watch broke; resuming';
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const list = await this.#client.list(this.resource, this.#options, signal);
    const gone = new Set(this.#store.keys());
    const steps: (() => void)[] = [];
    for (const listed of list.items) {
      const object = slim(listed);
      gone.delete(keyOf(object));
      steps.push(...this.#replace(object));
    }
    for (const key of gone) steps.push(...this.#remove(key));
    this.#resumeFrom = list.resourceVersion;
    this.#seen = list.resourceVersion;
    for (const step of steps) step();
    this.#troubleSaid = '';
    this.#trouble = undefined;
    this.#hasSynced = true;
    this.#firstList.resolve();
    this.#wakeWaiters();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#tools;
    const timeoutSeconds = watchSecondsMin + random.integer(watchSecondsSpread + 1);
    using connection = linkedAbort(signal);
    using _deadline = clock.timer(
      timeoutSeconds * 1_000 + watchGraceMs,
      () => connection.abort(new Error('the watch outlived its time limit')),
      { keepAlive: false },
    );
    const { labelSelector, fieldSelector, namespace, metadataOnly } = this.#options;
    const events = this.#client.watch(
      this.resource,
      {
        labelSelector,
        fieldSelector,
        namespace,
        metadataOnly,
        resourceVersion: this.#resumeFrom,
        timeoutSeconds,
      },
      connection.signal,
    );
    for await (const event of events) {
      if (signal.aborted) return;
      this.#take(event);
    }
  }

  #take(event: WatchEvent<Obj>): void {
    this.#troubleSaid = '';
    if (event.type === 'BOOKMARK') {
      this.#advance(event.resourceVersion);
      return;
    }
    const object = slim(event.object);
    const key = keyOf(object);
    const known = this.#store.byKey(key);
    const version = object.metadata.resourceVersion;
    const stale = known && compareResourceVersions(version, known.metadata.resourceVersion) < 0;
    let steps: readonly (() => void)[] = [];
    if (!stale)
      steps = event.type === 'DELETED' ? this.#remove(key, object) : this.#replace(object);
    for (const step of steps) step();
    this.#advance(version);
  }

  #advance(version: string): void {
    this.#resumeFrom = laterResourceVersion(version, this.#resumeFrom ?? '');
    this.#seen = laterResourceVersion(version, this.#seen);
    this.#wakeWaiters();
  }

  /** Puts an object into the cache; gives what to tell the handlers once the cache is whole. */
  #replace(object: Obj): readonly (() => void)[] {
    const previous = this.#store.byKey(keyOf(object));
    const { uid, resourceVersion } = object.metadata;
    if (previous?.metadata.uid === uid && previous.metadata.resourceVersion === resourceVersion)
      return [];
    this.#store.set(object);
    if (previous && previous.metadata.uid !== uid)
      return [
        () => this.#tellDeleted(previous),
        () => this.#tell(this.#handlers, object, undefined),
      ];
    return [() => this.#tell(this.#handlers, object, previous)];
  }

  #remove(key: string, lastKnown?: Obj): readonly (() => void)[] {
    const previous = this.#store.byKey(key);
    if (!previous) return [];
    this.#store.delete(key);
    return [() => this.#tellDeleted(lastKnown ?? previous)];
  }

  #tell(handlers: Iterable<InformerHandler<Obj>>, object: Obj, previous: Obj | undefined): void {
    for (const handler of handlers) this.#guard(() => handler.updated(object, previous));
  }

  #tellDeleted(object: Obj): void {
    for (const handler of this.#handlers) this.#guard(() => handler.deleted(object));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error('a handler of an informer failed', { error });
    }
  }

  #wakeWaiters(): void {
    for (const check of this.#waiters) check();
  }
}

/** The server understood and will not: time alone does not mend it. */
function isRefusal(error: unknown): boolean {
  return isApiError(error) && [401, 403, 404, 405].includes(error.code);
}

function isMissingKind(error: unknown): boolean {
  return isApiError(error) && error.code === 404;
}

function definitionHint(resource: Resource<KubeObject>): string | undefined {
  const { group, plural, version } = resource;
  return group.includes('.') && !group.endsWith('.k8s.io')
    ? `Install the CustomResourceDefinition ${plural}.${group} with version ${version}.`
    : undefined;
}

/** The server does not know the resource version yet: it was restored from a backup, or we speak to a lagging replica. */
function isTooLarge(error: { readonly code: number; readonly message: string }): boolean {
  return error.code === 504 && error.message.includes('Too large resource version');
}

function slim<Obj extends KubeObject>(object: Obj): Obj {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function closed(resource: Resource<KubeObject>): PlatformError {
  return new PlatformError(
    'CLIENT_INFORMER_CLOSED',
    `the informer of ${resource.plural} was closed before its first list`,
  );
}
