// Two clients that behave as Unity's do. They share no code with the product: each is a second reading of the protocol.

import { connect, type Socket } from 'node:net';

/** The files of one asset. */
export interface UnityFiles {
  readonly a?: Buffer;
  readonly i?: Buffer;
  readonly r?: Buffer;
}

export interface UnityEntry {
  /** 16 bytes. */
  readonly guid: Buffer;
  /** 16 bytes. */
  readonly hash: Buffer;
}

/** Whether both have the same files, to the byte. To be preferred to a deep comparison, which dies of telling large ones apart. */
export function sameFiles(left: UnityFiles, right: UnityFiles): boolean {
  const none = Buffer.alloc(0);
  return (['a', 'i', 'r'] as const).every((type) => {
    const both = left[type] !== undefined && right[type] !== undefined;
    return (both || left[type] === right[type]) && (left[type] ?? none).equals(right[type] ?? none);
  });
}

/** How long a server may say or take nothing. */
const patienceMs = 60_000;

/** Bytes of a socket, asked for by count. */
class ByteReader {
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #length = 0;
  #ended: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const end = (error: Error): void => this.end(error);
    socket.on('data', (chunk: Buffer) => {
      this.#parts.push(chunk);
      this.#length += chunk.length;
      if (this.#length > 4_194_304) socket.pause();
      this.#wake?.();
    });
    socket.on('error', end);
    socket.on('end', () => end(new Error('the server ended the connection')));
    socket.on('close', () => end(new Error('the server closed the connection')));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Nothing more is waited for; the first reason counts. */
  end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }

