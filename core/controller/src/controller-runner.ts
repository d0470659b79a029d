// Runs one controller: turns changes of the caches into keys, keys into passes, and outcomes into the next turn.

import {
  type Client,
  compareResourceVersions,
  type Informer,
  type InformerSet,
  laterResourceVersion,
  type ObjectCache,
} from '@tweendeck/client';
import {
  apiVersionOf,
  controllerOf,
  isApiError,
  type KubeObject,
  keyOf,
  parseApiVersion,
  parseKey,
  type Resource,
  refKey,
} from '@tweendeck/kube';
import {
  abortable,
  assert,
  type Clock,
  isPlatformError,
  type Logger,
  linkedAbort,
  onAbort,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import { AppliedChildren } from './applied-children.ts';
import {
  type Controller,
  type ControllerOptions,
  type Outcome,
  TerminalError,
} from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Metrics } from './metrics.ts';
import { type InformerOf, OwnWrites } from './own-writes.ts';
import { ownerIndex, runPass } from './pass.ts';
import { WorkQueue } from './work-queue.ts';

export interface RunnerOptions {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly recorder: EventRecorder;
}

const concurrencyUsual = 4;
const passTimeoutUsualMs = 60_000;
const resyncUsualMs = 600_000;
/** A controller that asks to be called again at once is called this often at most. */
const requeueMinMs = 50;

/** What is remembered of an object between passes. */
interface Memory {
  /** What the last pass wrote; the next one waits until the caches show it. */
  writes: OwnWrites;
  /** What passes applied. */
  readonly children: AppliedChildren;
  /** Changes up to this resource version are what the last pass saw or did itself. */
  settledVersion: string;
  /** The newest change that came while a pass ran; undefined while none runs. */
  lateVersion: string | undefined;
}

/** One controller at work. Caches are opened at once, passes run in `run`. */
export class ControllerRunner {
  readonly #controller: ControllerOptions<KubeObject>;
  readonly #options: RunnerOptions;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #primary: Informer<KubeObject>;
  readonly #memories = new Map<string, Memory>();
  readonly #withoutStatus = new Set<string>();
  #active = 0;
  readonly #cached: InformerOf = (resource) => this.#informers.get(resourceKey(resource));

