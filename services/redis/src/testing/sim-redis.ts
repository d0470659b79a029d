// One pretended redis-server of a cluster: a process at an address, with the volume it was started on.

import type { BusLink, BusMessage } from './bus-message.ts';
import type { KnownNode } from './known-node.ts';
import { type Arrival, type BusGround, type LedBy, SimBus } from './sim-bus.ts';
import { answerOf, type Reply } from './sim-commands.ts';
import { SimData } from './sim-data.ts';
import { Elections } from './sim-elections.ts';
import type { SimRedisNetwork } from './sim-redis-network.ts';
import type { SimVolume } from './sim-volume.ts';

export interface SimRedisOptions {
  /** By which partitions name it; it stays the same when it is started anew. */
  readonly name: string;
  readonly host: string;
  readonly nodeTimeoutMs: number;
  readonly volume: SimVolume;
}

export class SimRedis implements BusGround {
  readonly name: string;
  readonly host: string;
  readonly nodeTimeoutMs: number;
  readonly random: SimRedisNetwork['random'];
  readonly bus: SimBus;
  readonly data: SimData;
  readonly elections: Elections;
  readonly network: SimRedisNetwork;
  readonly #volume: SimVolume;
  /** What its clock shows at the beginning of simulated time: no two are set alike. */
  readonly #clockAtZeroMs: number;
  #isRunning = true;
  #frozen: (() => void)[] | undefined;
  #pausedUntilMs = 0;

  constructor(network: SimRedisNetwork, { name, host, nodeTimeoutMs, volume }: SimRedisOptions) {
    this.network = network;
    this.name = name;
    this.host = host;
    this.nodeTimeoutMs = nodeTimeoutMs;
    this.random = network.random;
    this.#volume = volume;
    this.#clockAtZeroMs = 1_700_000_000_000 + this.random.integer(600_000);
    const { nodes, values } = volume;
    this.data = new SimData(
      {
        ...{ random: this.random, syncDelayMs: network.syncDelayMs },
        nowMs: () => this.nowMs(),
        after: (delayMs, run) => this.after(delayMs, run),
        dataAt: (address) => this.#dataAt(address),
        replaced: (by) => network.watcher?.replaced?.(this, by),
      },
      values,
    );
    this.bus = new SimBus(this, nodes, Buffer.from(this.random.bytes(20)).toString('hex'));
    this.elections = new Elections(this.bus);
    this.bus.verifyKeys();
    this.#every(100, () => {
      this.bus.cron();
      this.elections.look();
    });
    this.#every(1_000, () => this.data.cron());
  }

  /** Its own clock, in milliseconds since 1970. */
  get clockMs(): number {
    return this.#clockAtZeroMs + this.nowMs();
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  /** Whether clients' writes wait. */
  get isPaused(): boolean {
    return this.#pausedUntilMs > this.nowMs();
  }

  /** At once: what it acknowledged is in its log. */
  kill(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#volume.nodes = this.bus.save();
    this.#volume.values = this.data.values;
    this.data.isEnded = true;
    for (const node of this.bus.nodes.values()) node.closeLink();
    this.network.left(this);
  }

  /** It stays there and says nothing. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const late = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const run of late) run();
  }

  answer(command: readonly string[], isAsking: boolean): Reply {
    return answerOf(this, command, isAsking);
  }

  // What its bus asks of it

  nowMs(): number {
    return this.network.nowMs;
  }

  offset(): number {
    return this.data.offset;
  }

  countKeys(slot: number): number {
    return this.data.countKeys(slot);
  }

  slotsWithKeys(): readonly number[] {
    return this.data.slotsWithKeys();
  }

  dropKeys(slots: readonly number[]): void {
    for (const slot of slots) {
      for (const key of this.data.keysIn(slot)) this.data.write(key, undefined);
    }
  }

  follow(master: KnownNode | undefined): void {
    this.data.follow(master?.host);
  }

  pauseWrites(untilMs: number): void {
    this.#pausedUntilMs = untilMs;
  }

  promoted(from: KnownNode, how: LedBy): void {
    this.network.watcher?.promoted?.(this, { from: from.id, how });
  }

  post(link: BusLink, message: BusMessage): boolean {
    const other = this.network.at(link.host);
    if (!this.network.reach(this.name, other?.name ?? link.host)) return true;
    if (!other) return false;
    link.arrivesMs.there = this.network.carry(other, link.arrivesMs.there, () => {
      if (!link.isOpen) return;
      other.#receive({
        message,
        onto: undefined,
        answer: (reply) => {
          if (!this.network.reach(this.name, other.name)) return;
          link.arrivesMs.back = this.network.carry(this, link.arrivesMs.back, () => {
            const onto = [...this.bus.nodes.values()].find((node) => node.link === link);
            if (link.isOpen) this.#receive({ message: reply, onto, answer: () => undefined });
          });
        },
      });
    });
    return true;
  }

  #receive(arrival: Arrival): void {
    const sender = this.bus.receive(arrival);
    this.elections.receive(arrival.message, sender);
  }

  #dataAt(host: string): SimData | 'refused' | undefined {
    const other = this.network.at(host);
    if (!this.network.reach(this.name, other?.name ?? host)) return undefined;
    if (!other) return 'refused';
    return other.isFrozen ? undefined : other.data;
  }

  #every(periodMs: number, run: () => void): void {
    const again = (): void => {
      run();
      this.after(periodMs, again);
    };
    this.after(this.random.integer(periodMs), again);
  }

  /** Later, when it runs yet and is not frozen. */
  after(delayMs: number, run: () => void): void {
    this.network.after(delayMs, () => this.whenAwake(run));
  }

  whenAwake(run: () => void): void {
    if (!this.#isRunning) return;
    if (this.#frozen) this.#frozen.push(() => this.whenAwake(run));
    else run();
  }
}
