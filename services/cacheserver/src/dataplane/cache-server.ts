// Listeners over namespaces: keeps the time limits, changes what may change while it serves, and stops in good order.

import { type Clock, type Logger, onAbort, type Random, type Timer } from '@tweendeck/std';
import { type AccessLog, logsConnection } from './access/access-log.ts';
import type { ConnectionSummary } from './connection.ts';
import { type CleanNow, type ControlOptions, controlReply } from './control.ts';
import type { ClosingReason } from './counters.ts';
import { type HealthServer, startHealthServer } from './health-server.ts';
import { type CacheLimits, defaultCacheLimits } from './limits.ts';
import { addressText, type ListenAddress } from './listen.ts';
import { Listener, type ListenerHost, type ListenerOptions } from './listener.ts';
import { CacheNamespace } from './namespace.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';
import { ReplyBatch } from './reply-batch.ts';
import { type CacheServerStats, type NamespaceParts, sumOf } from './server-stats.ts';
import type { ValueStore } from './value-store.ts';

/** A store, and where it is served. */
export interface ServedNamespace {
  readonly name: string;
  readonly listen: readonly ListenerOptions[];
  /** Stays the caller's: it outlives the server. */
  readonly store: ValueStore;
  /** Cleans it now, and resolves with the report; omitted: nothing cleans. */
  readonly clean?: CleanNow;
  /** Figures of what works beside it. */
  readonly parts?: () => NamespaceParts;
}

/** What can be changed while it serves. */
export interface CacheServerSettings {
  /** What differs from {@link defaultCacheLimits}. */
  readonly limits?: Partial<CacheLimits>;
  /** Which ends of connections are logged; none by default. */
  readonly accessLog?: AccessLog;
  /** Where what clients send is kept; omitted: nowhere. */
  readonly recorder?: RecorderOptions | undefined;
  /** Told in the figures; omitted: nothing is. */
  readonly revision?: string | undefined;
}

export interface CacheServerOptions extends CacheServerSettings {
  readonly namespaces: readonly ServedNamespace[];
  /** Where `/livez`, `/readyz`, `/metrics`, `/stats` and the control are served; omitted: nowhere. */
  readonly health?: ListenAddress | undefined;
  /** What purging and cleaning at the status address asks for, read anew each time; by default nobody may. */
  readonly controlToken?: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Where a namespace that is there is to be served from now on. */
export interface NamespaceListeners {
  readonly name: string;
  readonly listen: readonly ListenerOptions[];
}

export interface CacheServer extends AsyncDisposable {
  /** The addresses in the order of `namespaces` and their `listen`, with the ports that were taken. */
  readonly addresses: readonly ListenAddress[];
  readonly health: ListenAddress | undefined;
  stats(): CacheServerStats;
  /**
   * Serves at these listeners and no others, with their policies. Who is there stays there, and is let go from
   * listeners that are no more once nothing is under way. Changes nothing when it throws CACHE_LISTEN_FAILED or
   * CACHE_TLS_UNUSABLE.
   */
  change(
    namespaces: readonly NamespaceListeners[],
    settings: CacheServerSettings,
    signal: AbortSignal,
  ): Promise<void>;
  /** Tells at `/readyz` that clients should go elsewhere, and serves those who come all the same. */
  leave(): void;
  /** Takes no more connections, lets what is under way finish for up to `deadlineMs`, then cuts the rest. */
  drain(deadlineMs: number): Promise<void>;
}

const batchBytes = 256 * 1_024;
const tickMs = 1_000;
const drainLookMs = 100;
const noAccessLog: AccessLog = { lines: 'off', sample: 1 };

/**
 * Serves the Unity cache protocol until disposed or the signal aborts, which cuts everything at once; call `drain`
 * first to be polite. Listens on all addresses or throws CACHE_LISTEN_FAILED or CACHE_TLS_UNUSABLE and on none.
 */
export async function startCacheServer(
  options: CacheServerOptions,
  signal: AbortSignal,
): Promise<CacheServer> {
  signal.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const core = stack.use(new ServerCore(options));
  await core.change(options.namespaces, options, signal);
  if (options.health) await core.serveHealth(options.health);
  signal.throwIfAborted();
  core.start(signal);
  stack.move();
  return core;
}

class ServerCore implements CacheServer, ListenerHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly batch = new ReplyBatch(batchBytes);
  limits: CacheLimits = defaultCacheLimits;
  recorder: Recorder | undefined;
  readonly #random: Random;
  readonly #namespaces: ReadonlyMap<string, CacheNamespace>;
  readonly #control: ControlOptions;
  #accessLog = noAccessLog;
  #revision: string | undefined;
  #listeners: readonly Listener[] = [];
  /** Listeners that are no more, as long as they have clients. */
  #retired: readonly Listener[] = [];
  #health: HealthServer | undefined;
  #timer: Timer | undefined;
  #abortLink: Disposable | undefined;
  #whenEmpty: (() => void) | undefined;
  #leaving = false;
  #draining = false;

