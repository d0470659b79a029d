// A client of a simulated cluster that writes all the time, and the account of what must be there in the end: every write that
// was acknowledged, but for those that Redis Cluster itself gives up. It copies writes to replicas after it acknowledged them.

import type { Random } from '@tweendeck/std';
import { RespError } from '@tweendeck/wire';
import type { LedBy } from './sim-bus.ts';
import type { SimData } from './sim-data.ts';
import type { SimHome } from './sim-home.ts';
import type { SimRedis } from './sim-redis.ts';
import type { SimRedisNetwork } from './sim-redis-network.ts';
import { hasSlot, slotOfKey } from './slot-set.ts';

const keyCount = 60;
const redirectionsMax = 5;

export interface SimWriterOptions {
  readonly network: SimRedisNetwork;
  readonly random: Random;
  readonly home: () => SimHome;
  readonly note: (line: string) => void;
}

interface Acknowledged {
  readonly key: string;
  readonly slot: number;
  readonly number: number;
  readonly by: SimRedis;
}

export class SimWriter {
  readonly #options: SimWriterOptions;
  readonly #keys: readonly { readonly key: string; readonly slot: number }[];
  readonly #ownerOf = new Map<number, string>();
  /** Numbers of writes that were acknowledged and are promised, by key, in order. */
  readonly #promised = new Map<string, number[]>();
  #number = 0;
  acknowledged = 0;
  failed = 0;
  #stopped = false;

