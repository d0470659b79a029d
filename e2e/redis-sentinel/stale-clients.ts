// Clients that know nothing of Sentinels: they stay with one server, and write to it while it stands still and when it goes on.

import { connect, type Socket } from 'node:net';
import { RespCommandWriter, RespError, RespParser } from '@tweendeck/wire';
import { redisPort } from '../support/declared-sentinel.ts';

/** Of each write, in bytes: that many more than its value are the command and the key. */
const valueBytes = 1_000;
/** 64 KiB in the socket of each client: four times what a server reads of one at a time. */
const writesAhead = 64;

class StaleClient {
  /** Of writes that were sent while the server stood still. */
  accepted: number = 0;
  refused: number = 0;
  /** Of writes that were sent after it had answered all of those. */
  acceptedLater: number = 0;
  refusedLater: number = 0;
  readonly #number: number;
  readonly #socket: Socket;
  /** Answers that are to come before it is clear whether a write was accepted. */
  #before = 0;
  #due = 0;
  readonly #closed: Promise<void>;

  constructor(host: string, number: number) {
    this.#number = number;
    this.#socket = connect({ host, port: redisPort, noDelay: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#socket.on('error', () => undefined); // told by its close
    this.#socket.on('close', () => resolve());
  }

  /** Logged in. */
  open(word: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const parser = new RespParser({
      value: (value) => {
        if (this.#before > 0) {
          this.#before--;
          if (value instanceof RespError) reject(new Error(value.message));
          else resolve();
        } else this.#answered(!(value instanceof RespError));
      },
      push: () => undefined,
      fault: (fault) => this.#socket.destroy(new Error(fault)),
    });
    this.#socket.on('data', (chunk: Buffer) => parser.push(chunk));
    this.#before = 1;
    this.#send(['AUTH', word]);
    return promise;
  }

  /** More than a server reads at a time: it lies in the sockets of both. */
  writeAhead(): void {
    this.#due = writesAhead;
    const value = 'x'.repeat(valueBytes);
    const writes = Array.from({ length: writesAhead }, (_, at) => [
      ...['SET', `stale-${this.#number}-${at}`, value],
    ]);
    this.#send(...writes);
  }

  /** Once the server has closed it. */
  closed(): Promise<void> {
    return this.#closed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #answered(isAccepted: boolean): void {
    if (this.#due > 0) {
      this.#due--;
      if (isAccepted) this.accepted++;
      else this.refused++;
    } else if (isAccepted) this.acceptedLater++;
    else this.refusedLater++;
    if (this.#due === 0) this.#send(['SET', `stale-${this.#number}`, 'later']);
  }

  #send(...commands: readonly (readonly string[])[]): void {
    const writer = new RespCommandWriter();
    for (const command of commands) writer.write(command);
    for (const part of writer.take()) this.#socket.write(part);
  }
}

/** What became of the writes of all of them. */
export interface StaleOutcome {
  /** Of those that lay in sockets, of the client that had the most of them accepted. */
  readonly acceptedMax: number;
  readonly accepted: number;
  readonly refused: number;
  readonly acceptedLater: number;
  readonly refusedLater: number;
}

export class StaleClients implements Disposable {
  readonly #clients: readonly StaleClient[];

  private constructor(clients: readonly StaleClient[]) {
    this.#clients = clients;
  }

  static async open(host: string, count: number, word: string): Promise<StaleClients> {
    const clients = Array.from({ length: count }, (_, number) => new StaleClient(host, number));
    const opened = new StaleClients(clients);
    await Promise.all(clients.map((client) => client.open(word)));
    return opened;
  }

  /** Those of one half write what lies in sockets until the server goes on. */
  writeAhead(half: 'first' | 'second'): void {
    for (const client of this.#half(half)) client.writeAhead();
  }

  /** Once the server has closed them all. */
  async closed(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.closed()));
  }

  outcome(half: 'first' | 'second'): StaleOutcome {
    const clients = this.#half(half);
    const sum = (of: (client: StaleClient) => number): number =>
      clients.reduce((all, client) => all + of(client), 0);
    return {
      acceptedMax: Math.max(...clients.map(({ accepted }) => accepted)),
      accepted: sum(({ accepted }) => accepted),
      refused: sum(({ refused }) => refused),
      acceptedLater: sum(({ acceptedLater }) => acceptedLater),
      refusedLater: sum(({ refusedLater }) => refusedLater),
    };
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }

  #half(half: 'first' | 'second'): readonly StaleClient[] {
    const middle = Math.ceil(this.#clients.length / 2);
    return half === 'first' ? this.#clients.slice(0, middle) : this.#clients.slice(middle);
  }
}
