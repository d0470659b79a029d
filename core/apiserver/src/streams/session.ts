// One session over a message socket: sorts what the client says, passes on what the container says, and tells the end.

import { ApiError } from '@tweendeck/kube';
import {
  abortable,
  BoundedQueue,
  type Clock,
  type Logger,
  linkedAbort,
  messageOf,
  onAbort,
} from '@tweendeck/std';
import { endText, type SessionEnd } from './channel-end.ts';
import { ChannelInput } from './channel-input.ts';
import {
  type ChannelProtocol,
  channels,
  readMessage,
  readTerminalSize,
  type TerminalSize,
  writeMessage,
} from './channels.ts';
import type { MessageSocket } from './upgrade.ts';

/** Which streams a client wants. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A client's end of the streams of a process. */
export interface RemoteStreams {
  /** What the client sends, until it says no more or is gone. Undefined: it sends nothing. */
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  /** Resolves when the client can take more; rejects when it is gone. What nobody wants is dropped. */
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly stderr: (chunk: Uint8Array) => Promise<void>;
  /** Sizes of the client's terminal, the newest last; some may be left out. Ends with the session. */
  readonly sizes: AsyncIterable<TerminalSize>;
}

/** How the process behind a session ended. */
export interface RemoteExit {
  readonly exitCode: number;
}

/** Whoever has the process. Aborting the signal means that the client is gone. @throws ApiError when it never began. */
export type SessionServer = (streams: RemoteStreams, signal: AbortSignal) => Promise<RemoteExit>;

export interface SessionOptions {
  readonly protocol: ChannelProtocol;
  readonly wants: WantedStreams;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serve: SessionServer;
  /** Begins what is told when it breaks off. */
  readonly failing: string;
}

/** As upstream: without a byte either way for so long, a session is over. */
const idleMs = 4 * 60 * 60_000;
/** A client that is gone without a word is noticed at a ping, even while it is not being read. */
const pingMs = 10_000;
/** Input kept for a process that does not read it; then its client waits. */
const inputBytesMax = 256 * 1024;
/** For the last words, and for the client's good-bye. */
const farewellMs = 10_000;

/** Runs a session until its process ended, its client is gone, or the signal aborts. Never rejects. */
export async function runSession(
  socket: MessageSocket,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<void> {
  await new Session(socket, options).run(signal);
}

class Session {
  readonly #socket: MessageSocket;
  readonly #options: SessionOptions;
  readonly #input: ChannelInput;
  readonly #sizes = new BoundedQueue<TerminalSize>({ lengthMax: 8, whenFull: 'drop-oldest' });
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #activeMs: number;

  constructor(socket: MessageSocket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#activeMs = options.clock.monotonicMs();
    this.#input = new ChannelInput({
      bytesMax: inputBytesMax,
      stop: () => socket.pause(),
      go: () => socket.resume(),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    using gone = linkedAbort(signal);
    using _drop = onAbort(gone.signal, () => this.#dropInput());
    using _bye = onAbort(signal, () => this.#socket.close(1001, 'the server stops'));
    using _idle = this.#watchIdle(() => gone.abort(new Error('nothing was said for hours')));
    this.#socket.listen({
      message: (data) => this.#take(data, gone),
      gone: () => {
        this.#closed.resolve();
        gone.abort(new Error('the client is gone'));
      },
    });
    const end = await this.#serve(gone.signal);
    if (end) await this.#tell(end, gone.signal);
    await this.#leave(signal.aborted);
  }

  /** Undefined when there is nobody left to tell. */
  async #serve(signal: AbortSignal): Promise<SessionEnd | undefined> {
    const { wants, serve, failing, log } = this.#options;
    const { stdout, stderr } = channels;
    try {
      const lowest = wants.stdout ? stdout : wants.stderr ? stderr : channels.error;
      await this.#send(lowest, new Uint8Array(), signal); // says that the session has begun
      const { exitCode } = await serve(
        {
          stdin: wants.stdin ? this.#input : undefined,
          stdout: (chunk) => (wants.stdout ? this.#send(stdout, chunk, signal) : dropped),
          stderr: (chunk) => (wants.stderr ? this.#send(stderr, chunk, signal) : dropped),
          sizes: this.#sizes,
        },
        signal,
      );
      return signal.aborted ? undefined : { type: 'exited', exitCode };
    } catch (error) {
      if (signal.aborted) return undefined;
      log.debug('a session failed', { error });
      const message = messageOf(error);
      if (error instanceof ApiError) return { type: 'refused', message };
      return { type: 'failed', message: `${failing}: ${message}` };
    }
  }

  async #tell(end: SessionEnd, signal: AbortSignal): Promise<void> {
    const text = endText(this.#options.protocol, end);
    if (text === undefined) return;
    const told = this.#send(channels.error, Buffer.from(text), signal).catch(() => undefined);
    await this.#within(farewellMs, told);
  }

  async #leave(stopping: boolean): Promise<void> {
    this.#dropInput();
    if (!stopping) this.#socket.close(1000, '');
    await this.#within(stopping ? farewellMs / 20 : farewellMs, this.#closed.promise);
    this.#socket.terminate();
  }

  #take(data: Buffer, gone: AbortController): void {
    this.#activeMs = this.#options.clock.monotonicMs();
    const said = readMessage(this.#options.protocol, data);
    if (said.type === 'broken') {
      this.#socket.close(1002, said.why);
      gone.abort(new Error(said.why));
    } else if (said.type === 'half-close') {
      if (said.channel === channels.stdin) this.#input.end();
    } else if (said.type === 'data' && said.channel === channels.stdin) {
      if (this.#options.wants.stdin) this.#input.push(said.data);
    } else if (said.type === 'data' && said.channel === channels.resize) {
      const size = readTerminalSize(said.data);
      if (size) this.#sizes.push(size);
    }
  }

  async #send(channel: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const message = writeMessage(this.#options.protocol, channel, data);
    await abortable(this.#socket.send(message), signal);
    this.#activeMs = this.#options.clock.monotonicMs();
  }

  #dropInput(): void {
    this.#input.close();
    this.#sizes.close();
  }

  /** Looks in at every ping. */
  #watchIdle(over: () => void): Disposable {
    const { clock } = this.#options;
    const look = () => {
      if (clock.monotonicMs() - this.#activeMs >= idleMs) over();
      else {
        this.#socket.ping();
        timer = clock.timer(pingMs, look, { keepAlive: false });
      }
    };
    let timer = clock.timer(pingMs, look, { keepAlive: false });
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
  }

  /** Waits, but not for ever. */
  async #within(delayMs: number, promise: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    using _patience = this.#options.clock.timer(delayMs, () => late.resolve());
    await Promise.race([promise, late.promise]);
  }
}

const dropped: Promise<void> = Promise.resolve();
