// A client of a Redis cluster that writes without end, remembers what was acknowledged, and asks for all of it at the end.

import type { RespValue } from '@tweendeck/wire';
import { type CallerTls, RedisCaller } from './redis-caller.ts';

const port = 6_379;
const redirectionsMax = 5;
/** For reading back what was acknowledged. */
const patienceMs = 60_000;
const readsAtOnce = 50;

export class ClusterWriter implements AsyncDisposable {
  /** What was acknowledged last, by key. */
  readonly acknowledged: Map<string, string> = new Map();
  /** Writes that were refused or not answered. */
  readonly failures: string[] = [];
  /** The longest time a key could not be written, in milliseconds. */
  longestGapMs: number = 0;
  writes: number = 0;
  readonly #seeds: () => Promise<readonly string[]>;
  readonly #passwordNow: () => Promise<string>;
  #password: string | undefined;
  readonly #tlsOnce: () => Promise<CallerTls | undefined>;
  #tls: CallerTls | undefined;
  readonly #links = new Map<string, RedisCaller>();
  readonly #ownerOf = new Map<string, string>();
  #stopped = false;
  #work: Promise<void> = Promise.resolve();

  /** `seeds` are addresses of members, asked for whenever nothing else is known; `password` when it is refused; `tls` first. */
  constructor(
    seeds: () => Promise<readonly string[]>,
    password: () => Promise<string>,
    tls: () => Promise<CallerTls | undefined> = () => Promise.resolve(undefined),
  ) {
    this.#tlsOnce = tls;
    this.#seeds = seeds;
    this.#passwordNow = password;
  }

  /** Writes keys in turn until it is stopped; once all are there, with a rest after each write. */
  start(keys: number, { restMs = 0 }: { readonly restMs?: number } = {}): void {
    this.#work = this.#run(keys, restMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  /** Keys whose acknowledged value is not there; of those that are given, when they are. */
  async lost(
    promised: ReadonlyMap<string, string> = new Map(this.acknowledged),
  ): Promise<readonly string[]> {
    const entries = [...promised];
    const lost: string[] = [];
    for (let at = 0; at < entries.length; at += readsAtOnce) {
      const some = entries.slice(at, at + readsAtOnce);
      lost.push(...(await Promise.all(some.map((entry) => this.#lostOf(entry)))).flat());
    }
    return lost;
  }

  /** What is lost and was promised to nobody is not asked for any more. Gives the keys, and what they hold. */
  async excuse(): Promise<readonly string[]> {
    const lost = await this.lost();
    for (const text of lost) this.acknowledged.delete(text.split(':')[0] ?? '');
    return lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const link of this.#links.values()) link.close();
  }

  async #run(keys: number, restMs: number): Promise<void> {
    this.#tls = await this.#tlsOnce();
    const failingSince = new Map<string, number>();
    for (let number = 1; !this.#stopped; number++) {
      const key = `key-${number % keys}`;
      try {
        const answer = await this.#ask(key, 'SET', key, String(number));
        if (answer !== 'OK') throw new Error(String(answer));
        this.acknowledged.set(key, String(number));
        this.writes++;
        if (restMs > 0 && number > keys) await pause(restMs);
        const since = failingSince.get(key);
        if (since !== undefined) {
          this.longestGapMs = Math.max(this.longestGapMs, performance.now() - since);
          failingSince.delete(key);
        }
      } catch (error) {
        this.failures.push(`${key}: ${String(error)}`);
        if (!failingSince.has(key)) failingSince.set(key, performance.now());
        await this.#recover(key, error);
      }
    }
  }

  async #lostOf([key, value]: readonly [string, string]): Promise<readonly string[]> {
    const found = await this.#askPatiently(key, 'GET', key);
    const text = found instanceof Uint8Array ? Buffer.from(found).toString() : String(found);
    const isThere = found !== null && Number(text) >= Number(value);
    return isThere ? [] : [`${key}: ${text}, not ${value}`];
  }

  /** Somebody may be gone, of whom it did not hear yet. */
  async #askPatiently(key: string, ...command: readonly string[]): Promise<RespValue> {
    const endsMs = performance.now() + patienceMs;
    for (;;) {
      try {
        return await this.#ask(key, ...command);
      } catch (error) {
        if (performance.now() > endsMs) throw error;
        await this.#recover(key, error);
      }
    }
  }

  async #recover(key: string, error: unknown): Promise<void> {
    this.#forgetHostOf(key);
    if (/NOAUTH|WRONGPASS/.test(String(error))) await this.logIn();
    await pause(20);
  }

  /** Follows redirections, as clients do. */
  async #ask(key: string, ...command: readonly string[]): Promise<RespValue> {
    let host = this.#ownerOf.get(key) ?? (await this.#anyHost());
    let asking = false;
    for (let turn = 0; turn < redirectionsMax; turn++) {
      const link = this.#linkTo(host);
      try {
        // At once before it: others ask over this connection, too.
        if (asking) link.call('ASKING').catch(() => undefined);
        const answer = await link.call(...command);
        if (!asking) this.#ownerOf.set(key, host);
        return answer;
      } catch (error) {
        const [, how, next] = /(MOVED|ASK) \d+ (.*):\d+$/.exec(String(error)) ?? [];
        if (how === undefined || next === undefined) throw error;
        [host, asking] = [next, how === 'ASK'];
      }
    }
    throw new Error('sent around');
  }

  /** What is gone owns no other key either. */
  #forgetHostOf(key: string): void {
    const host = this.#ownerOf.get(key);
    for (const [other, owner] of this.#ownerOf) if (owner === host) this.#ownerOf.delete(other);
  }

  /** With the password as it is now. */
  async logIn(): Promise<void> {
    this.#password = await this.#passwordNow();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  async #anyHost(): Promise<string> {
    const open = [...this.#links].find(([, link]) => !link.isGone);
    if (open) return open[0];
    const seeds = await this.#seeds();
    const seed = seeds[this.failures.length % seeds.length]; // another one after each failure
    if (seed === undefined) throw new Error('no member is known');
    return seed;
  }

  #linkTo(host: string): RedisCaller {
    const known = this.#links.get(host);
    if (known && !known.isGone) return known;
    const link = new RedisCaller(host, port, this.#tls);
    // Said first, whatever comes of it: who refuses it refuses the rest.
    if (this.#password !== undefined) link.call('AUTH', this.#password).catch(() => undefined);
    this.#links.set(host, link);
    return link;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