  async take(count: number): Promise<Buffer> {
    while (this.#length < count) {
      if (this.#ended) throw this.#ended;
      this.#socket.resume();
      await this.#next(`${this.#length} of ${count} bytes`);
    }
    const all =
      this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
    this.#parts = count < all.length ? [all.subarray(count)] : [];
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** Resolves when the socket takes more; throws when it has ended. */
  async drained(): Promise<void> {
    const drained = (): void => this.#wake?.();
    this.#socket.once('drain', drained);
    while (this.#socket.writableNeedDrain && !this.#ended) await this.#next('nothing taken');
    this.#socket.off('drain', drained);
    if (this.#ended) throw this.#ended;
  }

  /** Waits for whatever is next on the socket, but not for ever. */
  async #next(got: string): Promise<void> {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    const who = `${localAddress}:${localPort} with ${remoteAddress}:${remotePort}`;
    const silent = new Error(`nothing happened for ${patienceMs} ms, ${who}: ${got}`);
    const timer = setTimeout(() => this.end(silent), patienceMs);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(timer);
  }
}

interface ConnectOptions {
  /** When it aborts the connection ends at once, as with a program that ends. */
  readonly signal?: AbortSignal;
  /** Which of this machine's addresses it has; undefined: any. */
  readonly localAddress?: string | undefined;
}

async function greet(
  host: string,
  port: number,
  { signal, localAddress }: ConnectOptions = {},
): Promise<{ socket: Socket; reader: ByteReader }> {
  const socket = connect({
    ...{ host, port, noDelay: false },
    ...(signal ? { signal } : {}),
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const reader = new ByteReader(socket);
  socket.write('000000fe');
  const reply = (await reader.take(8)).toString('latin1');
  if (!reply.startsWith('000000f')) throw new Error(`the server answered ${reply}`);
  return { socket, reader };
}

function sizeText(size: number): string {
  return size.toString(16).padStart(16, '0');
}

/** Reads one reply and holds it to what was asked; undefined is a miss. */
async function readReply(
  reader: ByteReader,
  type: string,
  entry: UnityEntry,
): Promise<Buffer | undefined> {
  const kind = (await reader.take(2)).toString('latin1');
  let size = 0;
  if (kind === `+${type}`)
    size = Number.parseInt((await reader.take(16)).toString('latin1'), 16) | 0;
  else if (kind !== `-${type}`) throw new Error(`got ${kind} where ${type} is due`);
  const id = await reader.take(32);
  if (!id.equals(Buffer.concat([entry.guid, entry.hash]))) throw new Error('an id was not echoed');
  return kind.startsWith('+') ? Buffer.from(await reader.take(size)) : undefined;
}

/**
 * The Scriptable Build Pipeline's cache client: Nagle on, three small writes for each get, everything queued at once,
 * strict order, no acknowledgement of uploads, no body for a file of one byte, and `q` with an immediate close.
 */
export class BuildPipelineClient {
  readonly #socket: Socket;
  readonly #reader: ByteReader;

  private constructor(socket: Socket, reader: ByteReader) {
    this.#socket = socket;
    this.#reader = reader;
  }

  static async connect(host: string, port: number): Promise<BuildPipelineClient> {
    const { socket, reader } = await greet(host, port);
    return new BuildPipelineClient(socket, reader);
  }

  /** Asks for the resource and then the info of every entry, all before the first answer is looked at. */
  async download(entries: readonly UnityEntry[]): Promise<UnityFiles[]> {
    for (const { guid, hash } of entries) {
      for (const command of ['gr', 'gi']) {
        this.#socket.write(command);
        this.#socket.write(guid);
        this.#socket.write(hash);
      }
    }
    const answers: UnityFiles[] = [];
    for (const entry of entries) {
      const r = await readReply(this.#reader, 'r', entry);
      const i = await readReply(this.#reader, 'i', entry);
      answers.push({ ...(r && { r }), ...(i && { i }) });
    }
    return answers;
  }

  upload({ guid, hash }: UnityEntry, info: Buffer, resource?: Buffer): void {
    this.#socket.write('ts');
    this.#socket.write(guid);
    this.#socket.write(hash);
    this.#put('pi', info);
    if (resource) this.#put('pr', resource);
    this.#socket.write('te');
  }

  close(): void {
    this.#socket.write('q');
    this.#socket.destroySoon();
  }

  #put(command: string, bytes: Buffer): void {
    this.#socket.write(`${command}${sizeText(bytes.length)}`);
    if (bytes.length > 1) this.#socket.write(bytes); // its copy loop sends nothing for a single byte
  }
}

/** An editor with import pipeline v1: one question at a time, uploads what it had to import itself. */
export class EditorClient {
  readonly #socket: Socket;
  readonly #reader: ByteReader;

  private constructor(socket: Socket, reader: ByteReader) {
    this.#socket = socket;
    this.#reader = reader;
  }

  static async connect(
    host: string,
    port: number,
    options?: ConnectOptions,
  ): Promise<EditorClient> {
    const { socket, reader } = await greet(host, port, options);
    return new EditorClient(socket, reader);
  }

  /** Whether the server has ended the connection, as far as is known. */
  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded || this.#reader.ended;
  }

  /** Asks for asset, info and resource, each after the answer to the one before. */
  async find(entry: UnityEntry): Promise<UnityFiles> {
    const files: { a?: Buffer; i?: Buffer; r?: Buffer } = {};
    for (const type of ['a', 'i', 'r'] as const) {
      this.#socket.write(Buffer.concat([Buffer.from(`g${type}`), entry.guid, entry.hash]));
      const bytes = await readReply(this.#reader, type, entry);
      if (bytes) files[type] = bytes;
    }
    return files;
  }

  /** Uploads in the editor's order, in chunks of 64 KiB. */
  async store(entry: UnityEntry, files: UnityFiles): Promise<void> {
    this.#socket.write(Buffer.concat([Buffer.from('ts'), entry.guid, entry.hash]));
    for (const type of ['a', 'i', 'r'] as const) {
      const bytes = files[type];
      if (bytes === undefined) continue;
      this.#socket.write(`p${type}${sizeText(bytes.length)}`);
      for (let at = 0; at < bytes.length; at += 65_536) {
        if (!this.#socket.write(bytes.subarray(at, at + 65_536))) await this.#reader.drained();
      }
    }
    this.#socket.write('te');
  }

  close(): void {
    this.#socket.write('q');
    this.#socket.destroySoon();
  }
}