  constructor(controller: Controller, options: RunnerOptions) {
    const { clock, metrics } = options;
    this.#controller = controller.options;
    this.#options = options;
    this.#labels = { controller: controller.name };
    this.#log = options.log.with({ controller: controller.name });
    this.#queue = new WorkQueue({ name: controller.name, clock, metrics });
    this.#primary = this.#open(this.#controller.resource, this.#controller.indexes ?? {});
    for (const owned of this.#controller.owns ?? []) this.#open(owned, { [ownerIndex]: ownerUid });
    for (const { resource } of this.#controller.watches ?? []) this.#open(resource, {});
  }

  /** Works until `stop` aborts and the passes under way have ended; `kill` aborts those. */
  async run(stop: AbortSignal, kill: AbortSignal): Promise<void> {
    using _closing = onAbort(stop, () => this.#queue.close());
    using _subscriptions = this.#subscribe();
    const informers = [...this.#informers.values()];
    try {
      await abortable(Promise.all(informers.map((informer) => informer.synced)), stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    const concurrency = this.#controller.concurrency ?? concurrencyUsual;
    const { metrics, clock } = this.#options;
    this.#controller.begin?.({
      ...{ clock, log: this.#log, signal: stop },
      wake: (ref) => this.#queue.add(refKey(ref)),
    });
    metrics.set('controller_runtime_max_concurrent_reconciles', this.#labels, concurrency);
    await Promise.all(Array.from({ length: concurrency }, () => this.#work(kill)));
  }

  #open<Obj extends KubeObject>(
    resource: Resource<Obj>,
    indexes: Readonly<Record<string, (object: Obj) => readonly string[]>>,
  ): Informer<KubeObject> {
    // The map forgets the type; `#informerOf` gives it back to those who name the resource.
    const informer = this.#options.informers.informer(resource, indexes);
    this.#informers.set(resourceKey(resource), informer as unknown as Informer<KubeObject>);
    return informer as unknown as Informer<KubeObject>;
  }

  #informerOf(resource: Resource<KubeObject>): Informer<KubeObject> {
    const informer = this.#informers.get(resourceKey(resource));
    assert(
      informer,
      `controller ${this.#controller.name} reads the cache of ${resource.plural} without declaring it`,
    );
    return informer;
  }

  // ---- changes to keys ----

  #subscribe(): Disposable {
    const subscriptions = new DisposableStack();
    subscriptions.use(
      this.#primary.subscribe({
        updated: (object) => this.#primaryChanged(object),
        deleted: (object) => this.#queue.add(keyOf(object)),
      }),
    );
    for (const owned of this.#controller.owns ?? [])
      subscriptions.use(
        onChange(this.#informerOf(owned), (object) => {
          const key = this.#ownerKey(object);
          if (key !== undefined) this.#queue.add(key);
        }),
      );
    for (const { resource, map } of this.#controller.watches ?? [])
      subscriptions.use(
        onChange(this.#informerOf(resource), (object) => {
          for (const ref of map(object, (other) => this.#cacheOf(other)))
            this.#queue.add(refKey(ref));
        }),
      );
    return subscriptions;
  }

  #cacheOf<Other extends KubeObject>(resource: Resource<Other>): ObjectCache<Other> {
    // Informers are kept by resource, so this one holds objects of `resource`.
    return this.#informerOf(resource) as unknown as ObjectCache<Other>;
  }

  /** A pass is not repeated for what it wrote itself, or a failing one that says so in its status would never back off. */
  #primaryChanged(object: KubeObject): void {
    const key = keyOf(object);
    const memory = this.#memories.get(key);
    const version = object.metadata.resourceVersion;
    if (memory?.lateVersion !== undefined) {
      memory.lateVersion = laterResourceVersion(memory.lateVersion, version);
      return;
    }
    if (memory && compareResourceVersions(version, memory.settledVersion) <= 0) return;
    this.#queue.add(key);
  }

  #ownerKey(child: KubeObject): string | undefined {
    const owner = controllerOf(child);
    const { group, kind, namespaced } = this.#controller.resource;
    if (owner?.kind !== kind || parseApiVersion(owner.apiVersion).group !== group) return undefined;
    const { namespace } = child.metadata;
    return refKey({ name: owner.name, ...(namespaced && namespace ? { namespace } : {}) });
  }

  // ---- keys to passes ----

  async #work(kill: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.#queue.take();
      if (key === undefined) return;
      this.#countActive(1);
      try {
        await this.#turn(key, kill);
      } finally {
        this.#countActive(-1);
        this.#queue.done(key);
      }
    }
  }

