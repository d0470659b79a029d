// One address on which one namespace is served: takes clients in, asks who they are, and knows those that are there.

import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Logger } from '@tweendeck/std';
import { parseAddress } from './access/address.ts';
import { Gate, type GateHost, needsGate } from './access/gate.ts';
import { type ClientIdentity, type ListenerPolicy, openPolicy } from './access/policy.ts';
import { TlsDoor } from './access/tls-door.ts';
import { Connection, type ConnectionHost, type ConnectionSummary } from './connection.ts';
import type { ClosingReason, Counters } from './counters.ts';
import type { Latencies } from './latencies.ts';
import type { CacheLimits } from './limits.ts';
import { addressText, type ListenAddress, listenOn } from './listen.ts';
import type { CacheNamespace } from './namespace.ts';
import type { Recorder, Recording } from './recorder.ts';
import type { ReplyBatch } from './reply-batch.ts';
import type { ValueStore } from './value-store.ts';

/** An address, and what is asked there; omitted: nothing. */
export interface ListenerOptions extends ListenAddress {
  readonly policy?: ListenerPolicy;
}

/** What listeners share. */
export interface ListenerHost {
  readonly limits: CacheLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly batch: ReplyBatch;
  readonly recorder: Recorder | undefined;
  /** Why a further client is not taken. */
  refusal(): ClosingReason | undefined;
  /** Told for each connection at its end. */
  connectionEnded(namespace: string, summary: ConnectionSummary): void;
  /** Told when a listener's last client went. */
  empty(): void;
}

const keepAliveInitialDelay = 60_000;

export class Listener implements ConnectionHost, GateHost {
  readonly namespace: CacheNamespace;
  /** As it was asked for: port 0 stays 0. */
  readonly asked: ListenAddress;
  /** With the port that was taken. */
  address: ListenAddress;
  readonly #host: ListenerHost;
  readonly #guests = new Set<Gate | Connection>();
  #policy: ListenerPolicy;
  #door: TlsDoor | undefined;
  #server: Server | undefined;

  /** Throws CACHE_TLS_UNUSABLE. */
  constructor(
    host: ListenerHost,
    namespace: CacheNamespace,
    { policy = openPolicy, ...address }: ListenerOptions,
  ) {
    this.#host = host;
    this.namespace = namespace;
    this.asked = address;
    this.address = address;
    this.#policy = policy;
    this.#door = this.#doorOf(policy);
  }

  get policy(): ListenerPolicy {
    return this.#policy;
  }

  get store(): ValueStore {
    return this.namespace.store;
  }

  get counters(): Counters {
    return this.namespace.counters;
  }

  get latencies(): Latencies {
    return this.namespace.latencies;
  }

  get limits(): CacheLimits {
    return this.#host.limits;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get log(): Logger {
    return this.#host.log;
  }

  get batch(): ReplyBatch {
    return this.#host.batch;
  }

  get size(): number {
    return this.#guests.size;
  }

  /** Whether it is the listener of this name and address. */
  is(namespace: string, address: ListenAddress): boolean {
    const same = addressText(this.asked) === addressText(address);
    const shared = (this.asked.reusePort ?? false) === (address.reusePort ?? false);
    return same && shared && this.namespace.name === namespace;
  }

  /** Throws CACHE_LISTEN_FAILED. */
  async open(): Promise<void> {
    // Who is gone without a word is noticed by the kernel, not only when there is something to send.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay };
    const server = createServer(options, (socket) => this.#accept(socket));
    const port = await listenOn(server, this.asked);
    this.#server = server;
    this.address = { ...this.asked, port };
  }

  /**
   * Makes ready what is asked from now on, of new clients all of it, of those that are there who may put; it counts
   * when the result is called. Throws CACHE_TLS_UNUSABLE.
   */
  prepare(policy: ListenerPolicy = openPolicy): () => void {
    const door = this.#doorOf(policy);
    return () => {
      this.#door = door;
      this.#policy = policy;
    };
  }

  /** Takes nobody in any more. */
  stop(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** As {@link stop}, but those at the door come in first: closing it would reset them. */
  async leave(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.stop();
  }

  cut(reason: ClosingReason): void {
    for (const guest of [...this.#guests]) guest.close(reason);
  }

  /** Lets those go who have nothing under way; to be called again and again. */
  drain(): void {
    for (const guest of [...this.#guests]) guest.drain();
  }

  tick(nowMs: number): void {
    for (const guest of [...this.#guests]) guest.tick(nowMs);
  }

  admitted(gate: Gate, socket: Socket, client: ClientIdentity): void {
    this.#guests.delete(gate);
    this.#guests.add(new Connection(socket, this, client));
    socket.resume();
  }

  refused(gate: Gate, reason: ClosingReason): void {
    this.counters.closed(reason);
    const client = gate.clientText;
    const nothing = { seconds: 0, receivedBytes: 0, sentBytes: 0, gets: 0, hits: 0, puts: 0 };
    this.#host.connectionEnded(this.namespace.name, {
      client,
      token: undefined,
      reason,
      ...nothing,
    });
    this.#left(gate);
  }

  ended(connection: Connection, summary: ConnectionSummary): void {
    this.#host.connectionEnded(this.namespace.name, summary);
    this.#left(connection);
  }

  used(client: string, use: { readonly bytes: number; readonly requests: number }): void {
    this.namespace.topClients.add(client, use);
  }

  record(client: string): Recording | undefined {
    return this.#host.recorder?.begin(this.namespace.name, client);
  }

  #accept(socket: Socket): void {
    const { counters } = this;
    counters.connectionsOpened++;
    const refusal = this.#host.refusal();
    if (refusal !== undefined) {
      counters.closed(refusal);
      socket.destroy();
      return;
    }
    counters.connectionsOpen++;
    if (needsGate(this.#policy)) {
      const gate = new Gate(socket, this, { policy: this.#policy, door: this.#door });
      this.#guests.add(gate);
      gate.start();
      return;
    }
    const address = parseAddress(socket.remoteAddress ?? '');
    const client = { address, certificateNames: [], token: undefined };
    this.#guests.add(new Connection(socket, this, client));
  }

  #left(guest: Gate | Connection): void {
    if (!this.#guests.delete(guest)) return;
    this.counters.connectionsOpen--;
    if (this.#guests.size === 0) this.#host.empty();
  }

  #doorOf({ tls }: ListenerPolicy): TlsDoor | undefined {
    return tls === undefined ? undefined : new TlsDoor(tls, this.#host.limits.handshakeTimeoutMs);
  }
}
