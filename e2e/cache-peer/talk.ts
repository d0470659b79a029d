// One connection to a server under comparison: what is sent in exactly these packets, and every byte that comes back.

import { connect, type Socket } from 'node:net';
import { UnityCacheReplyParser } from '@tweendeck/wire';

/** What a server said on one connection, and how that ended. `silent`: it neither answered nor ended it in time. */
export interface Heard {
  readonly bytes: Buffer;
  readonly end: 'open' | 'closed' | 'silent';
}

export class Talk {
  readonly #socket: Socket;
  readonly #parts: Buffer[] = [];
  readonly #parser: UnityCacheReplyParser;
  #answers = 0;
  #greeted = false;
  #closed = false;
  #silent = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const answered = (): void => {
      this.#answers++;
    };
    this.#parser = new UnityCacheReplyParser({
      version: () => {
        this.#greeted = true;
      },
      hit: () => undefined,
      body: () => undefined,
      end: answered,
      miss: answered,
      fault: () => undefined, // the bytes tell
    });
    socket.on('data', (chunk: Buffer) => {
      this.#parts.push(chunk);
      this.#parser.push(chunk);
      this.#wake?.();
    });
    const end = (): void => {
      this.#closed = true;
      this.#wake?.();
    };
    socket.on('error', end);
    socket.on('end', end);
    socket.on('close', end);
  }

  static async open(port: number): Promise<Talk> {
    const options = { host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true };
    const socket = connect(options);
    const talk = new Talk(socket);
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('error', () => resolve());
    });
    return talk;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get heardBytes(): number {
    return this.#parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Each packet by itself, as far as the kernel lets; with `pauseMs` between them it does. */
  async send(packets: readonly Buffer[], pauseMs = 0): Promise<void> {
    for (const [at, packet] of packets.entries()) {
      if (this.#socket.destroyed || this.#closed) return;
      if (at > 0 && pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const room = this.#socket.write(packet);
      if (!room) await this.#until(() => !this.#socket.writableNeedDrain, 10_000, 'drain');
      else if (packets.length > 1) await new Promise(setImmediate);
    }
  }

  finish(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Until the version was answered and so many requests, or the connection ended, or `waitMs` went by in silence. */
  async answered(count: number, waitMs = 10_000): Promise<void> {
    await this.#until(() => this.#greeted && this.#answers >= count, waitMs);
  }

  async said(bytes: number): Promise<void> {
    await this.#until(() => this.heardBytes >= bytes, 10_000);
  }

  /** Until the last 34 bytes are what is waited for. */
  async until(isTail: (bytes: Buffer) => boolean, waitMs = 10_000): Promise<void> {
    await this.#until(() => isTail(Buffer.concat(this.#parts.slice(-40)).subarray(-34)), waitMs);
  }

  async ended(): Promise<void> {
    await this.#until(() => false, 10_000);
  }

  /** What was heard; the connection is over with that. */
  leave(): Heard {
    const closed = this.#closed ? 'closed' : 'open';
    this.#socket.destroy();
    return { bytes: Buffer.concat(this.#parts), end: this.#silent ? 'silent' : closed };
  }

  async #until(condition: () => boolean, waitMs: number, drain?: 'drain'): Promise<void> {
    while (!condition() && !this.#closed && !this.#silent) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (drain) this.#socket.once('drain', resolve);
      const limit = setTimeout(() => {
        this.#silent = true;
        resolve();
      }, waitMs);
      await promise;
      clearTimeout(limit);
    }
    this.#wake = undefined;
  }
}

/** The version's answer, then each answer by itself; what is none is the last. */
export function answersOf(bytes: Buffer): readonly Buffer[] {
  const answers = bytes.length === 0 ? [] : [bytes.subarray(0, 8)];
  for (let at = 8; at < bytes.length; ) {
    const kind = bytes[at];
    const size = Number.parseInt(bytes.toString('latin1', at + 2, at + 18), 16);
    const whole = kind === 0x2b ? 50 + size : 34;
    const length = kind === 0x2b || kind === 0x2d ? whole : bytes.length - at;
    answers.push(bytes.subarray(at, at + length));
    at += length;
  }
  return answers;
}

const versionWords: ReadonlyMap<string, string> = new Map([
  ['000000fe', 'accepted'],
  ['00000000', 'refused'],
]);

/** In words: `accepted`, `refused`, `miss a`, `hit i 77`, and what is none of it. */
export function inWords(bytes: Buffer): string {
  const words = answersOf(bytes).map((answer, place) => {
    const text = answer.toString('latin1');
    if (place === 0) return versionWords.get(text) ?? `? ${text}`;
    if (text.startsWith('-')) return `miss ${text[1]}`;
    if (!text.startsWith('+')) return `? ${text.length} bytes`;
    const size = Number.parseInt(text.slice(2, 18), 16);
    const missing = size + 50 - answer.length;
    return `hit ${text[1]} ${size}${missing > 0 ? ` (${missing} missing)` : ''}`;
  });
  return words.join(', ');
}
