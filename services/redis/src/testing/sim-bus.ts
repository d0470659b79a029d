// The cluster bus of a pretended redis-server 7.0: who knows whom, who owns which slots, who fails. What is here follows the
// Redis cluster specification (redis.io/docs/reference/cluster-spec) and what real servers were seen to do
// (`observations.ts`).

import type { Random } from '@tweendeck/std';
import { slotCount } from '../cluster/slots.ts';
import type { BusHeader, BusLink, BusMessage, Gossip } from './bus-message.ts';
import { KnownNode } from './known-node.ts';
import type { NodesFile } from './sim-volume.ts';
import { eachSlot } from './slot-set.ts';

/** How a replica came to lead. */
export type LedBy = 'votes' | 'in order' | 'force' | 'takeover';

/** What the bus needs of the process that it is in. */
export interface BusGround {
  readonly host: string;
  readonly nodeTimeoutMs: number;
  readonly random: Random;
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
  /** Bytes of the stream of writes that it has. */
  offset(): number;
  countKeys(slot: number): number;
  dropKeys(slots: readonly number[]): void;
  slotsWithKeys(): readonly number[];
  /** From whom its data come now; undefined: from clients. */
  follow(master: KnownNode | undefined): void;
  /** Over a link of its own. False: nobody listens there. */
  post(link: BusLink, message: BusMessage): boolean;
  pauseWrites(untilMs: number): void;
  /** It leads now what another one led. */
  promoted(from: KnownNode, how: LedBy): void;
}

/** A message, and the way back on which it came. */
export interface Arrival {
  readonly message: BusMessage;
  /** Of the sender, with the node it is to: `onto` is set at the one who opened the link. */
  readonly onto: KnownNode | undefined;
  readonly answer: (message: BusMessage) => void;
}

const forgetMs = 60_000;
const writableDelayMs = 2_000;

export class SimBus {
  readonly self: KnownNode;
  readonly nodes: Map<string, KnownNode> = new Map();
  readonly owners: (KnownNode | undefined)[] = new Array<KnownNode | undefined>(slotCount);
  readonly migrating: Map<number, KnownNode> = new Map();
  readonly importing: Map<number, KnownNode> = new Map();
  readonly #forgotten = new Map<string, number>();
  readonly ground: BusGround;
  currentEpoch = 0;
  lastVoteEpoch = 0;
  isOk = false;
  /** Masters that own slots. */
  size = 1;
  readonly #startedMs: number;
  #minorityMs = -Infinity;
  #iteration = 0;
  #isBroadcasting = false;
  /** A manual failover ends then at the latest; 0: there is none. */
  failoverEndsMs = 0;
  failoverTo: KnownNode | undefined;
  /** What a master told that holds its writes back. */
  failoverOffset = -1;

