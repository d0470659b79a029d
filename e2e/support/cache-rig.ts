// A data plane on a real directory and real sockets, and raw connections to it.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CacheLimits,
  type CacheServer,
  type CacheStore,
  type ListenerPolicy,
  openCacheStore,
  openPolicy,
  startCacheServer,
} from '@tweendeck/cacheserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';

export interface CacheRig extends AsyncDisposable {
  readonly port: number;
  readonly healthPort: number;
  readonly directory: string;
  readonly server: CacheServer;
  readonly store: CacheStore;
  /** How often this reason ended a connection. */
  closings(reason: string): number;
  /** Resolves when the condition holds; fails after 10 s. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Fails unless nothing of ended connections is left: descriptors, uploads, files. */
  assertNothingLeft(): Promise<void>;
}

export async function startCacheRig(
  limits: Partial<CacheLimits> = {},
  storage: { readonly storageBytes?: number; readonly memoryBytes?: number } = {},
  policy: ListenerPolicy = openPolicy,
): Promise<CacheRig> {
  const directory = mkdtempSync(join(tmpdir(), 'cache-rig-'));
  const ambient = {
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
  };
  const signal = new AbortController().signal;
  const { storageBytes = 256 * 1_048_576, memoryBytes = 16 * 1_048_576 } = storage;
  const store = await openCacheStore({ directory, storageBytes, memoryBytes, ...ambient }, signal);
  const local = { host: '127.0.0.1', port: 0 };
  const server = await startCacheServer(
    {
      namespaces: [{ name: 'default', store, listen: [{ ...local, policy }] }],
      health: local,
      limits,
      ...ambient,
    },
    signal,
  );
  const rig: CacheRig = {
    port: server.addresses[0]?.port ?? 0,
    healthPort: server.health?.port ?? 0,
    directory,
    server,
    store,
    closings: (reason) => new Map(Object.entries(server.stats().server.closings)).get(reason) ?? 0,
    async until(what, condition) {
      const deadlineMs = ambient.clock.monotonicMs() + 10_000;
      while (!condition()) {
        assert.ok(ambient.clock.monotonicMs() < deadlineMs, `waited in vain for: ${what}`);
        await ambient.clock.sleep(2, signal);
      }
    },
    async assertNothingLeft() {
      await rig.until('no connection', () => server.stats().server.connectionsOpen === 0);
      await rig.until('no upload', () => store.stats().uploadBytes === 0);
      await rig.until('no deleted file is open', () =>
        openPaths().every((path) => !path.includes(directory) || !path.endsWith('(deleted)')),
      );
      const onDisk = readdirSync(directory).filter((name) => name.endsWith('.single')).length;
      assert.ok(onDisk <= store.stats().segments, 'a file of an upload stayed');
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
  return rig;
}

/** What this process has open. */
function openPaths(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return []; // the one that listed them
    }
  });
}

/** A connection that says exactly what it is told. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.closed = true;
      this.#wake?.();
    };
    this.socket.on('error', end);
    this.socket.on('end', end);
    this.socket.on('close', end);
  }

  static async open(port: number): Promise<RawConnection> {
    const options = { host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true };
    const connection = new RawConnection(connect(options));
    await new Promise<void>((resolve) => connection.socket.once('connect', resolve));
    return connection;
  }

  /** Over a socket that is connected. */
  static over(socket: Socket): RawConnection {
    return new RawConnection(socket);
  }

  /** Sends each packet by itself, as far as the kernel lets. */
  async send(...packets: readonly (string | Buffer)[]): Promise<void> {
    for (const packet of packets) {
      if (this.socket.destroyed) return;
      this.socket.write(typeof packet === 'string' ? Buffer.from(packet, 'latin1') : packet);
      if (packets.length > 1) await new Promise(setImmediate);
    }
  }

  /** Waits for so many bytes of answer; fails when the connection ends before. */
  async expect(bytes: number): Promise<Buffer> {
    while (this.received.length < bytes) {
      assert.ok(!this.closed, `closed after ${this.received.length} of ${bytes} bytes`);
      await this.#more();
    }
    const answer = this.received.subarray(0, bytes);
    this.received = this.received.subarray(bytes);
    return answer;
  }

  /** Waits until the server ends the connection; what came last is in `received`. */
  async untilClosed(): Promise<Buffer> {
    while (!this.closed) await this.#more();
    this.socket.destroy();
    return this.received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
