// One connection to a Redis-protocol server: commands behind one another, answers in their order, and what happens when
// the server is away, silent or slow.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  backoffMs,
  type Clock,
  type Logger,
  messageOf,
  PlatformError,
  type Random,
  type Timer,
} from '@tweendeck/std';
import {
  defaultRespLimits,
  type RespArgument,
  RespCommandWriter,
  RespError,
  RespParser,
  type RespValue,
} from '@tweendeck/wire';
import { addressText } from '../dataplane/listen.ts';
import type { RedisConnectionSettings } from './redis-settings.ts';

export type RedisCommand = readonly RespArgument[];

interface RedisAmbience {
  readonly clock: Clock;
  readonly random: Pick<Random, 'next'>;
  readonly log: Logger;
}

/** Commands that were handed over together, and what is answered to them so far. */
interface Expected {
  readonly replies: RespValue[];
  readonly count: number;
  readonly sinceMs: number;
  readonly resolve: (replies: readonly RespValue[]) => void;
  readonly reject: (error: PlatformError) => void;
}

/** `paused`: it fails, and is tried again after a while. */
export type RedisState = 'idle' | 'connecting' | 'ready' | 'paused' | 'closed';

export interface RedisClientStats {
  readonly address: string;
  readonly state: RedisState;
  /** Commands whose answers are due. */
  readonly waiting: number;
  readonly connects: number;
  readonly failures: number;
  readonly lastFailure: string;
}

/** However steadily answers come: one that is due for so many time limits is waited for no longer. */
const patience = 10;
const awayHint = 'Look at the server and at its address; it is tried again by itself.';

/**
 * Connects when first used and again by itself after failures. What was handed over when a connection ends is not sent
 * again: nobody knows what became of it.
 */
export class RedisClient implements Disposable {
  readonly #settings: RedisConnectionSettings;
  readonly #ambience: RedisAmbience;
  readonly #name: string;
  readonly #writer = new RespCommandWriter();
  #expected: Expected[] = [];
  /** The first that is not answered yet; what stands before it is cut off now and then. */
  #first = 0;
  #commands = 0;
  #state: RedisState = 'idle';
  #socket: Socket | undefined;
  #flushing = false;
  #silence: Timer | undefined;
  #lastReceivedMs = 0;
  #pause: Timer | undefined;
  /** In a row. */
  #failuresNow = 0;
  #failures = 0;
  #connects = 0;
  #lastFailure = '';

  constructor(settings: RedisConnectionSettings, ambience: RedisAmbience) {
    this.#settings = settings;
    this.#ambience = ambience;
    this.#name = addressText(settings.address);
  }

