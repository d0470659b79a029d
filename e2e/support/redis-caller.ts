// Asks a redis-server, as a client that waits two seconds for an answer.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RespCommandWriter, RespError, RespParser, type RespValue } from '@tweendeck/wire';

const answerMs = 2_000;

/** Whom a client believes, and what it is called. */
export interface CallerTls {
  readonly ca: string;
  readonly servername: string;
}

/** One connection; answers come in the order of the commands. */
export class RedisCaller {
  readonly host: string;
  readonly #socket: Socket;
  #due: PromiseWithResolvers<RespValue>[] = [];
  #gone: Error | undefined;

  constructor(host: string, port: number, tls?: CallerTls) {
    this.host = host;
    const way = { host, port, noDelay: true };
    this.#socket = tls ? connectTls({ ...way, ...tls }) : connect(way);
    const parser = new RespParser({
      value: (value) => this.#due.shift()?.resolve(value),
      push: () => undefined,
      fault: (fault) => this.#end(new Error(fault)),
    });
    this.#socket.on('data', (chunk: Buffer) => parser.push(chunk));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('it closed the connection')));
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /** Whoever refuses it refuses what comes after. */
  logIn(password: string): void {
    this.call('AUTH', password).catch(() => undefined);
  }

  /** Answers that are errors are thrown. */
  async call(...command: readonly string[]): Promise<RespValue> {
    if (this.#gone) throw this.#gone;
    const due = Promise.withResolvers<RespValue>();
    this.#due.push(due);
    const writer = new RespCommandWriter();
    writer.write(command);
    for (const part of writer.take()) this.#socket.write(part);
    const late = setTimeout(() => this.#end(new Error('no answer in time')), answerMs);
    try {
      const answer = await due.promise;
      if (answer instanceof RespError) throw new Error(answer.message);
      return answer;
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#end(new Error('it was left'));
  }

  #end(error: Error): void {
    this.#gone ??= error;
    for (const { reject } of this.#due.splice(0)) reject(error);
    this.#socket.destroy();
  }
}

/** One question, one connection. */
export async function askRedis(
  host: string,
  port: number,
  ...command: readonly string[]
): Promise<RespValue> {
  const caller = new RedisCaller(host, port);
  try {
    return await caller.call(...command);
  } finally {
    caller.close();
  }
}
