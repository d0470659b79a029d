// A client of the Unity cache protocol: pipelined gets, transactions with a fence, and honest errors.

import type { Socket } from 'node:net';
import { type Clock, onAbort, PlatformError, type Timer } from '@tweendeck/std';
import {
  type UnityCacheFileType,
  UnityCacheReplyParser,
  type UnityCacheReplySink,
  unityCacheBegin,
  unityCacheCommit,
  unityCacheGet,
  unityCacheIdText,
  unityCachePut,
  unityCacheQuit,
} from '@tweendeck/wire';
import { type FarCache, reach, trustFault } from './far-cache.ts';

export interface CacheClientOptions extends FarCache {
  /** Longest silence while an answer is due; default 60 s. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

/** One file to ask for; the id has 32 bytes. */
export interface CacheRequest {
  readonly id: Uint8Array;
  readonly type: UnityCacheFileType;
}

/** Takes one answer as it comes. `part` is called 0 or more times between `start` and `end`, only on a hit. */
export interface CacheReplyTarget {
  start(sizeBytes: number): void;
  /** A promise, which must not reject, asks the connection to read no further until it resolves. */
  part(bytes: Buffer): Promise<void> | undefined;
  /** The last call: whether the file was there, whole. */
  end(outcome: 'hit' | 'miss'): void;
}

/** A file to put: exactly `sizeBytes` in parts. */
export interface CacheFileSource {
  readonly type: UnityCacheFileType;
  readonly sizeBytes: number;
  readonly parts: Iterable<Buffer> | AsyncIterable<Buffer>;
}

interface Pending {
  readonly request: CacheRequest;
  readonly target: CacheReplyTarget;
  readonly settle: () => void;
}

const requestWindow = 256;

/** One connection. Calls may overlap for gets; a transaction is put by one caller at a time. */
export class CacheClient implements Disposable {
  readonly #socket: Socket;
  readonly #options: CacheClientOptions;
  readonly #pending: Pending[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #answered = 0; // of #pending, from its start
  /** Takers of answers that have no room. */
  #held = 0;
  #failure: PlatformError | undefined;
  #closing = false;
  #deadline: Timer | undefined;
  #greeted: (() => void) | undefined;

  private constructor(socket: Socket, options: CacheClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#failed.promise.catch(() => undefined); // whoever waits races against it
    const parser = new UnityCacheReplyParser(this.#replies());
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#watch();
      parser.push(chunk);
    });
    socket.on('error', (cause) =>
      this.#fail('CACHE_CONNECTION_LOST', 'the connection broke', cause),
    );
    socket.on('close', () =>
      this.#fail('CACHE_CONNECTION_LOST', 'the server closed the connection'),
    );
  }

  /**
   * Connects and agrees on the version. Throws CACHE_CONNECT_FAILED, CACHE_VERSION_REFUSED or CACHE_TIMEOUT; with TLS also
   * CACHE_SERVER_UNTRUSTED, CACHE_NOT_ADMITTED and CACHE_TLS_UNUSABLE.
   */
  static async connect(options: CacheClientOptions, signal: AbortSignal): Promise<CacheClient> {
    signal.throwIfAborted();
    const { host, port } = options;
    let secured = false;
    const socket = reach(options, () => {
      secured = true;
      socket.write('000000fe');
    });
    const client = new CacheClient(socket, options);
    using _link = onAbort(signal, () => socket.destroy());
    const greeted = new Promise<void>((resolve) => {
      client.#greeted = resolve;
    });
    client.#watch();
    try {
      await Promise.race([greeted, client.#failed.promise]);
      return client;
    } catch (cause) {
      client[Symbol.dispose]();
      signal.throwIfAborted();
      if (!(cause instanceof PlatformError) || cause.code !== 'CACHE_CONNECTION_LOST') throw cause;
      const untrusted = trustFault(options, cause.cause, { secured });
      if (untrusted !== undefined) throw untrusted;
      throw new PlatformError('CACHE_CONNECT_FAILED', `connecting to ${host}:${port}`, {
        hint: 'Check that a cache server listens there.',
        cause,
      });
    }
  }

  /** Asks for many files, a bounded number on their way at once; `targetOf` gives the receiver of each answer, in order. */
  async getAll<Request extends CacheRequest>(
    requests: Iterable<Request>,
    targetOf: (request: Request) => CacheReplyTarget,
    signal: AbortSignal,
  ): Promise<void> {
    using _link = onAbort(signal, () => this.#socket.destroy());
    const open = new Set<Promise<void>>();
    for (const request of requests) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      open.add(promise);
      this.#pending.push({
        request,
        target: targetOf(request),
        settle: () => {
          open.delete(promise);
          resolve();
        },
      });
      await this.#write(unityCacheGet(request.type, request.id));
      if (open.size >= requestWindow) await this.#orFail(Promise.race(open), signal);
    }
    while (open.size > 0) await this.#orFail(Promise.race(open), signal);
  }

