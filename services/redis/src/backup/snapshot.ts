// The snapshot that a redis-server gives to whoever follows it: asked for as a replica does (`SYNC`), and read to its end.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { abortable, isPlatformError, PlatformError } from '@tweendeck/std';
import { RespCommandWriter } from '@tweendeck/wire';
import { dial } from '../dial.ts';
import type { RedisAddress } from '../redis-link.ts';
import { RdbScanner } from './rdb-scanner.ts';

/** Without a byte for so long it is given up; while it begins, servers send an empty line every ten seconds. */
const silenceMs = 60_000;
const lineFeed = 0x0a;
const lineBytesMax = 64 * 1_024;

export interface Snapshot {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Once all chunks were taken. */
  readonly keys: () => number;
}

/** Resolves when the server begins to send: what it sends is as it was before. */
export async function openSnapshot(address: RedisAddress, signal: AbortSignal): Promise<Snapshot> {
  const { socket, openEvent } = dial(address);
  const name = `${address.host}:${address.port}`;
  socket.setTimeout(silenceMs, () => socket.destroy(new Error('it sends nothing any more')));
  try {
    await abortable(once(socket, openEvent), signal);
    const incoming = new Incoming(socket, signal);
    await logIn(incoming, socket, address.passwords ?? []);
    // Nothing but the snapshot, and how its end is told where its length is not known before.
    await say(incoming, socket, ['REPLCONF', 'rdb-only', '1']);
    await say(incoming, socket, ['REPLCONF', 'capa', 'eof']);
    write(socket, ['SYNC']);
    const head = await incoming.wordLine();
    const [, mark] = /^\$EOF:(.{40})$/.exec(head) ?? [];
    const [, length] = /^\$(\d+)$/.exec(head) ?? [];
    if (mark === undefined && length === undefined) throw refused(name, head);
    let keys = 0;
    const scanner = new RdbScanner({ entry: () => keys++ }, { keepsValues: false });
    return { chunks: read({ socket, incoming, scanner, mark, name }), keys: () => keys };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw isPlatformError(error) ? error : away(name, error);
  }
}

interface Reading {
  readonly socket: Socket;
  readonly incoming: Incoming;
  readonly scanner: RdbScanner;
  readonly mark: string | undefined;
  readonly name: string;
}

async function* read({
  socket,
  incoming,
  scanner,
  mark,
  name,
}: Reading): AsyncIterable<Uint8Array> {
  try {
    while (!scanner.hasEnded) {
      const chunk = await incoming.chunk();
      const count = scanner.push(chunk);
      if (count < chunk.length) incoming.giveBack(chunk.subarray(count));
      yield chunk.subarray(0, count);
    }
    if (mark === undefined) return;
    const end = await incoming.bytes(mark.length);
    if (end.toString('latin1') !== mark) throw new Error('it does not end as it said it would');
  } catch (error) {
    throw isPlatformError(error) ? error : away(name, error);
  } finally {
    socket.destroy();
  }
}

async function logIn(
  incoming: Incoming,
  socket: Socket,
  [password, ...others]: readonly string[],
): Promise<void> {
  if (password === undefined) return;
  const answer = await say(incoming, socket, ['AUTH', password]);
  if (answer.startsWith('+')) return;
  if (others.length === 0) throw refused('AUTH', answer);
  await logIn(incoming, socket, others);
}

function say(incoming: Incoming, socket: Socket, command: readonly string[]): Promise<string> {
  write(socket, command);
  return incoming.wordLine();
}

function write(socket: Socket, command: readonly string[]): void {
  const writer = new RespCommandWriter();
  writer.write(command);
  for (const part of writer.take()) socket.write(part);
}

/** What comes, in lines first and as it is then. */
class Incoming {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #signal: AbortSignal;
  #left: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, signal: AbortSignal) {
    this.#chunks = socket[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** The next line that says anything. */
  async wordLine(): Promise<string> {
    for (;;) {
      const line = await this.#line();
      if (line !== '') return line;
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#left.indexOf(lineFeed);
      if (end >= 0) {
        const line = this.#left.toString('latin1', 0, end).trimEnd();
        this.#left = this.#left.subarray(end + 1);
        return line;
      }
      if (this.#left.length > lineBytesMax) throw new Error('it sends a line without an end');
      this.#left = Buffer.concat([this.#left, await this.#next()]);
    }
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#left.length < count) this.#left = Buffer.concat([this.#left, await this.#next()]);
    return this.#left.subarray(0, count);
  }

  async chunk(): Promise<Buffer> {
    if (this.#left.length === 0) return this.#next();
    const chunk = this.#left;
    this.#left = Buffer.alloc(0);
    return chunk;
  }

  giveBack(bytes: Buffer): void {
    this.#left = bytes;
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await abortable(this.#chunks.next(), this.#signal);
    if (done) throw new Error('it closed the connection');
    return value;
  }
}

function away(name: string, cause: unknown): PlatformError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PlatformError('REDIS_AWAY', `${name}: while its snapshot was read: ${why}`, {
    cause,
    hint: 'Look at the pod of this member and at its log.',
  });
}

function refused(name: string, answer: string): PlatformError {
  return new PlatformError('REDIS_COMMAND_FAILED', `${name}: ${answer}`, {
    hint: 'What the server says tells what it lacks.',
  });
}