  constructor(options: SimWriterOptions) {
    this.#options = options;
    this.#keys = Array.from({ length: keyCount }, (_, at) => {
      const key = `key-${at}`;
      return { key, slot: slotOfKey(key) };
    });
  }

  start(): void {
    const { network, random } = this.#options;
    const again = (): void => {
      if (this.#stopped) return;
      this.#write();
      network.after(30 + random.integer(80), again);
    };
    network.after(0, again);
  }

  stop(): void {
    this.#stopped = true;
  }

  #write(): void {
    const { key, slot } = this.#keys[this.#options.random.integer(keyCount)] ?? {
      key: '',
      slot: 0,
    };
    const number = ++this.#number;
    const command = ['SET', key, String(number)];
    const { reply, by } = this.#ask(command, slot);
    if (reply === 'OK' && by) {
      this.#acknowledge({ key, slot, number, by });
      return;
    }
    this.failed++;
    if (!by?.isFrozen) return;
    // It lies in its socket.
    by.whenAwake(() => {
      if (by.isPaused || by.answer(command, false).reply !== 'OK') return;
      this.failed--;
      this.#acknowledge({ key, slot, number, by });
    });
  }

  #acknowledge({ key, slot, number, by }: Acknowledged): void {
    this.acknowledged++;
    if (this.#isOutvoted(by, slot)) return;
    const promised = this.#promised.get(key);
    if (promised) promised.push(number);
    else this.#promised.set(key, [number]);
  }

  /** What the client makes of redirections; `by` is who answered, or will when it goes on. */
  #ask(
    command: readonly string[],
    slot: number,
  ): { readonly reply: unknown; readonly by: SimRedis | undefined } {
    const { network, random } = this.#options;
    const { servers } = this.#options.home();
    let host = this.#ownerOf.get(slot) ?? servers[random.integer(servers.length)]?.host;
    let isAsking = false;
    for (let tries = 0; tries < redirectionsMax; tries++) {
      const member = network.at(host ?? '');
      if (member?.isFrozen && network.reach('client', member.name)) {
        this.#ownerOf.delete(slot);
        return { reply: undefined, by: member };
      }
      const isThere = member && network.reach('client', member.name);
      if (!isThere || (member.isPaused && command[0] === 'SET')) break;
      const { reply } = member.answer(command, isAsking);
      if (!(reply instanceof RespError)) return { reply, by: member };
      const [, way, , address] = /^(MOVED|ASK) (\d+) (\S+)$/.exec(reply.message) ?? [];
      if (!way || !address) break;
      host = address.slice(0, address.lastIndexOf(':'));
      isAsking = way === 'ASK';
      if (!isAsking) this.#ownerOf.set(slot, host);
    }
    this.#ownerOf.delete(slot);
    return { reply: undefined, by: undefined };
  }

  /**
   * Whether somebody else leads already, or did before it ended, of which this one did not hear yet. Of two with the same
   * epoch, which one that was frozen may give itself when it goes on, either may give way.
   */
  #isOutvoted(by: SimRedis, slot: number): boolean {
    const { self, owners } = by.bus;
    if (owners[slot] !== self) return false;
    const { servers } = this.#options.home();
    const running = new Set(servers.map(({ bus }) => bus.self.id));
    return servers.some(({ bus }) => {
      const owner = bus.owners[slot];
      if (!owner || owner.id === self.id || owner.epoch < self.epoch) return false;
      return owner === bus.self || !running.has(owner.id);
    });
  }

  // What is given up

  /** A replica leads that had not everything yet: by votes, when its master was not ended by the operator. */
  promoted(member: SimRedis, from: string, how: LedBy): void {
    if (how === 'in order') return;
    const home = this.#options.home();
    const old = member.bus.nodes.get(from);
    const former = home.names.find((name) => this.#idOf(name) === from);
    if (former !== undefined && home.endedBy.get(former) === 'operator') return;
    const slots = old?.slots.share();
    if (slots) this.#forfeit(member.data.values, (slot) => hasSlot(slots, slot), how);
  }

  readonly #ids = new Map<string, string>();

  started(server: SimRedis): void {
    this.#ids.set(server.name, server.bus.self.id);
  }

  #idOf(name: string): string | undefined {
    return this.#ids.get(name);
  }

  /** A volume is gone: what nobody else has is. */
  lost(name: string): void {
    this.#forfeitLost(name);
  }

  /**
   * A replica copies all of whoever is at the address of its master. That it is another one there, who has nothing, no
   * operator can help.
   */
  replaced(member: SimRedis, by: SimData): void {
    const { master } = member.bus.self;
    const source = this.#options.home().servers.find(({ data }) => data === by);
    if (!master || source?.bus.self.id === master.id) return;
    this.#options.note(`${member.name} copies a stranger, ${source?.name ?? 'nobody'}`);
    this.#forfeitLost(member.name);
  }

  /** Promises that only this one could keep. */
  #forfeitLost(name: string): void {
    for (const { key } of this.#keys) {
      let best = 0;
      for (const copy of this.#options.home().copies()) {
        if (copy.name !== name) best = Math.max(best, Number(copy.values.get(key) ?? 0));
      }
      this.#forfeitAbove(key, best, `${name} lost it`);
    }
  }

  #forfeit(
    values: ReadonlyMap<string, string>,
    concerns: (slot: number) => boolean,
    why: string,
  ): void {
    for (const { key, slot } of this.#keys) {
      if (concerns(slot)) this.#forfeitAbove(key, Number(values.get(key) ?? 0), why);
    }
  }

  #forfeitAbove(key: string, number: number, why: string): void {
    const promised = this.#promised.get(key);
    const last = promised?.at(-1);
    if (!promised || last === undefined || last <= number) return;
    while ((promised.at(-1) ?? 0) > number) promised.pop();
    this.#options.note(`${key}: writes ${number + 1} to ${last} are given up: ${why}`);
  }

  // The account

  /** Keys whose promised writes clients do not read, in words. */
  missing(): readonly string[] {
    return this.#keys.flatMap(({ key, slot }) => {
      const wanted = this.#promised.get(key)?.at(-1) ?? 0;
      if (wanted === 0) return [];
      const found = Number(this.#read(key, slot));
      if (found >= wanted) return [];
      const holders = [...this.#options.home().copies()].flatMap(({ name, values }) =>
        values.has(key) ? [`${name} has ${values.get(key)}`] : [],
      );
      return [`${key} (slot ${slot}): ${found} instead of ${wanted}; ${holders.join(', ')}`];
    });
  }

  #read(key: string, slot: number): string {
    // What it remembers of owners may be of before.
    this.#ownerOf.delete(slot);
    for (let tries = 0; tries < 6; tries++) {
      const { reply } = this.#ask(['GET', key], slot);
      if (reply !== undefined) return Buffer.isBuffer(reply) ? reply.toString() : '0';
    }
    return '0';
  }
}
