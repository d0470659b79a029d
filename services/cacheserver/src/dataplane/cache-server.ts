// Listens, accepts, keeps the time limits, and stops in good order.

import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, type Logger, onAbort, type Random, type Timer } from '@tweendeck/std';
import { Connection, type ConnectionHost } from './connection.ts';
import { Counters } from './counters.ts';
import { type HealthServer, startHealthServer } from './health-server.ts';
import { type CacheLimits, defaultCacheLimits } from './limits.ts';
import { addressText, type ListenAddress, listenOn } from './listen.ts';
import { ReplyBatch } from './reply-batch.ts';
import type { CacheServerStats } from './server-stats.ts';
import type { ValueStore } from './value-store.ts';

export interface CacheServerOptions {
  readonly listen: readonly ListenAddress[];
  /** Stays the caller's: it outlives the server. */
  readonly store: ValueStore;
  /** What differs from {@link defaultCacheLimits}. */
  readonly limits?: Partial<CacheLimits>;
  /** Where `/livez`, `/readyz`, `/metrics` and `/stats` are served; omitted: nowhere. */
  readonly health?: ListenAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface CacheServer extends AsyncDisposable {
  /** The addresses in the order of `listen`, with the ports that were taken. */
  readonly addresses: readonly ListenAddress[];
  readonly health: ListenAddress | undefined;
  stats(): CacheServerStats;
  /** Tells at `/readyz` that clients should go elsewhere, and serves those who come all the same. */
  leave(): void;
  /** Takes no more connections, lets what is under way finish for up to `deadlineMs`, then cuts the rest. */
  drain(deadlineMs: number): Promise<void>;
}

const batchBytes = 256 * 1_024;
const tickMs = 1_000;
const drainLookMs = 100;

/**
 * Serves the Unity cache protocol until disposed or the signal aborts, which cuts everything at once; call `drain`
 * first to be polite. Listens on all addresses or throws CACHE_LISTEN_FAILED and on none.
 */
export async function startCacheServer(
  options: CacheServerOptions,
  signal: AbortSignal,
): Promise<CacheServer> {
  signal.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const core = stack.use(new ServerCore(options));
  for (const address of options.listen) await core.listen(address);
  if (options.health) await core.serveHealth(options.health);
  signal.throwIfAborted();
  core.start(signal);
  stack.move();
  return core;
}

class ServerCore implements CacheServer, ConnectionHost {
  readonly addresses: ListenAddress[] = [];
  readonly store: ValueStore;
  readonly limits: CacheLimits;
  readonly counters = new Counters();
  readonly clock: Clock;
  readonly log: Logger;
  readonly batch = new ReplyBatch(batchBytes);
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  #health: HealthServer | undefined;
  #timer: Timer | undefined;
  #abortLink: Disposable | undefined;
  #whenEmpty: (() => void) | undefined;
  #leaving = false;
  #draining = false;

  constructor(options: CacheServerOptions) {
    this.store = options.store;
    this.limits = { ...defaultCacheLimits, ...options.limits };
    this.clock = options.clock;
    this.log = options.log;
  }

  get health(): ListenAddress | undefined {
    return this.#health?.address;
  }

  async listen(address: ListenAddress): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    const port = await listenOn(server, address);
    this.#servers.push(server);
    this.addresses.push({ ...address, port });
  }

  async serveHealth(address: ListenAddress): Promise<void> {
    this.#health = await startHealthServer(address, () => this.stats());
  }

  start(signal: AbortSignal): void {
    this.#abortLink = onAbort(signal, () => this.#cut());
    this.#tick();
    this.log.info('cache serving', { addresses: this.addresses.map(addressText) });
  }

  stats(): CacheServerStats {
    return {
      state: this.#draining ? 'draining' : this.#leaving ? 'leaving' : 'serving',
      server: this.counters.values(),
      store: this.store.stats(),
    };
  }

  leave(): void {
    this.#leaving = true;
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#leaving = true;
    await new Promise<void>((resolve) => setImmediate(resolve)); // those at the door come in: closing it would reset them
    this.#stopListening();
    using _deadline = this.clock.timer(deadlineMs, () => this.#cut());
    while (this.#connections.size > 0) {
      for (const connection of [...this.#connections]) connection.drain();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenEmpty = resolve;
      using _look = this.clock.timer(drainLookMs, resolve);
      if (this.#connections.size > 0) await promise;
    }
  }

  ended(connection: Connection): void {
    this.#connections.delete(connection);
    this.counters.connectionsOpen = this.#connections.size;
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut();
    this.#abortLink?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.#health?.[Symbol.asyncDispose]();
  }

  #accept(socket: Socket): void {
    this.counters.connectionsOpened++;
    if (this.#draining || this.#connections.size >= this.limits.connectionsMax) {
      this.counters.closed(this.#draining ? 'drained' : 'too-many-connections');
      socket.destroy();
      return;
    }
    this.#connections.add(new Connection(socket, this));
    this.counters.connectionsOpen = this.#connections.size;
  }

  #stopListening(): void {
    this.#draining = true;
    for (const server of this.#servers.splice(0)) server.close();
  }

  #cut(): void {
    this.#stopListening();
    for (const connection of [...this.#connections]) connection.close('stopped');
  }

  #tick(): void {
    const nowMs = this.clock.monotonicMs();
    for (const connection of [...this.#connections]) connection.tick(nowMs);
    this.#timer = this.clock.timer(tickMs, () => this.#tick(), { keepAlive: false });
  }
}
