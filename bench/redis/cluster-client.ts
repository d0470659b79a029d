// A small client of a Redis cluster for measuring: it sends at once, follows redirections, tries nothing again by itself.

import { connect, type Socket } from 'node:net';
import { RespCommandWriter, RespError, RespParser, type RespValue } from '@tweendeck/wire';

const port = 6_379;
const slotCount = 16_384;
const redirectionsMax = 5;
const answerMaxMs = 5_000;

type Due = PromiseWithResolvers<RespValue>;

/** One connection; commands of one turn leave in one write. */
class Link {
  readonly #socket: Socket;
  readonly #late: NodeJS.Timeout;
  #due: Due[] = [];
  #writer = new RespCommandWriter();
  #isWaiting = false;
  #heardMs = performance.now();
  #fault: Error | undefined;

  constructor(host: string) {
    this.#socket = connect({ host, port, noDelay: true });
    const parser = new RespParser({
      value: (value) => this.#due.shift()?.resolve(value),
      push: () => undefined,
      fault: (fault) => this.end(new Error(fault)),
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#heardMs = performance.now();
      parser.push(chunk);
    });
    this.#socket.on('error', (error) => this.end(error));
    this.#socket.on('close', () => this.end(new Error('it closed the connection')));
    this.#late = setInterval(() => {
      const isLate = this.#due.length > 0 && performance.now() - this.#heardMs > answerMaxMs;
      if (isLate) this.end(new Error('no answer in time'));
    }, answerMaxMs / 5);
  }

  get isGone(): boolean {
    return this.#fault !== undefined;
  }

  ask(...command: readonly string[]): Promise<RespValue> {
    if (this.#fault) return Promise.reject(this.#fault);
    const due: Due = Promise.withResolvers();
    if (this.#due.length === 0) this.#heardMs = performance.now();
    this.#due.push(due);
    this.#writer.write(command);
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      queueMicrotask(() => this.#flush());
    }
    return due.promise;
  }

  end(error: Error): void {
    this.#fault ??= error;
    clearInterval(this.#late);
    for (const { reject } of this.#due.splice(0)) reject(this.#fault);
    this.#socket.destroy();
  }

  #flush(): void {
    this.#isWaiting = false;
    for (const part of this.#writer.take()) this.#socket.write(part);
  }
}

/** Where a cluster is. */
export interface Reachable {
  /** Addresses of members, asked for whenever nobody else is known. */
  readonly members: () => Promise<readonly string[]>;
}

export class ClusterClient implements Disposable {
  readonly #seeds: () => Promise<readonly string[]>;
  readonly #links = new Map<string, Link>();
  readonly #owners: (string | undefined)[] = Array.from({ length: slotCount }, () => undefined);

  constructor({ members }: Reachable) {
    this.#seeds = members;
  }

  /** Throws what the server refused with, or why there was no answer. */
  async ask(key: string, ...command: readonly string[]): Promise<RespValue> {
    const slot = slotOf(key);
    let host = this.#owners[slot] ?? (await this.#anyHost());
    let asking = false;
    try {
      for (let turn = 0; turn < redirectionsMax; turn++) {
        const link = this.#linkTo(host);
        if (asking) link.ask('ASKING').catch(() => undefined); // the next one tells
        const answer = await link.ask(...command);
        if (!(answer instanceof RespError)) {
          if (!asking) this.#owners[slot] = host;
          return answer;
        }
        const [, how, next] = /^(MOVED|ASK) \d+ (.*):\d+$/.exec(answer.message) ?? [];
        if (how === undefined || next === undefined) throw answer;
        [host, asking] = [next, how === 'ASK'];
      }
      throw new Error('sent around');
    } catch (error) {
      this.#owners[slot] = undefined;
      throw error;
    }
  }

  /** Who owned the slot of a key when it was last asked. */
  ownerOf(key: string): string | undefined {
    return this.#owners[slotOf(key)];
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.values()) link.end(new Error('it was left'));
  }

  async #anyHost(): Promise<string> {
    const open = [...this.#links].filter(([, link]) => !link.isGone);
    const [chosen] = open[Math.floor(Math.random() * open.length)] ?? (await this.#seeds());
    if (chosen === undefined) throw new Error('no member is known');
    return chosen;
  }

  #linkTo(host: string): Link {
    const known = this.#links.get(host);
    if (known && !known.isGone) return known;
    const link = new Link(host);
    this.#links.set(host, link);
    return link;
  }
}

/** CRC-16/XMODEM of the key, as the Redis cluster specification has it; keys here have no braces. */
function slotOf(key: string): number {
  let sum = 0;
  for (const byte of Buffer.from(key)) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      sum = sum & 0x8000 ? ((sum << 1) ^ 0x1021) & 0xffff : (sum << 1) & 0xffff;
  }
  return sum % slotCount;
}