  /** One whole file; undefined when the server does not have it. Holds it in memory. */
  async get(request: CacheRequest, signal: AbortSignal): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let hit = false;
    const target: CacheReplyTarget = {
      start: () => undefined,
      part(bytes) {
        parts.push(Buffer.from(bytes));
        return undefined;
      },
      end: (outcome) => {
        hit = outcome === 'hit';
      },
    };
    await this.getAll([request], () => target, signal);
    return hit ? Buffer.concat(parts) : undefined;
  }

  /**
   * Sends one transaction. The protocol has no acknowledgement: `fence` tells that it was processed, and reading back
   * that it was stored. `check` runs behind the last byte; when it says false the transaction is left uncommitted.
   */
  async put(
    id: Uint8Array,
    files: Iterable<CacheFileSource>,
    signal: AbortSignal,
    check: () => Promise<boolean> = async () => true,
  ): Promise<boolean> {
    using _link = onAbort(signal, () => this.#socket.destroy());
    await this.#write(unityCacheBegin(id));
    for (const { type, sizeBytes, parts } of files) {
      await this.#write(unityCachePut(type, sizeBytes));
      if (!(await this.#sendBody(sizeBytes, parts))) return false;
    }
    if (!(await check())) return false; // the next transaction, or the end, drops this one
    await this.#write(unityCacheCommit());
    return true;
  }

  /** Resolves when the server has processed everything that was sent before. */
  async fence(signal: AbortSignal): Promise<void> {
    await this.get({ id: new Uint8Array(32), type: 'i' }, signal); // zero hashes are never stored
  }

  /** Says goodbye and closes; answers that are still due are lost. */
  quit(): void {
    if (!this.#socket.destroyed) this.#socket.write(unityCacheQuit());
    this[Symbol.dispose]();
  }

  /** Whoever still waits for an answer gets CACHE_CONNECTION_LOST. */
  [Symbol.dispose](): void {
    if (!this.#failure && !this.#closing) {
      this.#failure = failureOf('CACHE_CONNECTION_LOST', 'the connection was closed here');
      this.#failed.reject(this.#failure);
    }
    this.#closing = true;
    this.#deadline?.[Symbol.dispose]();
    this.#socket.destroySoon();
  }

  /** Sends exactly `sizeBytes`; parts that are too few are made up with zeros, and false tells that they did not fit. */
  async #sendBody(sizeBytes: number, parts: CacheFileSource['parts']): Promise<boolean> {
    let left = sizeBytes;
    let fits = true;
    for await (const part of parts) {
      if (part.length > left) fits = false;
      const bytes = part.subarray(0, left);
      left -= bytes.length;
      if (bytes.length > 0) await this.#write(bytes);
      if (!fits) break;
    }
    for (; left > 0; left -= Math.min(left, padding.length)) {
      fits = false;
      await this.#write(padding.subarray(0, left));
    }
    return fits;
  }

  /** Hands bytes to the socket, which sends those of one turn together; waits when it holds too many. */
  async #write(bytes: Buffer): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      setImmediate(() => this.#socket.uncork());
    }
    if (this.#socket.write(bytes)) return;
    this.#socket.uncork();
    if (!this.#socket.writableNeedDrain) return;
    this.#watch();
    const drained = new Promise<void>((resolve) => {
      this.#socket.once('drain', resolve);
    });
    await Promise.race([drained, this.#failed.promise]);
    this.#watch();
  }

  /** Reads no further until whoever takes the answers has room; that is not the server's silence. */
  async #holdBack(room: Promise<void>): Promise<void> {
    this.#held++;
    this.#socket.pause();
    await room;
    this.#held--;
    if (this.#held > 0) return;
    this.#watch();
    this.#socket.resume();
  }

  async #orFail(wait: Promise<void>, signal: AbortSignal): Promise<void> {
    this.#watch();
    try {
      await Promise.race([wait, this.#failed.promise]);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Starts the silence anew: an answer is due, or bytes have to leave. */
  #watch(): void {
    this.#deadline?.[Symbol.dispose]();
    const { clock, timeoutMs = 60_000 } = this.#options;
    if (this.#held > 0) return;
    const due = this.#greeted !== undefined || this.#pending.length > this.#answered;
    if (!due && !this.#socket.writableNeedDrain) return;
    this.#deadline = clock.timer(timeoutMs, () =>
      this.#fail('CACHE_TIMEOUT', `no answer for ${timeoutMs} ms`),
    );
  }

  #fail(code: ClientFailure, message: string, cause?: unknown): void {
    if (this.#failure || this.#closing) return;
    const { host, port } = this.#options;
    this.#failure = failureOf(code, `${host}:${port}: ${message}`, cause);
    this.#deadline?.[Symbol.dispose]();
    this.#socket.destroy();
    this.#failed.reject(this.#failure);
  }

  #replies(): UnityCacheReplySink {
    return {
      version: () => {
        this.#greeted?.();
        this.#greeted = undefined;
      },
      hit: (type, sizeBytes, id) => {
        this.#expected(type, id)?.target.start(sizeBytes);
      },
      body: (part) => {
        const room = this.#pending[this.#answered]?.target.part(part);
        if (room !== undefined) void this.#holdBack(room);
      },
      end: () => this.#settle('hit'),
      miss: (type, id) => {
        if (this.#expected(type, id)) this.#settle('miss');
      },
      fault: (fault) => {
        if (fault === 'reply-malformed') this.#fail('CACHE_REPLY_MALFORMED', 'not a reply');
        else this.#fail('CACHE_VERSION_REFUSED', 'the protocol version was not accepted');
      },
    };
  }

  #expected(type: UnityCacheFileType, id: Buffer): Pending | undefined {
    const pending = this.#pending[this.#answered];
    if (pending && pending.request.type === type && id.equals(pending.request.id)) return pending;
    const what = `${type} of ${unityCacheIdText(id)}`;
    this.#fail('CACHE_REPLY_MALFORMED', `got ${what}, which was not asked for next`);
    return undefined;
  }

  #settle(outcome: 'hit' | 'miss'): void {
    const pending = this.#pending[this.#answered];
    if (pending === undefined || this.#failure) return;
    this.#answered++;
    if (this.#answered > 1_024 && this.#answered * 2 > this.#pending.length) {
      this.#pending.splice(0, this.#answered);
      this.#answered = 0;
    }
    pending.target.end(outcome);
    this.#watch();
    pending.settle();
  }
}

type ClientFailure =
  | 'CACHE_CONNECTION_LOST'
  | 'CACHE_TIMEOUT'
  | 'CACHE_VERSION_REFUSED'
  | 'CACHE_REPLY_MALFORMED';

const padding = Buffer.alloc(65_536);

/** Codes stand literally, so that the check of error codes finds them. */
function failureOf(code: ClientFailure, message: string, cause?: unknown): PlatformError {
  const options = cause === undefined ? {} : { cause };
  switch (code) {
    case 'CACHE_CONNECTION_LOST':
      return new PlatformError('CACHE_CONNECTION_LOST', message, options);
    case 'CACHE_TIMEOUT':
      return new PlatformError('CACHE_TIMEOUT', message, options);
    case 'CACHE_VERSION_REFUSED':
      return new PlatformError('CACHE_VERSION_REFUSED', message, options);
    case 'CACHE_REPLY_MALFORMED':
      return new PlatformError('CACHE_REPLY_MALFORMED', message, options);
  }
}
