// Data planes on loopback for tests: real sockets and real protocol, values in memory, time as the test says.

import assert from 'node:assert/strict';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { SimClock } from '@tweendeck/sim';
import { type Logger, type Random, seededRandom, silentLogger } from '@tweendeck/std';
import { type CacheServer, startCacheServer } from '../dataplane/cache-server.ts';
import { openCacheStore } from '../dataplane/cache-store.ts';
import type { ListenAddress } from '../dataplane/listen.ts';
import type { ListenerOptions } from '../dataplane/listener.ts';
import { MemoryDisk } from '../dataplane/memory-disk.ts';
import type { ValueStore } from '../dataplane/value-store.ts';

const signal = new AbortController().signal;

/** What all planes of a test share. */
export class TestWorld implements AsyncDisposable {
  readonly clock: SimClock = new SimClock({ random: seededRandom(1) });
  readonly random: Random = seededRandom(2);
  readonly log: Logger = silentLogger;
  readonly #stack = new AsyncDisposableStack();

  /** A store in memory. Its disk may be given, to outlive it. */
  openStore(
    disk: MemoryDisk = new MemoryDisk(),
    {
      storageBytes = 64 * 2 ** 20,
      durability = 'none',
    }: { readonly storageBytes?: number; readonly durability?: 'none' | 'commit' } = {},
  ): Promise<ValueStore> {
    const { clock, random, log } = this;
    const sizes = { storageBytes, memoryBytes: 0 };
    const options = { directory: '/', disk, ...sizes, durability, clock, random, log };
    return openCacheStore(options, signal);
  }

  /** Serves a store, which goes with the plane. Port 0 is any. */
  async serve(store: ValueStore, options: Partial<ListenerOptions> = {}): Promise<TestPlane> {
    const { clock, random, log } = this;
    const listen = [{ host: '127.0.0.1', port: 0, ...options }];
    const namespaces = [{ name: 'test', listen, store }];
    const server = await startCacheServer({ namespaces, clock, random, log }, signal);
    return this.#stack.use(new TestPlane(server, store));
  }

  /** A server that does to each connection what the test says. */
  async serveRaw(
    serve: (socket: Socket) => void,
  ): Promise<ListenAddress & { readonly server: Server }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#stack.defer(async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const { port } = server.address() as AddressInfo; // it listens on TCP
    return { host: '127.0.0.1', port, server };
  }

  /** An address where nobody listens. */
  async nowhere(): Promise<ListenAddress> {
    const { host, port, server } = await this.serveRaw(() => undefined);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return { host, port };
  }

  /**
   * Lets sockets work until the condition holds; simulated time passes in steps of `stepMs`, 0: stands still.
   */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    stepMs = 0,
  ): Promise<void> {
    const deadlineMs = performance.now() + 10_000;
    while (!(await condition())) {
      assert.ok(performance.now() < deadlineMs, `in vain: ${what}`);
      if (stepMs > 0) await this.clock.advance(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A served store. */
export class TestPlane implements AsyncDisposable {
  readonly server: CacheServer;
  readonly store: ValueStore;
  readonly address: ListenAddress;
  #disposed = false;

  constructor(server: CacheServer, store: ValueStore) {
    this.server = server;
    this.store = store;
    const [address] = server.addresses;
    assert.ok(address);
    this.address = { host: address.host, port: address.port };
  }

  /** Transactions that were stored by its clients. */
  get stored(): number {
    return this.server.stats().server.transactions.stored ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.server[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}
