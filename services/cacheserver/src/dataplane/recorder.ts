// Keeps what clients send, byte for byte, so that it can be replayed.

import { createWriteStream, mkdirSync, readdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger } from '@tweendeck/std';

export interface RecorderOptions {
  /** Made when missing; nothing in it is ever removed. */
  readonly directory: string;
  /** Bytes kept of one connection; what comes behind is not. */
  readonly connectionBytesMax: number;
  /** Recordings in the directory at most; beyond, none is begun. */
  readonly connectionsMax: number;
}

/** How names of recordings end. */
const recordingSuffix = '.session';
/** Bytes that wait for a slow disk; beyond, the recording ends. */
const waitingBytesMax = 4 * 1_048_576;

export class Recorder implements Disposable {
  readonly options: RecorderOptions;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #log: Logger;
  readonly #open = new Set<Recording>();
  #count: number;

  private constructor(
    options: RecorderOptions,
    { clock, log, count }: { clock: Pick<Clock, 'nowMs'>; log: Logger; count: number },
  ) {
    this.options = options;
    this.#clock = clock;
    this.#log = log;
    this.#count = count;
  }

  /** Undefined, and logged, when the directory cannot be used: a cache serves without its recorder. */
  static open(
    options: RecorderOptions,
    { clock, log }: { readonly clock: Pick<Clock, 'nowMs'>; readonly log: Logger },
  ): Recorder | undefined {
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o700 });
      const count = readdirSync(options.directory).filter(isRecording).length;
      log.info('recording connections', { ...options, present: count });
      return new Recorder(options, { clock, log, count });
    } catch (error) {
      log.error('connections cannot be recorded', { directory: options.directory, error });
      return undefined;
    }
  }

  /** Begins a recording; undefined when there are enough. The name tells namespace, client and time. */
  begin(namespace: string, client: string): Recording | undefined {
    if (this.#count >= this.options.connectionsMax) return undefined;
    this.#count++;
    const number = String(this.#count).padStart(6, '0');
    const peer = client.replaceAll(/[^0-9a-zA-Z.]/g, '-');
    const name = `${namespace}_${peer}_${this.#clock.nowMs()}_${number}${recordingSuffix}`;
    const stream = createWriteStream(join(this.options.directory, name), {
      mode: 0o600,
      flags: 'wx',
    });
    const recording = new Recording(stream, this.options.connectionBytesMax, (error) => {
      this.#open.delete(recording);
      if (error !== undefined) this.#log.warn('recording ended early', { name, error });
    });
    this.#open.add(recording);
    return recording;
  }

  /** Ends all recordings; their connections go on. */
  [Symbol.dispose](): void {
    for (const recording of [...this.#open]) recording.end();
  }
}

export function isRecording(name: string): boolean {
  return name.endsWith(recordingSuffix);
}

/** What one connection sends. Never makes it wait: what does not fit is left out, from there to its end. */
export class Recording {
  readonly #stream: WriteStream;
  #left: number;
  #ended = false;

  constructor(stream: WriteStream, bytesMax: number, onEnd: (error: Error | undefined) => void) {
    this.#stream = stream;
    this.#left = bytesMax;
    stream.on('error', (error) => {
      this.#ended = true;
      onEnd(error);
    });
    stream.on('close', () => onEnd(undefined));
  }

  write(chunk: Buffer): void {
    if (this.#ended) return;
    this.#stream.write(chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk);
    this.#left -= chunk.length;
    if (this.#left <= 0 || this.#stream.writableLength > waitingBytesMax) this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.end();
  }
}
