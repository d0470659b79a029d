// Clients that write and read all the time, and remember what was acknowledged.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RespValue } from '@tweendeck/wire';
import type { ClusterClient } from './cluster-client.ts';

export interface LoadOptions {
  readonly client: ClusterClient;
  /** Written in turn, each by one lane alone. */
  readonly keys: number;
  readonly lanes: number;
  /** Bytes of a value. */
  readonly valueBytes: number;
  /** Of a hundred operations so many read. */
  readonly readPercent: number;
}

const pauseAfterFailureMs = 10;
const numberWidth = 12;
const errorsKept = 20;
const readTries = 100;

export class Load {
  /** Operations that were answered. */
  operations = 0;
  failed = 0;
  /** From the first attempt at a key that was not taken at once until it was, in milliseconds. */
  longestMs = 0;
  /** What was said of some of those that failed. */
  readonly errors: string[] = [];
  readonly #options: LoadOptions;
  readonly #padding: string;
  readonly #acknowledged: Uint32Array;
  #stopped = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#padding = 'x'.repeat(Math.max(0, options.valueBytes - numberWidth));
    this.#acknowledged = new Uint32Array(options.keys);
  }

  /** Writes every key once, as fast as it goes. */
  async fill(lanes: number): Promise<void> {
    const { keys } = this.#options;
    await this.#each(lanes, async (at) => {
      while (!(await this.#write(at, 1))) await sleep(pauseAfterFailureMs);
    });
    this.operations -= keys;
  }

  /** Until it is stopped. */
  start(): void {
    const { lanes } = this.#options;
    this.#stopped = false;
    this.#work = Promise.all(Array.from({ length: lanes }, (_, lane) => this.#lane(lane)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  /** Operations a second in a while from now. */
  async rateFor(seconds: number, signal: AbortSignal): Promise<number> {
    const [before, begunMs] = [this.operations, performance.now()];
    await sleep(seconds * 1_000, undefined, { signal });
    return ((this.operations - before) * 1_000) / (performance.now() - begunMs);
  }

  /** How many keys have not what was acknowledged. Throws when one cannot be read. */
  async lost(lanes: number): Promise<number> {
    let lost = 0;
    await this.#each(lanes, async (at) => {
      const wanted = this.#acknowledged[at] ?? 0;
      if (wanted === 0) return;
      const key = keyAt(at);
      const answer = await this.#readBack(key);
      const text = answer instanceof Uint8Array ? Buffer.from(answer).toString() : '';
      if (!(Number(text) >= wanted)) lost++;
    });
    return lost;
  }

  /** The first try may go to a member that is not there any more. */
  async #readBack(key: string): Promise<RespValue> {
    const question = ['GETRANGE', key, '0', String(numberWidth - 1)];
    for (let turn = 1; turn < readTries; turn++) {
      try {
        return await this.#options.client.ask(key, ...question);
      } catch {
        await sleep(pauseAfterFailureMs);
      }
    }
    return this.#options.client.ask(key, ...question);
  }

  async #each(lanes: number, run: (at: number) => Promise<void>): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < this.#options.keys) await run(next++);
    };
    await Promise.all(Array.from({ length: lanes }, work));
  }

  async #lane(lane: number): Promise<void> {
    const { keys, lanes, readPercent } = this.#options;
    const due = new Map<number, number>();
    let at = lane;
    for (let turn = 1; !this.#stopped; turn++) {
      const reads = turn % 100 < readPercent;
      const begunMs = performance.now();
      if (await (reads ? this.#read(at) : this.#write(at, turn + 1))) {
        if (!reads) {
          this.longestMs = Math.max(this.longestMs, performance.now() - (due.get(at) ?? begunMs));
          due.delete(at);
        }
      } else {
        if (!reads && !due.has(at)) due.set(at, begunMs);
        await sleep(pauseAfterFailureMs);
      }
      at += lanes;
      if (at >= keys) at = lane;
    }
  }

  async #write(at: number, number: number): Promise<boolean> {
    const key = keyAt(at);
    const value = String(number).padStart(numberWidth, '0') + this.#padding;
    const taken = await this.#try(key, ['SET', key, value]);
    if (taken) this.#acknowledged[at] = number;
    return taken;
  }

  #read(at: number): Promise<boolean> {
    const key = keyAt(at);
    return this.#try(key, ['GET', key]);
  }

  async #try(key: string, command: readonly string[]): Promise<boolean> {
    try {
      await this.#options.client.ask(key, ...command);
      this.operations++;
      return true;
    } catch (error) {
      this.failed++;
      if (this.errors.length < errorsKept) this.errors.push(String(error));
      return false;
    }
  }
}

function keyAt(at: number): string {
  return `key-${at}`;
}
