// Where pretended redis-servers are: addresses, who reaches whom, and connections to them.

import { type Happenings, Partitions } from '@tweendeck/sim';
import type { Clock, Random } from '@tweendeck/std';
import type { OpenLink } from '../redis-link.ts';
import type { LedBy } from './sim-bus.ts';
import { away, type LinkFaults, SimLink } from './sim-link.ts';
import { SimRedis, type SimRedisOptions } from './sim-redis.ts';

/** Who is told what happens to data and leaders. */
export interface Watcher {
  /** The data of a member are about to be those of another. */
  readonly replaced?: (member: SimRedis, by: SimRedis['data']) => void;
  readonly promoted?: (
    member: SimRedis,
    what: { readonly from: string; readonly how: LedBy },
  ) => void;
  /** Before it is answered. */
  readonly asked?: (member: SimRedis, command: readonly string[]) => void;
}

export interface SimRedisNetworkOptions {
  readonly clock: Clock;
  readonly happenings: Happenings;
  readonly random: Random;
  /** `repl-diskless-sync-delay` of all, in milliseconds. */
  readonly syncDelayMs?: number;
}

const connectMs = 120_000;

export class SimRedisNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly syncDelayMs: number;
  readonly partitions: Partitions = new Partitions();
  watcher: Watcher | undefined;
  /** What nobody may ever say, and somebody said. */
  readonly violations: string[] = [];
  readonly #happenings: Happenings;
  readonly #members = new Map<string, SimRedis>();

  constructor({ clock, happenings, random, syncDelayMs = 5_000 }: SimRedisNetworkOptions) {
    this.clock = clock;
    this.syncDelayMs = syncDelayMs;
    this.#happenings = happenings;
    this.random = random;
  }

  get nowMs(): number {
    return this.#happenings.nowMs;
  }

  start(options: SimRedisOptions): SimRedis {
    this.#happenings.look();
    const member = new SimRedis(this, options);
    this.#members.set(options.host, member);
    return member;
  }

  /** Brings all members to the present. */
  look(): void {
    this.#happenings.look();
  }

  at(host: string): SimRedis | undefined {
    return this.#members.get(host);
  }

  left(member: SimRedis): void {
    if (this.#members.get(member.host) === member) this.#members.delete(member.host);
  }

  reach(one: string, other: string): boolean {
    return this.partitions.reach(one, other);
  }

  after(delayMs: number, run: () => void): void {
    this.#happenings.after(delayMs, run);
  }

  /** To a member's bus, within a millisecond, behind what arrives before; gives when it arrives. */
  carry(to: SimRedis, afterMs: number, run: () => void): number {
    const atMs = Math.max(afterMs, this.nowMs + 0.1 + this.random.next() * 0.9);
    this.#happenings.at(atMs, () => to.whenAwake(run));
    return atMs;
  }

  /** The way to members for somebody of this name. */
  opener(name: string, faults: LinkFaults = {}): OpenLink {
    return async ({ host }, signal) => {
      signal.throwIfAborted();
      const member = await this.#reached(name, host, signal);
      return new SimLink(this, { name, member, faults });
    };
  }

  /** Who listens there. What is out of reach is tried for as long as TCP does. */
  async #reached(name: string, host: string, signal: AbortSignal): Promise<SimRedis> {
    const untilMs = this.clock.monotonicMs() + connectMs;
    for (;;) {
      this.look();
      const member = this.at(host);
      if (this.reach(name, member?.name ?? host)) {
        if (member) return member;
        throw away(host, `connect ECONNREFUSED ${host}:6379`);
      }
      if (this.clock.monotonicMs() >= untilMs) throw away(host, `connect ETIMEDOUT ${host}:6379`);
      await this.clock.sleep(200, signal);
    }
  }
}
