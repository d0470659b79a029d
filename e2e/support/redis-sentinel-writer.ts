// A client of a Sentinel set as libraries are: it asks Sentinels for the leader, checks that it is one, and writes without end.
// It remembers what was acknowledged and by whom, and asks for all of it at the end.

import type { RespValue } from '@tweendeck/wire';
import { RedisCaller } from './redis-caller.ts';

export interface SentinelWriterOptions {
  readonly masterName: string;
  /** Addresses of Sentinels, asked for whenever the leader is looked for. */
  readonly sentinels: () => Promise<readonly string[]>;
  /** Of servers and Sentinels; asked for at first, and when it is refused. */
  readonly password: () => Promise<string>;
}

export class SentinelWriter implements AsyncDisposable {
  /** What was acknowledged last, by key. */
  readonly acknowledged: Map<string, number> = new Map();
  /** Writes that were refused or not answered. */
  readonly failures: string[] = [];
  /** The longest time without an acknowledged write, in milliseconds. */
  longestGapMs: number = 0;
  writes: number = 0;
  readonly #options: SentinelWriterOptions;
  #leader: RedisCaller | undefined;
  #password: string | undefined;
  #stopped = false;
  #lastMs = 0;
  #number = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(options: SentinelWriterOptions) {
    this.#options = options;
  }

  /** Writes keys in turn until it is stopped; every value is a higher number, also when it is started again. */
  start(keys: number): void {
    this.#stopped = false;
    this.#lastMs = performance.now();
    this.#work = this.#run(keys);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  /** Forgets the gaps and failures so far. */
  measure(): void {
    this.longestGapMs = 0;
    this.failures.length = 0;
    this.#lastMs = performance.now();
  }

  /** Keys whose acknowledged value, or a later one, is not there. */
  async lost(): Promise<readonly string[]> {
    const expected = [...this.acknowledged];
    this.#password = undefined; // it may be another by now
    const leader = await this.#find();
    try {
      const found = await Promise.all(expected.map(([key]) => leader.call('GET', key)));
      return expected.flatMap(([key, value], index) => {
        const text = String(found[index]);
        return found[index] === null || Number(text) < value
          ? [`${key}: ${text}, not ${value}`]
          : [];
      });
    } finally {
      leader.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#leader?.close();
  }

  async #run(keys: number): Promise<void> {
    while (!this.#stopped) {
      const number = ++this.#number;
      const key = `key-${number % keys}`;
      try {
        this.#leader ??= await this.#find();
        await this.#leader.call('SET', key, String(number));
        this.acknowledged.set(key, number);
        this.writes++;
        const now = performance.now();
        this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastMs);
        this.#lastMs = now;
      } catch (error) {
        this.failures.push(`${this.#leader?.host}: ${String(error)}`);
        if (/NOAUTH|WRONGPASS/.test(String(error))) this.#password = undefined;
        this.#leader?.close();
        this.#leader = undefined;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Whom a Sentinel names, if it says so itself. */
  async #find(): Promise<RedisCaller> {
    let trouble: unknown = new Error('no Sentinel is known');
    for (const sentinel of await this.#options.sentinels()) {
      try {
        const named = await this.#ask(sentinel);
        if (!Array.isArray(named)) throw new Error(`${sentinel} names nobody`);
        const leader = await this.#open(String(named[0]), Number(named[1]));
        const [role] = [await leader.call('ROLE').catch(() => 'silent')].flat();
        if (String(role) === 'master') return leader;
        leader.close();
        throw new Error(`${sentinel} names ${String(named[0])}, which is ${String(role)}`);
      } catch (error) {
        trouble = error;
      }
    }
    throw trouble;
  }

  async #ask(sentinel: string): Promise<RespValue> {
    const caller = await this.#open(sentinel, 26_379);
    try {
      return await caller.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#options.masterName);
    } finally {
      caller.close();
    }
  }

  /** Logged in, unless what follows is refused. */
  async #open(host: string, port: number): Promise<RedisCaller> {
    this.#password ??= await this.#options.password();
    const caller = new RedisCaller(host, port);
    caller.logIn(this.#password);
    return caller;
  }
}