  constructor(ground: BusGround, saved: NodesFile | undefined, ownId: string) {
    this.ground = ground;
    this.#startedMs = ground.nowMs();
    this.self = new KnownNode(saved?.selfId ?? ownId, ground.host, this.#startedMs);
    this.nodes.set(this.self.id, this.self);
    if (saved) this.#load(saved);
  }

  #load(saved: NodesFile): void {
    this.currentEpoch = saved.currentEpoch;
    this.lastVoteEpoch = saved.lastVoteEpoch;
    for (const { id, host, hasAddress, failing, epoch, slots } of saved.nodes) {
      const node = id === this.self.id ? this.self : new KnownNode(id, host, this.#startedMs);
      if (node !== this.self) {
        this.nodes.set(id, node);
        Object.assign(node, { hasAddress, failing, failedMs: this.#startedMs });
      }
      node.epoch = epoch;
      eachSlot(slots, (slot) => this.give(slot, node));
    }
    for (const { id, masterId } of saved.nodes) {
      const node = this.nodes.get(id);
      const master = masterId === undefined ? undefined : this.nodes.get(masterId);
      if (node && masterId !== undefined) Object.assign(node, { isReplica: true, master });
    }
    for (const [slot, id] of saved.migrating) this.#open(this.migrating, slot, id);
    for (const [slot, id] of saved.importing) this.#open(this.importing, slot, id);
  }

  #open(ways: Map<number, KnownNode>, slot: number, id: string): void {
    const node = this.nodes.get(id);
    if (node) ways.set(slot, node);
  }

  /** Once its data are there: slots that it has keys of, and does not own, are looked into. */
  verifyKeys(): void {
    if (this.self.isReplica) {
      this.ground.follow(this.self.master);
      return;
    }
    for (const slot of this.ground.slotsWithKeys()) {
      const owner = this.owners[slot];
      if (owner === this.self || this.importing.has(slot)) continue;
      if (owner === undefined) this.give(slot, this.self);
      else this.importing.set(slot, owner);
    }
  }

  save(): NodesFile {
    const known = [...this.nodes.values()].filter(({ inHandshake }) => !inHandshake);
    return {
      selfId: this.self.id,
      currentEpoch: this.currentEpoch,
      lastVoteEpoch: this.lastVoteEpoch,
      nodes: known.map((node) => ({
        ...{ id: node.id, host: node.host, hasAddress: node.hasAddress, failing: node.failing },
        ...{ epoch: node.epoch, slots: node.slots.share() },
        masterId: node.isReplica ? (node.master?.id ?? '') : undefined,
      })),
      migrating: [...this.migrating].map(([slot, { id }]) => [slot, id]),
      importing: [...this.importing].map(([slot, { id }]) => [slot, id]),
    };
  }

  // Slots

  give(slot: number, to: KnownNode | undefined): void {
    this.owners[slot]?.slots.delete(slot);
    this.owners[slot] = to;
    to?.slots.add(slot);
  }

  /** A higher epoch than any that was heard of, unless its own is that already. */
  raiseEpoch(): boolean {
    const known = [...this.nodes.values()].map(({ epoch }) => epoch);
    const highest = Math.max(this.currentEpoch, ...known);
    if (this.self.epoch !== 0 && this.self.epoch === highest) return false;
    this.currentEpoch++;
    this.self.epoch = this.currentEpoch;
    return true;
  }

  /** What a master says it owns wins over lower epochs. */
  #updateSlots(sender: KnownNode, epoch: number, bits: Uint8Array, count: number): void {
    if (sender === this.self) return;
    const before = this.self.isReplica ? this.self.master : this.self;
    const dirty: number[] = [];
    let taken = 0;
    sender.slots.eachMissing(bits, (slot) => {
      const owner = this.owners[slot];
      if (this.importing.has(slot)) return;
      if (owner !== undefined && owner.epoch >= epoch) return;
      if (owner === this.self && this.ground.countKeys(slot) > 0) dirty.push(slot);
      if (owner !== undefined && owner === before) taken++;
      this.give(slot, sender);
    });
    // With `cluster-allow-replica-migration no` only who took over whole is followed.
    const above = this.self.isReplica ? this.self.master?.master : undefined;
    if (taken > 0 && before?.slots.size === 0 && count === taken) this.setMaster(sender);
    else if (above && above !== this.self) this.setMaster(above);
    else if (dirty.length > 0) this.ground.dropKeys(dirty);
  }

  // Roles

  setMaster(master: KnownNode): void {
    if (!this.self.isReplica) {
      this.migrating.clear();
      this.importing.clear();
    }
    this.self.isReplica = true;
    this.self.master = master;
    this.endFailover();
    this.ground.follow(master);
  }

  #setRole(node: KnownNode, masterId: string | undefined): void {
    if (masterId === undefined) {
      node.isReplica = false;
      node.master = undefined;
      return;
    }
    const master = this.nodes.get(masterId);
    if (!node.isReplica) {
      eachSlot(node.slots.share(), (slot) => this.give(slot, undefined));
      node.isReplica = true;
    }
    if (master) node.master = master;
  }

  replicasOf(master: KnownNode): readonly KnownNode[] {
    return [...this.nodes.values()].filter((node) => node.isReplica && node.master === master);
  }

  // Who is there

  meet(host: string, isMet = true): void {
    for (const node of this.nodes.values()) if (node.inHandshake && node.host === host) return;
    const node = this.#create(this.randomId(), host);
    node.inHandshake = true;
    node.isMet = isMet;
  }

  randomId(): string {
    return Buffer.from(this.ground.random.bytes(20)).toString('hex');
  }