  async #turn(key: string, kill: AbortSignal): Promise<void> {
    const { clock, metrics } = this.#options;
    const memory = this.#memoryOf(key);
    const progress = { version: memory.settledVersion };
    const startedMs = clock.monotonicMs();
    using limit = linkedAbort(kill);
    using _timer = this.#limitTime(key, limit);
    memory.lateVersion = '';
    try {
      await memory.writes.seen(this.#options.client, limit.signal);
      const object = this.#primary.get(parseKey(key));
      if (!object) {
        this.#forget(key);
        return;
      }
      progress.version = object.metadata.resourceVersion;
      this.#succeeded(key, await this.#pass(object, { memory, progress }, limit.signal));
    } catch (error) {
      if (!kill.aborted) this.#failed(key, error);
    } finally {
      const seconds = (clock.monotonicMs() - startedMs) / 1_000;
      metrics.observe('controller_runtime_reconcile_time_seconds', this.#labels, seconds);
      this.#settle(key, memory, progress.version);
    }
  }

  async #pass(
    object: KubeObject,
    { memory, progress }: { readonly memory: Memory; readonly progress: { version: string } },
    signal: AbortSignal,
  ): Promise<Outcome> {
    const key = keyOf(object);
    const { client, clock, random, recorder } = this.#options;
    memory.writes = new OwnWrites(this.#cached);
    return runPass(object, {
      controller: this.#controller,
      client: memory.writes.track(client),
      children: memory.children,
      clock,
      random,
      log: this.#log.with({ object: key }),
      recorder,
      attempt: this.#queue.failures(key),
      informerOf: (resource) => this.#informerOf(resource),
      progress,
      withoutStatus: this.#withoutStatus,
      signal,
    });
  }

  /** A pass that does not heed its signal keeps its place: two over one object would be worse than a slow one. */
  #limitTime(key: string, limit: AbortController): Disposable {
    const { clock, metrics } = this.#options;
    const timeoutMs = this.#controller.passTimeoutMs ?? passTimeoutUsualMs;
    return clock.timer(timeoutMs, () => {
      metrics.count('controller_runtime_reconcile_timeouts_total', this.#labels);
      limit.abort(
        new PlatformError(
          'CONTROLLER_PASS_TIMEOUT',
          `${this.#controller.name}: ${key} took longer than ${timeoutMs / 1_000} s`,
        ),
      );
    });
  }

  // ---- outcomes to the next turn ----

  #succeeded(key: string, outcome: Outcome): void {
    this.#queue.succeed(key);
    this.#countResult(outcome ? 'requeue_after' : 'success');
    const { random } = this.#options;
    const resyncMs = (this.#controller.resyncMs ?? resyncUsualMs) * (0.9 + 0.2 * random.next());
    this.#queue.schedule(key, resyncMs);
    if (outcome) this.#queue.schedule(key, Math.max(requeueMinMs, outcome.requeueAfterMs));
  }

  #failed(key: string, error: unknown): void {
    const { metrics } = this.#options;
    const log = this.#log.with({ object: key });
    this.#countResult('error');
    metrics.count('controller_runtime_reconcile_errors_total', this.#labels);
    if (error instanceof TerminalError) {
      metrics.count('controller_runtime_terminal_reconcile_errors_total', this.#labels);
      this.#queue.succeed(key);
      log.error('a pass failed for good; the object has to change', { error });
      return;
    }
    const failures = this.#queue.failures(key) + 1;
    const retryInMs = Math.round(this.#queue.retry(key));
    if (isApiError(error, 'Conflict')) {
      log.debug('the object has changed meanwhile; trying again', { error, retryInMs });
    } else if (isNamespaceGoing(error)) {
      log.debug('the namespace is going, and the object with it', { error, retryInMs });
    } else if (isApiError(error) || isPlatformError(error)) {
      log.warn('a pass failed', { error, failures, retryInMs });
    } else {
      metrics.count('controller_runtime_reconcile_panics_total', this.#labels);
      const stack = error instanceof Error ? error.stack : undefined;
      log.error('a pass failed in a way its author did not foresee', {
        error,
        failures,
        retryInMs,
        stack,
      });
    }
  }

  #settle(key: string, memory: Memory, version: string): void {
    const late = memory.lateVersion;
    memory.lateVersion = undefined;
    memory.settledVersion = version;
    if (late && compareResourceVersions(late, version) > 0) this.#queue.add(key);
  }

  #forget(key: string): void {
    this.#memories.delete(key);
    this.#queue.succeed(key);
    try {
      this.#controller.forget?.(parseKey(key));
    } catch (error) {
      this.#log.error('forgetting an object failed', { error, object: key });
    }
  }

  #memoryOf(key: string): Memory {
    let memory = this.#memories.get(key);
    if (!memory) {
      const writes = new OwnWrites(() => undefined);
      const children = new AppliedChildren(this.#cached);
      memory = { writes, children, settledVersion: '', lateVersion: undefined };
      this.#memories.set(key, memory);
    }
    return memory;
  }

  #countActive(change: number): void {
    this.#active += change;
    const { metrics } = this.#options;
    metrics.set('controller_runtime_active_workers', this.#labels, this.#active);
  }

  #countResult(result: 'success' | 'requeue_after' | 'error'): void {
    const labels = { ...this.#labels, result };
    this.#options.metrics.count('controller_runtime_reconcile_total', labels);
  }
}

/** Calls `run` with the new and the old state of every change. */
function onChange(informer: Informer<KubeObject>, run: (object: KubeObject) => void): Disposable {
  return informer.subscribe({
    updated: (object, previous) => {
      run(object);
      if (previous) run(previous);
    },
    deleted: run,
  });
}

function ownerUid(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return owner ? [owner.uid] : [];
}

function resourceKey(resource: Resource<KubeObject>): string {
  return `${apiVersionOf(resource)}/${resource.plural}`;
}

function isNamespaceGoing(error: unknown): boolean {
  if (!isApiError(error, 'Forbidden')) return false;
  return error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false;
}