  /** Whether commands are worth a try: false from a failure until the server has let us in again. */
  get usable(): boolean {
    if (this.#state === 'connecting') return this.#failuresNow === 0;
    return this.#state !== 'paused' && this.#state !== 'closed';
  }

  /** Bytes that the server has not taken yet. */
  get queuedBytes(): number {
    return this.#writer.bytes + (this.#socket?.writableLength ?? 0);
  }

  /** The answer to one command, which may be an error of the server's. Rejects as `pipeline` does. */
  async call(command: RedisCommand): Promise<RespValue> {
    const [reply = null] = await this.pipeline([command]);
    return reply;
  }

  /**
   * The answers to commands that reach the server without others between them. The parts must not change meanwhile.
   * Rejects with CACHE_REDIS_AWAY, CACHE_REDIS_TIMEOUT, CACHE_REDIS_BUSY, CACHE_REDIS_REFUSED or CACHE_REDIS_MALFORMED.
   */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly RespValue[]> {
    if (!this.usable) return Promise.reject(this.#away(this.#lastFailure));
    const { commandsMax, queuedBytesMax } = this.#settings;
    if (this.#commands + commands.length > commandsMax || this.queuedBytes > queuedBytesMax) {
      return Promise.reject(
        new PlatformError('CACHE_REDIS_BUSY', `${this.#commands} commands wait for ${this.#name}`, {
          hint: 'The server or the way to it is too slow for what is asked of it.',
        }),
      );
    }
    for (const command of commands) this.#writer.write(command);
    const answer = this.#expect(commands.length);
    if (this.#state === 'idle') this.#connect();
    else if (this.#state === 'ready') this.#flushSoon();
    return answer;
  }

  stats(): RedisClientStats {
    return {
      address: this.#name,
      state: this.#state,
      waiting: this.#commands,
      connects: this.#connects,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    };
  }

  /** Ends the connection; what is due rejects with CACHE_REDIS_AWAY. */
  [Symbol.dispose](): void {
    this.#state = 'closed';
    this.#pause?.[Symbol.dispose]();
    this.#drop(this.#away('the client is closed'));
  }

  #expect(count: number): Promise<readonly RespValue[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly RespValue[]>();
    const sinceMs = this.#ambience.clock.monotonicMs();
    this.#expected.push({ replies: [], count, sinceMs, resolve, reject });
    this.#commands += count;
    this.#watchSilence();
    return promise;
  }

  /** All that was written in this turn leaves together. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#state === 'ready') this.#flush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.cork();
    for (const part of this.#writer.take()) socket.write(part);
    socket.uncork();
  }

  // The connection.

  #connect(): void {
    this.#state = 'connecting';
    const { address, tls, connectTimeoutMs } = this.#settings;
    const { host, port } = address;
    let socket: Socket;
    try {
      socket =
        tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls() });
    } catch (error) {
      this.#fail(this.#away(messageOf(error), error)); // files of certificates that cannot be read
      return;
    }
    this.#socket = socket;
    const limit = this.#ambience.clock.timer(connectTimeoutMs, () => {
      if (socket === this.#socket) this.#fail(this.#timeout('did not let us in', connectTimeoutMs));
    });
    const parser = this.#parserFor(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.on('data', (chunk: Buffer) => {
      if (socket !== this.#socket) return;
      this.#lastReceivedMs = this.#ambience.clock.monotonicMs();
      parser.push(chunk);
    });
    const ended = (error?: Error): void => {
      limit[Symbol.dispose]();
      if (socket !== this.#socket) return;
      this.#fail(
        this.#away(error === undefined ? 'it closed the connection' : messageOf(error), error),
      );
    };
    socket.on('error', ended);
    socket.on('close', () => ended());
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      this.#enter(socket).then(
        () => limit[Symbol.dispose](),
        (error: unknown) => {
          limit[Symbol.dispose]();
          if (socket === this.#socket) this.#fail(this.#asFault(error));
        },
      );
    });
  }

  /** Shows who we are; what waits follows when we are let in. */
  async #enter(socket: Socket): Promise<void> {
    const commands = this.#greeting();
    const writer = new RespCommandWriter();
    for (const command of commands) writer.write(command);
    const { promise, resolve, reject } = Promise.withResolvers<readonly RespValue[]>();
    const sinceMs = this.#ambience.clock.monotonicMs();
    const { length: count } = commands;
    this.#expected.splice(this.#first, 0, { replies: [], count, sinceMs, resolve, reject });
    this.#commands += count;
    this.#watchSilence();
    for (const part of writer.take()) socket.write(part);
    const refusal = (await promise).find((reply) => reply instanceof RespError);
    if (refusal !== undefined) {
      throw new PlatformError('CACHE_REDIS_REFUSED', `${this.#name}: ${refusal.message}`, {
        hint: 'Look at user, password and database of the store, and at the server that answers there.',
      });
    }
    if (socket !== this.#socket || this.#state !== 'connecting') return;
    this.#state = 'ready';
    this.#connects++;
    this.#ambience.log.info('redis store connected', { server: this.#name });
    this.#flush();
  }

  #greeting(): readonly RedisCommand[] {
    const { user, password, database } = this.#settings;
    const secret = password();
    const commands: RedisCommand[] = [];
    if (secret !== undefined)
      commands.push(user === undefined ? ['AUTH', secret] : ['AUTH', user, secret]);
    commands.push(['PING']);
    if (database !== 0) commands.push(['SELECT', database]);
    return commands;
  }

  #parserFor(socket: Socket): RespParser {
    return new RespParser(
      {
        value: (value) => {
          if (socket === this.#socket) this.#answered(value);
        },
        push: () => undefined,
        fault: (fault) => {
          if (socket === this.#socket)
            this.#fail(this.#malformed(`what it sends is no answer: ${fault}`));
        },
      },
      defaultRespLimits,
    );
  }

  #answered(value: RespValue): void {
    const expected = this.#expected[this.#first];
    if (expected === undefined) {
      this.#fail(this.#malformed('it answers what nobody asked'));
      return;
    }
    this.#commands--;
    expected.replies.push(value);
    if (expected.replies.length < expected.count) return;
    this.#first++;
    if (this.#first > 1_024 || this.#first === this.#expected.length) {
      this.#expected.splice(0, this.#first);
      this.#first = 0;
    }
    if (this.#state === 'ready') this.#failuresNow = 0;
    expected.resolve(expected.replies);
  }

  // Limits and failures.

  #watchSilence(): void {
    if (this.#silence !== undefined && !this.#silence.fired) return;
    const { clock } = this.#ambience;
    const { timeoutMs } = this.#settings;
    const look = (): void => {
      this.#silence = undefined;
      const [oldest] = this.#expected.slice(this.#first, this.#first + 1);
      if (oldest === undefined) return;
      if (this.#state !== 'ready') {
        this.#watchSilence(); // the time limit of connecting counts
        return;
      }
      const nowMs = clock.monotonicMs();
      const silentMs = nowMs - Math.max(oldest.sinceMs, this.#lastReceivedMs);
      if (silentMs >= timeoutMs) this.#fail(this.#timeout('is silent', silentMs));
      else if (nowMs - oldest.sinceMs >= patience * timeoutMs)
        this.#fail(this.#timeout('is too slow', nowMs - oldest.sinceMs));
      else this.#silence = clock.timer(timeoutMs - silentMs, look);
    };
    this.#silence = clock.timer(timeoutMs, look);
  }

  /** Gives the connection and all that is due up, and leaves the server alone for a while. */
  #fail(error: PlatformError): void {
    if (this.#state === 'closed') return;
    const { clock, random, log } = this.#ambience;
    const { retryBaseMs: baseMs, retryMaxMs: maxMs } = this.#settings;
    const pauseMs = backoffMs({ baseMs, maxMs }, this.#failuresNow, random);
    if (this.#failuresNow === 0) log.warn('redis store fails', { server: this.#name, error });
    this.#failuresNow++;
    this.#failures++;
    this.#lastFailure = error.message;
    this.#state = 'paused';
    this.#drop(error);
    this.#pause = clock.timer(pauseMs, () => this.#connect(), { keepAlive: false });
  }

  #drop(error: PlatformError): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#silence?.[Symbol.dispose]();
    this.#silence = undefined;
    this.#writer.take();
    const due = this.#expected.slice(this.#first);
    this.#expected = [];
    this.#first = 0;
    this.#commands = 0;
    for (const { reject } of due) reject(error);
  }

  #asFault(error: unknown): PlatformError {
    return error instanceof PlatformError ? error : this.#away(messageOf(error), error);
  }

  #away(fact: string, cause?: unknown): PlatformError {
    const options = { hint: awayHint, ...(cause === undefined ? {} : { cause }) };
    return new PlatformError('CACHE_REDIS_AWAY', `${this.#name}: ${fact}`, options);
  }

  #timeout(fact: string, ms: number): PlatformError {
    const message = `${this.#name} ${fact} for ${Math.round(ms)} ms`;
    return new PlatformError('CACHE_REDIS_TIMEOUT', message, {
      hint: 'Look at the load and the slow log of the server, or raise "timeout".',
    });
  }

  #malformed(fact: string): PlatformError {
    return new PlatformError('CACHE_REDIS_MALFORMED', `${this.#name}: ${fact}`, {
      hint: 'Look whether a Redis-protocol server is at this address, and whether it wants TLS.',
    });
  }
}
