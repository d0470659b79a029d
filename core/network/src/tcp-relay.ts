// Takes connections on addresses of Services, and passes bytes to and from whoever is ready behind them.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, type Logger, messageOf } from '@tweendeck/std';
import type { Listener, Target } from './relay-plan.ts';

/** Connections of one address at once; more are refused. */
const connectionsMax = 4_096;
/** A target that does not answer for so long is passed over. */
const connectMs = 3_000;

interface Door {
  readonly server: Server;
  readonly connections: Set<Socket>;
  targets: readonly Target[];
  next: number;
}

/** Doors are kept by address; each belongs to one owner, a Service. */
export class TcpRelay implements AsyncDisposable {
  readonly #doors = new Map<string, Door>();
  readonly #ownerOf = new Map<string, string>();
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Opens and closes doors so that these are the owner's. New connections go to the new targets; those that are there
   * stay with theirs. Gives why addresses could not be taken; calling it again tries again.
   */
  async set(owner: string, listeners: readonly Listener[]): Promise<readonly string[]> {
    const wanted = new Map(listeners.map((listener) => [keyOf(listener), listener]));
    const failures: string[] = [];
    for (const [key, holder] of [...this.#ownerOf])
      if (holder === owner && !wanted.has(key)) await this.#close(key);
    for (const [key, listener] of wanted) {
      const door = this.#doors.get(key);
      if (door && this.#ownerOf.get(key) === owner) door.targets = listener.targets;
      else if (door) failures.push(`${key}: it belongs to ${this.#ownerOf.get(key)}`);
      else {
        const failure = await this.#open(owner, listener);
        if (failure !== undefined) failures.push(`${key}: ${failure}`);
      }
    }
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#doors.keys()].map((key) => this.#close(key)));
  }

  async #open(owner: string, listener: Listener): Promise<string | undefined> {
    const { host, port, targets } = listener;
    const connections = new Set<Socket>();
    // A side that has said all still hears the other one.
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    const door: Door = { server, connections, targets, next: 0 };
    server.maxConnections = connectionsMax;
    server.on('connection', (client) => this.#pass(client, door));
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    server.once('error', (error) => resolve(messageOf(error)));
    server.listen({ host, port }, () => resolve(undefined));
    const failure = await promise;
    if (failure !== undefined) return failure;
    server.on('error', (error) => this.#log.warn('relay', { address: keyOf(listener), error }));
    this.#doors.set(keyOf(listener), door);
    this.#ownerOf.set(keyOf(listener), owner);
    return undefined;
  }

  async #close(key: string): Promise<void> {
    const door = this.#doors.get(key);
    this.#doors.delete(key);
    this.#ownerOf.delete(key);
    if (!door) return;
    const closed = new Promise<void>((resolve) => door.server.close(() => resolve()));
    for (const socket of door.connections) socket.destroy();
    await closed;
  }

  /** To the next target that takes it; clients of none are refused. */
  #pass(client: Socket, door: Door): void {
    door.connections.add(client);
    client.once('close', () => door.connections.delete(client));
    client.on('error', () => client.destroy());
    const targets = door.targets.map(
      (_, index) => door.targets[(door.next + index) % door.targets.length],
    );
    door.next = (door.next + 1) % Math.max(1, door.targets.length);
    let upstream: Socket | undefined;
    client.once('close', () => upstream?.destroy());
    const attempt = ([target, ...others]: readonly (Target | undefined)[]): void => {
      if (target === undefined || client.destroyed) {
        client.resetAndDestroy();
        return;
      }
      const next = connect({ ...target, allowHalfOpen: true, noDelay: true });
      upstream = next;
      const limit = this.#clock.timer(connectMs, () => next.destroy(new Error('too slow')));
      let connected = false;
      next.once('connect', () => {
        connected = true;
        limit[Symbol.dispose]();
        client.pipe(next);
        next.pipe(client);
      });
      next.on('error', () => next.destroy());
      next.once('close', () => {
        limit[Symbol.dispose]();
        if (connected) client.destroySoon();
        else attempt(others);
      });
    };
    attempt(targets);
  }
}

function keyOf({ host, port }: Target): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
