// The whole state in memory, fed by the store's watch; every read is served from here, every write goes through here.

import {
  type Clock,
  isPlatformError,
  type Logger,
  messageOf,
  PlatformError,
  TaskGroup,
} from '@tweendeck/std';
import type { Change, Mutation, Store } from '@tweendeck/store';
import { tooLargeResourceVersion } from './failures.ts';
import { type HistoryLimits, ResourceCache } from './resource-cache.ts';
import { storageRoot as root, splitKey } from './storage-key.ts';

import { Turns } from './turns.ts';

export interface ClusterStateOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long history is kept, in milliseconds. */
  readonly historyMs: number;
  readonly history: HistoryLimits;
}

/** Whether the store takes writes: not while its disk is full, and never again after the disk failed. */
export type StoreHealth = 'well' | 'full' | 'failed';

const reliefMs = 10_000;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const freshnessWaitMs = 3_000; // as upstream: a read of the future waits this long before it fails

export class ClusterState implements AsyncDisposable {
  readonly #options: ClusterStateOptions;
  readonly #resources = new Map<string, ResourceCache>();
  readonly #observers = new Set<() => void>();
  /** Who writes an object takes a turn on its store key. */
  readonly turns: Turns = new Turns();
  readonly #group: TaskGroup;
  readonly #startRevision: number;
  #waiters: Waiter[] = [];
  #revision: number;
  #ended = false;
  #storeHealth: StoreHealth = 'well';
  #relieved: { readonly atMs: number } | undefined;

  private constructor(options: ClusterStateOptions, revision: number) {
    this.#options = options;
    this.#revision = revision;
    this.#startRevision = revision;
    this.#group = new TaskGroup({
      onFailure: (error) => {
        options.log.error('the state follows its store no more', { error });
        this.#end();
      },
    });
  }

  /** Reads everything that is stored, and follows it until disposed. */
  static async open(options: ClusterStateOptions): Promise<ClusterState> {
    const { items, revision } = await options.store.list(root);
    const state = new ClusterState(options, revision);
    for (const { key, value, revision: itemRevision } of items) {
      const [prefix, rest] = splitKey(key);
      state.resource(prefix).load(rest, value, itemRevision);
    }
    state.#group.start((signal) => state.#follow(signal));
    state.#group.start((signal) => state.#forgetInTime(signal));
    return state;
  }

  /** The last revision that reads see. */
  get revision(): number {
    return this.#revision;
  }

  get store(): Store {
    return this.#options.store;
  }

  /** The cache under a storage prefix; empty when nothing was ever stored there. */
  resource(prefix: string): ResourceCache {
    const known = this.#resources.get(prefix);
    if (known) return known;
    const made = new ResourceCache(this.#startRevision, this.#options.history);
    this.#resources.set(prefix, made);
    return made;
  }

  /** What the last write met. */
  get storeHealth(): StoreHealth {
    return this.#storeHealth;
  }

  /** Commits, and returns once reads see it. Fails as the store's commit does. */
  async commit(mutations: readonly Mutation[]): Promise<readonly number[]> {
    const revisions = await this.#commit(mutations);
    await this.#until(Math.max(...revisions));
    return revisions;
  }

  async #commit(mutations: readonly Mutation[]): Promise<readonly number[]> {
    try {
      const revisions = await this.#options.store.commit(mutations);
      // What frees room is written where nothing else is.
      if (this.#storeHealth === 'full' && !mutations.every(isReclaiming)) this.#feels('well');
      return revisions;
    } catch (error) {
      if (isPlatformError(error, 'STORE_FULL')) {
        this.#feels('full');
        this.#relieve();
      } else if (isPlatformError(error, 'STORE_FAILED') || isPlatformError(error, 'STORE_CLOSED')) {
        this.#feels('failed');
      }
      throw error;
    }
  }

  #feels(health: StoreHealth): void {
    if (this.#storeHealth === health) return;
    const { log } = this.#options;
    this.#storeHealth = health;
    if (health === 'well') log.info('the store takes writes again');
    else log.error('the store takes no writes', { health });
  }

  /** Forgets history before its time, for the room it takes; not more often than it could help. */
  #relieve(): void {
    const { store, clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#relieved && nowMs - this.#relieved.atMs < reliefMs) return;
    this.#relieved = { atMs: nowMs };
    this.#group.start(async () => {
      try {
        if (this.#revision > store.compactedRevision) await store.compact(this.#revision);
      } catch (error) {
        log.warn('the full store could not forget its history', { error: messageOf(error) });
      }
    });
  }

  /** Waits for a revision that a client claims to have seen. @throws ApiError Timeout when it does not come within 3 seconds. */
  async untilFresh(revision: number): Promise<void> {
    if (revision <= this.#revision) return;
    const tooLarge = Promise.withResolvers<never>();
    using _timer = this.#options.clock.timer(freshnessWaitMs, () =>
      tooLarge.reject(tooLargeResourceVersion(revision, this.#revision)),
    );
    await Promise.race([this.#until(revision), tooLarge.promise]);
  }

  /** Calls `run` after each batch of changes was taken in. */
  observe(run: () => void): Disposable {
    this.#observers.add(run);
    return { [Symbol.dispose]: () => void this.#observers.delete(run) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
    this.#end();
  }

  /** Nothing new will be seen: whoever waits for it is told, now and later. */
  #end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) waiter.reject(closedError());
    this.#waiters = [];
  }

  #until(revision: number): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve();
    if (this.#ended) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#waiters.push({ revision, resolve, reject });
    });
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const changes of this.#options.store.watch(root, this.#revision, signal)) {
          this.#take(changes);
        }
        if (!signal.aborted) throw new PlatformError('APISERVER_CLOSED', 'the store was closed');
      } catch (error) {
        if (!isPlatformError(error, 'QUEUE_OVERFLOW')) throw error;
        this.#options.log.warn('fell behind the store, reading on from history', {
          revision: this.#revision,
        });
      }
    }
  }

  #take(changes: readonly Change[]): void {
    for (const change of changes) {
      const [prefix, key] = splitKey(change.key);
      this.resource(prefix).apply(key, change);
      this.#revision = change.revision;
    }
    for (const run of this.#observers) run();
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.revision <= this.#revision) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
  }

  /** Every `historyMs` forgets what was already history at the last time, here and in the store. */
  async #forgetInTime(signal: AbortSignal): Promise<void> {
    const { clock, historyMs, store, log } = this.#options;
    for (;;) {
      const revision = this.#revision;
      await clock.sleep(historyMs, signal);
      for (const resource of this.#resources.values()) resource.forget(revision);
      try {
        if (revision > store.compactedRevision) await store.compact(revision);
      } catch (error) {
        log.warn('the store could not forget its history', { error: messageOf(error) });
      }
    }
  }
}

function isReclaiming(mutation: Mutation): boolean {
  return mutation.operation === 'delete' || mutation.reclaims === true;
}

function closedError(): PlatformError {
  return new PlatformError('APISERVER_CLOSED', 'the API server was closed');
}