  constructor({ namespaces, controlToken, clock, random, log }: CacheServerOptions) {
    this.clock = clock;
    this.log = log;
    this.#random = random;
    this.#control = {
      namespaces: namespaces.map(({ name, store, clean }) => ({ name, store, clean })),
      token: controlToken ?? (() => undefined),
    };
    this.#namespaces = new Map(
      namespaces.map((served) => [served.name, new CacheNamespace(served)]),
    );
  }

  get addresses(): readonly ListenAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  get health(): ListenAddress | undefined {
    return this.#health?.address;
  }

  async serveHealth(address: ListenAddress): Promise<void> {
    this.#health = await startHealthServer(address, {
      stats: () => this.stats(),
      control: (request, signal) => controlReply(this.#control, request, signal),
    });
  }

  start(signal: AbortSignal): void {
    this.#abortLink = onAbort(signal, () => this.#cut());
    this.#tick();
    const status = this.health === undefined ? undefined : addressText(this.health);
    this.log.info('cache serving', { addresses: this.addresses.map(addressText), status });
  }

  async change(
    namespaces: readonly NamespaceListeners[],
    { limits, accessLog, recorder, revision }: CacheServerSettings,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const before = this.limits;
    this.limits = { ...defaultCacheLimits, ...limits };
    try {
      await this.#changeListeners(namespaces);
    } catch (error) {
      this.limits = before;
      throw error;
    }
    this.#accessLog = accessLog ?? noAccessLog;
    this.#record(recorder);
    this.#revision = revision;
  }

  stats(): CacheServerStats {
    const namespaces = [...this.#namespaces.values()].map(
      (namespace) => [namespace.name, namespace.stats()] as const,
    );
    const [first, ...rest] = namespaces.map(([, stats]) => stats);
    if (first === undefined) throw new Error('a server without namespaces');
    return {
      state: this.#draining ? 'draining' : this.#leaving ? 'leaving' : 'serving',
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
      server: sumOf([first.server, ...rest.map(({ server }) => server)]),
      store: sumOf([first.store, ...rest.map(({ store }) => store)]),
      namespaces: Object.fromEntries(namespaces),
    };
  }

  leave(): void {
    this.#leaving = true;
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#leaving = true;
    await Promise.all(this.#listeners.map((listener) => listener.leave()));
    this.#draining = true;
    using _deadline = this.clock.timer(deadlineMs, () => this.#cut());
    while (this.#size > 0) {
      for (const listener of this.#all) listener.drain();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenEmpty = resolve;
      using _look = this.clock.timer(drainLookMs, resolve);
      if (this.#size > 0) await promise;
    }
  }

  refusal(): ClosingReason | undefined {
    if (this.#draining) return 'drained';
    return this.#size >= this.limits.connectionsMax ? 'too-many-connections' : undefined;
  }

  connectionEnded(namespace: string, summary: ConnectionSummary): void {
    if (!logsConnection(this.#accessLog, summary.reason, this.#random)) return;
    this.log.info('connection ended', { namespace, ...summary });
  }

  empty(): void {
    this.#retired = this.#retired.filter(({ size }) => size > 0);
    if (this.#size === 0) this.#whenEmpty?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut();
    this.#abortLink?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.recorder?.[Symbol.dispose]();
    await this.#health?.[Symbol.asyncDispose]();
  }

  get #all(): readonly Listener[] {
    return [...this.#listeners, ...this.#retired];
  }

  get #size(): number {
    let size = 0;
    for (const listener of this.#listeners) size += listener.size;
    for (const listener of this.#retired) size += listener.size;
    return size;
  }

  /** Opens the new ones first: what fails then leaves everything as it was. */
  async #changeListeners(namespaces: readonly NamespaceListeners[]): Promise<void> {
    const kept: { readonly listener: Listener; readonly options: ListenerOptions }[] = [];
    const opened: Listener[] = [];
    const next: Listener[] = [];
    try {
      for (const { name, listen } of namespaces) {
        const namespace = this.#namespaces.get(name);
        if (namespace === undefined) continue; // the caller told that it cannot come up now
        for (const options of listen) {
          const there = this.#listeners.find((one) => one.is(name, options) && !next.includes(one));
          if (there !== undefined) kept.push({ listener: there, options });
          const listener = there ?? new Listener(this, namespace, options);
          next.push(listener);
          if (there !== undefined) continue;
          opened.push(listener);
          await listener.open();
        }
      }
      const changes = kept.map(({ listener, options }) => listener.prepare(options.policy));
      for (const change of changes) change();
    } catch (error) {
      for (const listener of opened) {
        listener.stop();
        listener.cut('stopped');
      }
      throw error;
    }
    const gone = this.#listeners.filter((listener) => !next.includes(listener));
    this.#listeners = next;
    this.#retired = [...this.#retired, ...gone];
    await Promise.all(gone.map((listener) => listener.leave()));
    // One that was empty may have been forgotten just before its last guests came in.
    this.#retired = [...new Set([...this.#retired, ...gone])].filter(({ size }) => size > 0);
  }

  #record(options: RecorderOptions | undefined): void {
    if (sameOptions(options, this.recorder?.options)) return;
    this.recorder?.[Symbol.dispose]();
    this.recorder = options === undefined ? undefined : Recorder.open(options, this);
  }

  #stopListening(): void {
    this.#draining = true;
    for (const listener of this.#listeners) listener.stop();
  }

  #cut(): void {
    this.#stopListening();
    for (const listener of this.#all) listener.cut('stopped');
  }

  #tick(): void {
    const nowMs = this.clock.monotonicMs();
    for (const listener of this.#all) listener.tick(nowMs);
    for (const listener of this.#retired) listener.drain();
    this.#timer = this.clock.timer(tickMs, () => this.#tick(), { keepAlive: false });
  }
}

function sameOptions(
  left: RecorderOptions | undefined,
  right: RecorderOptions | undefined,
): boolean {
  if (left === undefined || right === undefined) return left === right;
  const { directory, connectionBytesMax, connectionsMax } = left;
  return (
    directory === right.directory &&
    connectionBytesMax === right.connectionBytesMax &&
    connectionsMax === right.connectionsMax
  );
}