  #create(id: string, host: string): KnownNode {
    const node = new KnownNode(id, host, this.ground.nowMs());
    this.nodes.set(id, node);
    return node;
  }

  forget(node: KnownNode): void {
    this.#forgotten.set(node.id, this.ground.nowMs() + forgetMs);
    this.#remove(node);
  }

  #remove(node: KnownNode): void {
    eachSlot(node.slots.share(), (slot) => this.give(slot, undefined));
    for (const ways of [this.migrating, this.importing]) {
      for (const [slot, other] of ways) if (other === node) ways.delete(slot);
    }
    for (const other of this.nodes.values()) {
      other.reports.delete(node);
      if (other.master === node) other.master = undefined;
    }
    node.closeLink();
    this.nodes.delete(node.id);
  }

  #isForgotten(id: string): boolean {
    return (this.#forgotten.get(id) ?? 0) > this.ground.nowMs();
  }

  /** Ten times a second. */
  cron(): void {
    const now = this.ground.nowMs();
    const { nodeTimeoutMs } = this.ground;
    this.#iteration++;
    for (const node of [...this.nodes.values()]) {
      if (node === this.self || !node.hasAddress) continue;
      if (node.inHandshake && now - node.createdMs > Math.max(nodeTimeoutMs, 1_000)) {
        this.#remove(node);
      } else if (!node.link?.isOpen) this.#connect(node, now);
    }
    if (this.#iteration % 10 === 0) this.#pingOne();
    for (const node of this.nodes.values()) {
      if (node !== this.self && node.hasAddress && !node.inHandshake) this.#watch(node, now);
    }
    if (!this.isOk || this.#iteration % 5 === 0) this.updateState();
  }

  #connect(node: KnownNode, now: number): void {
    const pending = node.pingSentMs;
    node.link = {
      ...{ host: node.host, createdMs: now, isOpen: true },
      arrivesMs: { there: 0, back: 0 },
    };
    this.#ping(node, node.isMet ? 'meet' : 'ping');
    if (pending > 0) node.pingSentMs = pending;
    node.isMet = false;
  }

  #pingOne(): void {
    const all = [...this.nodes.values()];
    let oldest: KnownNode | undefined;
    for (let tries = 0; tries < 5; tries++) {
      const node = all[this.ground.random.integer(all.length)];
      if (!node || node === this.self || node.inHandshake) continue;
      if (!node.link || node.pingSentMs > 0) continue;
      if (!oldest || node.pongReceivedMs < oldest.pongReceivedMs) oldest = node;
    }
    if (oldest) this.#ping(oldest, 'ping');
  }

  #watch(node: KnownNode, now: number): void {
    const { nodeTimeoutMs } = this.ground;
    const pingMs = node.pingSentMs > 0 ? now - node.pingSentMs : 0;
    const silentMs = Math.min(pingMs, now - node.heardMs);
    if (node.link && now - node.link.createdMs > nodeTimeoutMs && silentMs > nodeTimeoutMs / 2) {
      node.closeLink();
    }
    if (node.link && node.pingSentMs === 0 && now - node.pongReceivedMs > nodeTimeoutMs / 2) {
      this.#ping(node, 'ping');
      return;
    }
    if (this.failoverEndsMs > 0 && this.failoverTo === node && node.link) {
      this.#ping(node, 'ping');
      return;
    }
    if (node.pingSentMs === 0 || silentMs <= nodeTimeoutMs || node.failing !== 'no') return;
    node.failing = 'maybe';
    this.#failIfMost(node);
    this.updateState();
  }

  // Messages

  header(): BusHeader {
    const { self } = this;
    const leader = self.isReplica && self.master ? self.master : self;
    return {
      ...{ sender: self.id, host: self.host, currentEpoch: this.currentEpoch },
      masterId: self.isReplica ? (self.master?.id ?? '') : undefined,
      ...{ epoch: leader.epoch, slots: leader.slots.share(), slotCount: leader.slots.size },
      ...{ offset: this.ground.offset(), isPaused: !self.isReplica && this.failoverEndsMs > 0 },
    };
  }

  #ping(node: KnownNode, type: 'ping' | 'meet'): void {
    node.pingSentMs = this.ground.nowMs();
    this.send(node, { ...this.header(), type, gossip: this.#gossip() });
  }

  send(node: KnownNode, message: BusMessage): void {
    if (node.link && !this.ground.post(node.link, message)) node.closeLink();
  }

  /** To all at once what several commands behind one another changed. */
  broadcastSoon(): void {
    if (this.#isBroadcasting) return;
    this.#isBroadcasting = true;
    this.ground.after(1, () => {
      this.#isBroadcasting = false;
      this.broadcastPong();
    });
  }

  broadcastPong(): void {
    for (const node of this.nodes.values()) {
      if (node !== this.self && !node.inHandshake && node.link) {
        this.send(node, { ...this.header(), type: 'pong', gossip: this.#gossip() });
      }
    }
  }

  #gossip(): readonly Gossip[] {
    const all = [...this.nodes.values()];
    const chosen = new Set<KnownNode>();
    const wanted = Math.min(Math.max(3, Math.floor(all.length / 10)), all.length - 2);
    for (let tries = wanted * 3; chosen.size < wanted && tries > 0; tries--) {
      const node = all[this.ground.random.integer(all.length)];
      if (!node || node === this.self || node.failing === 'maybe') continue;
      if (node.inHandshake || !node.hasAddress) continue;
      if (!node.link && node.slots.size === 0) continue;
      chosen.add(node);
    }
    for (const node of all) {
      if (node.failing === 'maybe' && !node.inHandshake && node.hasAddress) chosen.add(node);
    }
    return [...chosen].map((node) => ({
      ...{ id: node.id, host: node.host, failing: node.failing, hasAddress: node.hasAddress },
      masterId: node.isReplica ? (node.master?.id ?? '') : undefined,
      pongReceivedMs: node.pongReceivedMs,
    }));
  }

  /** Gives the sender when it is known and its word counts. */
  receive({ message, onto, answer }: Arrival): KnownNode | undefined {
    const now = this.ground.nowMs();
    const sender =
      onto && !onto.inHandshake && onto.id === message.sender
        ? onto
        : this.nodes.get(message.sender);
    const known = sender?.inHandshake ? undefined : sender;
    if (sender) sender.heardMs = now;
    if (known) {
      this.currentEpoch = Math.max(this.currentEpoch, message.currentEpoch);
      if (message.masterId === undefined) known.epoch = Math.max(known.epoch, message.epoch);
      known.offset = message.offset;
      const isMaster = this.self.isReplica && this.self.master === known;
      if (this.failoverEndsMs > 0 && isMaster && message.isPaused && this.failoverOffset < 0) {
        this.failoverOffset = message.offset;
      }
    }
    switch (message.type) {
      case 'ping':
      case 'pong':
      case 'meet':
        return this.#heard({ message, onto, answer }, known);
      case 'fail': {
        const failing = known && this.nodes.get(message.about);
        if (failing && failing !== this.self && failing.failing !== 'yes') this.#fail(failing);
        return known;
      }
      case 'update': {
        const about = known && this.nodes.get(message.about);
        if (!about || about.epoch >= message.aboutEpoch) return known;
        this.#setRole(about, undefined);
        about.epoch = message.aboutEpoch;
        const { aboutEpoch, aboutSlots, aboutCount } = message;
        this.#updateSlots(about, aboutEpoch, aboutSlots, aboutCount);
        return known;
      }
      case 'vote for me':
      case 'vote':
      case 'pause':
        return known;
    }
  }

  #heard({ message, onto, answer }: Arrival, sender: KnownNode | undefined): KnownNode | undefined {
    if (message.type !== 'ping' && message.type !== 'pong' && message.type !== 'meet') return;
    const now = this.ground.nowMs();
    if (message.type !== 'pong') {
      if (!sender && message.type === 'meet') {
        this.meet(message.host, false);
        this.#heedGossip(message.gossip, undefined);
      }
      answer({ ...this.header(), type: 'pong', gossip: this.#gossip() });
    }
    let known = sender;
    if (onto && this.nodes.get(onto.id) === onto) {
      if (onto.inHandshake) {
        if (known) {
          if (known.link !== onto.link) this.#move(known, message.host);
          this.#remove(onto);
          return known;
        }
        this.nodes.delete(onto.id);
        onto.id = message.sender;
        this.nodes.set(onto.id, onto);
        onto.inHandshake = false;
        onto.isReplica = message.masterId !== undefined;
        onto.heardMs = now;
        known = onto;
        // What it says of itself counts from its next message on.
        onto.pongReceivedMs = now;
        onto.pingSentMs = 0;
        return known;
      }
      if (onto.id !== message.sender) {
        onto.hasAddress = false;
        onto.host = '';
        onto.closeLink();
        return undefined;
      }
      if (message.type === 'pong') {
        onto.pongReceivedMs = now;
        onto.pingSentMs = 0;
        if (onto.failing === 'maybe') {
          onto.failing = 'no';
          this.updateState();
        } else if (onto.failing === 'yes') this.#clearFailure(onto, now);
      }
    }
    if (!known) return undefined;
    if (message.type === 'ping') this.#move(known, message.host);
    this.#setRole(known, message.masterId);
    this.#heedSlots(known, message);
    this.#heedGossip(message.gossip, known);
    return known;
  }

  /** Whoever is asked under an old address is asked under the new one. */
  #move(node: KnownNode, host: string): void {
    if (node.hasAddress && node.host === host) return;
    node.host = host;
    node.hasAddress = true;
    node.closeLink();
    if (this.self.isReplica && this.self.master === node) this.ground.follow(node);
  }

  #heedSlots(sender: KnownNode, { epoch, slots, slotCount: count }: BusMessage): void {
    const master = sender.isReplica ? sender.master : sender;
    if (!master) return;
    if (!master.slots.is(slots)) {
      if (master === sender) this.#updateSlots(sender, epoch, slots, count);
      this.#correct(sender, epoch, slots);
    }
    const collides = !this.self.isReplica && !sender.isReplica && epoch === this.self.epoch;
    if (collides && sender.id > this.self.id) {
      this.currentEpoch++;
      this.self.epoch = this.currentEpoch;
    }
  }

  /** Who claims what another one owns by a higher epoch is told. */
  #correct(sender: KnownNode, epoch: number, slots: Uint8Array): void {
    let winner: KnownNode | undefined;
    const claimant = sender.isReplica ? sender.master : sender;
    claimant?.slots.eachMissing(slots, (slot) => {
      const owner = this.owners[slot];
      if (!winner && owner && owner !== sender && owner.epoch > epoch) winner = owner;
    });
    if (!winner) return;
    const { id, epoch: aboutEpoch, slots: owned } = winner;
    this.send(sender, {
      ...{ ...this.header(), type: 'update', about: id, aboutEpoch },
      ...{ aboutSlots: owned.share(), aboutCount: owned.size },
    });
  }

  #heedGossip(gossip: readonly Gossip[], sender: KnownNode | undefined): void {
    const now = this.ground.nowMs();
    for (const said of gossip) {
      const node = this.nodes.get(said.id);
      if (!node) {
        if (!sender || !said.hasAddress || this.#isForgotten(said.id)) continue;
        const made = this.#create(said.id, said.host);
        made.failing = said.failing;
        made.failedMs = now;
        this.#setRole(made, said.masterId);
        continue;
      }
      if (!sender || node === this.self) continue;
      if (!sender.isReplica) {
        if (said.failing === 'no') node.reports.delete(sender);
        else {
          node.reports.set(sender, now);
          this.#failIfMost(node);
        }
      }
      const isFine = said.failing === 'no' && said.hasAddress;
      if (isFine && node.failing === 'no' && node.pingSentMs === 0 && node.reports.size === 0) {
        const latest = Math.min(said.pongReceivedMs, now + 500);
        node.pongReceivedMs = Math.max(node.pongReceivedMs, latest);
      }
      if (isFine && node.failing !== 'no' && node.host !== said.host) {
        node.closeLink();
        node.host = said.host;
        node.hasAddress = true;
      }
    }
  }

  // Failures

  #failIfMost(node: KnownNode): void {
    if (node.failing !== 'maybe') return;
    const now = this.ground.nowMs();
    const oldestMs = now - this.ground.nodeTimeoutMs * 2;
    for (const [reporter, ms] of node.reports) if (ms < oldestMs) node.reports.delete(reporter);
    const votes = node.reports.size + (this.self.isReplica ? 0 : 1);
    if (votes < Math.floor(this.size / 2) + 1) return;
    this.#fail(node);
    for (const other of this.nodes.values()) {
      if (other !== this.self && !other.inHandshake && other.link) {
        this.send(other, { ...this.header(), type: 'fail', about: node.id });
      }
    }
  }

  #fail(node: KnownNode): void {
    node.failing = 'yes';
    node.failedMs = this.ground.nowMs();
    this.updateState();
  }

  #clearFailure(node: KnownNode, now: number): void {
    const isLate = now - node.failedMs > this.ground.nodeTimeoutMs * 2;
    if (!node.isReplica && node.slots.size > 0 && !isLate) return;
    node.failing = 'no';
    this.updateState();
  }

  /** Whether it takes commands: with most masters, and for a while after it started or was in the minority not yet. */
  updateState(): void {
    const now = this.ground.nowMs();
    const { self } = this;
    if (!self.isReplica && !this.isOk && now - this.#startedMs < writableDelayMs) return;
    let size = 0;
    let reachable = 0;
    for (const node of this.nodes.values()) {
      if (node.isReplica || node.slots.size === 0) continue;
      size++;
      if (node.failing === 'no') reachable++;
    }
    this.size = size;
    const isOk = reachable >= Math.floor(size / 2) + 1;
    if (!isOk) this.#minorityMs = now;
    if (isOk === this.isOk) return;
    const rejoinMs = Math.min(Math.max(this.ground.nodeTimeoutMs, 500), 5_000);
    if (isOk && !self.isReplica && now - this.#minorityMs < rejoinMs) return;
    this.isOk = isOk;
  }

  endFailover(): void {
    this.failoverEndsMs = 0;
    this.failoverTo = undefined;
    this.failoverOffset = -1;
    this.ground.pauseWrites(0);
  }
}
