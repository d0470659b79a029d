// One connection to one redis-server, for as long as somebody has something to ask.

import type { Socket } from 'node:net';
import { abortable, isPlatformError, PlatformError } from '@tweendeck/std';
import {
  type RespArgument,
  RespCommandWriter,
  RespError,
  RespParser,
  type RespValue,
} from '@tweendeck/wire';

import { certificateOf, type DialAddress, type Dialled, dial } from './dial.ts';
import { expiringIn } from './expiring.ts';

export type Command = readonly RespArgument[];

export interface RedisAddress extends DialAddress {
  /** Tried in this order where the server asks for one; none when omitted. */
  readonly passwords?: readonly string[];
  /** Who says nothing for so long is left, also while the connection is made; waited for until the signal ends when omitted. */
  readonly silenceMaxMs?: number;
}

/**
 * Asks a server, command by command. Answers that are errors of the server's are thrown as REDIS_COMMAND_FAILED, or as
 * REDIS_COMMAND_LATE where it got to the command too late.
 */
export interface RedisLink extends Disposable {
  /** SHA-256 of what the server showed, where TLS is spoken. */
  readonly certificate?: string | undefined;
  /** The answers in the order of the commands, which reach the server without others of this link between them. */
  ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly RespValue[]>;
}

/** Throws REDIS_AWAY. */
export type OpenLink = (address: RedisAddress, signal: AbortSignal) => Promise<RedisLink>;

/** The one answer to one command. */
export async function askOne(
  link: RedisLink,
  command: Command,
  signal: AbortSignal,
): Promise<RespValue> {
  const [reply = null] = await link.ask([command], signal);
  return reply;
}

/** Over TCP, or TLS on it. */
export const openTcpLink: OpenLink = async (address, signal) => {
  const link = new TcpLink(dial(address), address);
  try {
    await link.opened(signal);
    await logIn(link, address.passwords ?? [], signal);
  } catch (error) {
    link[Symbol.dispose]();
    throw error;
  }
  return link;
};

/** With the first of them that it takes. */
async function logIn(
  link: RedisLink,
  [password, ...others]: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (password === undefined) return;
  try {
    await link.ask([['AUTH', password]], signal);
  } catch (error) {
    const isRefused = isPlatformError(error, 'REDIS_COMMAND_FAILED') && others.length > 0;
    if (!isRefused) throw error;
    await logIn(link, others, signal);
  }
}

interface Due {
  readonly command: Command;
  readonly resolve: (value: RespValue) => void;
  readonly reject: (error: Error) => void;
}

class TcpLink implements RedisLink {
  readonly #socket: Socket;
  readonly #reset: () => void;
  readonly #name: string;
  readonly #due: Due[] = [];
  readonly #open: Promise<void>;
  #fault: PlatformError | undefined;

  constructor(
    { socket, openEvent, reset }: Dialled,
    { host, port, silenceMaxMs = 0 }: RedisAddress,
  ) {
    this.#socket = socket;
    this.#reset = reset;
    this.#name = `${host}:${port}`;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#open = promise;
    promise.catch(() => undefined); // told to whoever asks
    const parser = new RespParser({
      value: (value) => this.#answered(value),
      push: () => undefined,
      fault: (fault) => this.#fail(`what it sends is no answer: ${fault}`),
    });
    socket.on('data', (chunk: Buffer) => parser.push(chunk));
    socket.once(openEvent, () => resolve());
    socket.setTimeout(silenceMaxMs, () => this.#leave(`it said nothing for ${silenceMaxMs} ms`));
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => {
      this.#fail('it closed the connection');
      reject(this.#fault);
    });
  }

  get certificate(): string | undefined {
    return certificateOf(this.#socket);
  }

  opened(signal: AbortSignal): Promise<void> {
    return abortable(this.#open, signal);
  }

  async ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly RespValue[]> {
    signal.throwIfAborted();
    if (this.#fault) throw this.#fault;
    const writer = new RespCommandWriter();
    for (const command of commands) writer.write(command);
    const answers = commands.map((command) => {
      const { promise, resolve, reject } = Promise.withResolvers<RespValue>();
      this.#due.push({ command, resolve, reject });
      return promise;
    });
    for (const part of writer.take()) this.#socket.write(part);
    return abortable(Promise.all(answers), signal);
  }

  [Symbol.dispose](): void {
    this.#leave('it was left');
  }

  /** What was given up is not to get there later. */
  #leave(fact: string): void {
    if (this.#due.length > 0) this.#reset();
    this.#fail(fact);
  }

  #answered(value: RespValue): void {
    const due = this.#due.shift();
    if (due === undefined) this.#fail('it answers what nobody asked');
    else if (value instanceof RespError) due.reject(commandFailed(this.#name, due.command, value));
    else due.resolve(value);
  }

  #fail(fact: string): void {
    this.#fault ??= new PlatformError('REDIS_AWAY', `${this.#name}: ${fact}`, {
      hint: 'Look at the pod of this member and at its log.',
    });
    for (const { reject } of this.#due.splice(0)) reject(this.#fault);
    this.#socket.destroy();
  }
}

/** `server` as `host:port`. */
export function commandFailed(server: string, command: Command, error: RespError): PlatformError {
  const timed = expiringIn(command);
  const [name = ''] = timed?.command ?? command;
  const message = `${server}: ${String(name)}: ${error.message}`;
  if (timed && error.message.startsWith('EXPIRED ')) {
    return new PlatformError('REDIS_COMMAND_LATE', message, {
      hint: 'It was not done, and is decided anew. Look whether the server stands still now and then.',
    });
  }
  return new PlatformError('REDIS_COMMAND_FAILED', message, {
    hint: 'What the server says tells what it lacks.',
  });
}
