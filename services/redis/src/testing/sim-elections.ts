// How a replica comes to lead, in a pretended redis-server 7.0: elections of failed masters, and manual failovers.

import type { BusMessage } from './bus-message.ts';
import type { KnownNode } from './known-node.ts';
import type { LedBy, SimBus } from './sim-bus.ts';
import { eachSlot } from './slot-set.ts';

const manualMs = 5_000;

export class Elections {
  readonly #bus: SimBus;
  #atMs = -Infinity;
  #rank = 0;
  #epoch = 0;
  #votes = 0;
  #isAsked = false;
  /** Whether a manual failover may go on: the offsets are the same, or it was forced. */
  #mayStart = false;
  #isForced = false;

  constructor(bus: SimBus) {
    this.#bus = bus;
  }

  /** Ten times a second, and whenever something about it came in. */
  look(): void {
    const bus = this.#bus;
    const now = bus.ground.nowMs();
    if (bus.failoverEndsMs > 0 && now >= bus.failoverEndsMs) {
      bus.endFailover();
      this.#mayStart = false;
    }
    if (!bus.self.isReplica) return;
    if (bus.failoverEndsMs > 0 && bus.failoverOffset === bus.ground.offset()) this.#mayStart = true;
    this.#stand(now);
  }

  #stand(now: number): void {
    const bus = this.#bus;
    const { master } = bus.self;
    const isManual = bus.failoverEndsMs > 0 && this.#mayStart;
    if (!master || master.slots.size === 0 || (master.failing !== 'yes' && !isManual)) return;
    const timeoutMs = Math.max(bus.ground.nodeTimeoutMs * 2, 2_000);
    if (now - this.#atMs > timeoutMs * 2) {
      this.#votes = 0;
      this.#isAsked = false;
      this.#rank = isManual ? 0 : this.#rankOf(master);
      const delayMs = 500 + bus.ground.random.integer(500) + this.#rank * 1_000;
      this.#atMs = isManual ? now : now + delayMs;
      bus.broadcastPong();
      if (!isManual) return;
    }
    if (!this.#isAsked && !isManual) {
      const rank = this.#rankOf(master);
      if (rank > this.#rank) {
        this.#atMs += (rank - this.#rank) * 1_000;
        this.#rank = rank;
      }
    }
    if (now < this.#atMs || now - this.#atMs > timeoutMs) return;
    if (!this.#isAsked) this.#ask(isManual);
    else if (this.#votes >= Math.floor(bus.size / 2) + 1) this.#win(master, isManual);
  }

  /** How many replicas of its master have more than it. */
  #rankOf(master: KnownNode): number {
    const own = this.#bus.ground.offset();
    return this.#bus
      .replicasOf(master)
      .filter((node) => node !== this.#bus.self && node.offset > own).length;
  }

  #ask(isForced: boolean): void {
    const bus = this.#bus;
    bus.currentEpoch++;
    this.#epoch = bus.currentEpoch;
    this.#isAsked = true;
    for (const node of bus.nodes.values()) {
      if (node === bus.self || node.inHandshake || !node.link) continue;
      bus.send(node, { ...bus.header(), type: 'vote for me', isForced });
    }
  }

  receive(message: BusMessage, sender: KnownNode | undefined): void {
    if (!sender) return;
    if (message.type === 'vote for me') this.#vote(message, sender);
    if (message.type === 'vote' && !sender.isReplica && sender.slots.size > 0) {
      if (message.currentEpoch >= this.#epoch) this.#votes++;
    }
    if (message.type === 'pause') this.#pause(sender);
    this.look();
  }

  #vote(message: Extract<BusMessage, { type: 'vote for me' }>, sender: KnownNode): void {
    const bus = this.#bus;
    const now = bus.ground.nowMs();
    const { master } = sender;
    if (bus.self.isReplica || bus.self.slots.size === 0) return;
    if (message.currentEpoch < bus.currentEpoch || bus.lastVoteEpoch === bus.currentEpoch) return;
    if (!sender.isReplica || !master) return;
    if (master.failing !== 'yes' && !message.isForced) return;
    if (now - master.votedMs < bus.ground.nodeTimeoutMs * 2) return;
    let isOutdone = false;
    eachSlot(message.slots, (slot) => {
      const owner = bus.owners[slot];
      if (owner && owner.epoch > message.epoch) isOutdone = true;
    });
    if (isOutdone) return;
    bus.lastVoteEpoch = bus.currentEpoch;
    master.votedMs = now;
    bus.send(sender, { ...bus.header(), type: 'vote' });
  }

  #win(master: KnownNode, isManual: boolean): void {
    const { self } = this.#bus;
    self.epoch = Math.max(self.epoch, this.#epoch);
    this.#lead(master, !isManual ? 'votes' : this.#isForced ? 'force' : 'in order');
  }

  #lead(master: KnownNode, how: LedBy): void {
    const bus = this.#bus;
    bus.self.isReplica = false;
    bus.self.master = undefined;
    bus.ground.promoted(master, how);
    bus.ground.follow(undefined);
    eachSlot(master.slots.share(), (slot) => bus.give(slot, bus.self));
    bus.updateState();
    bus.broadcastPong();
    bus.endFailover();
    this.#mayStart = false;
  }

  // Manual failovers

  /** Of a replica that its master is to hand over to: the words of an error, or undefined when it begins. */
  begin(how: 'in order' | 'FORCE' | 'TAKEOVER'): string | undefined {
    const bus = this.#bus;
    const { master, isReplica } = bus.self;
    if (!isReplica) return 'ERR You should send CLUSTER FAILOVER to a replica';
    if (!master) return "ERR I'm a replica but my master is unknown to me";
    if (how === 'in order' && (master.failing === 'yes' || !master.link)) {
      return 'ERR Master is down or failed, please use CLUSTER FAILOVER FORCE';
    }
    bus.endFailover();
    this.#mayStart = false;
    this.#isForced = false;
    bus.failoverEndsMs = bus.ground.nowMs() + manualMs;
    if (how === 'TAKEOVER') {
      bus.raiseEpoch();
      this.#lead(master, 'takeover');
    } else if (how === 'FORCE') {
      this.#mayStart = true;
      this.#isForced = true;
    } else bus.send(master, { ...bus.header(), type: 'pause' });
    return undefined;
  }

  #pause(sender: KnownNode): void {
    const bus = this.#bus;
    if (bus.self.isReplica || sender.master !== bus.self) return;
    bus.endFailover();
    const now = bus.ground.nowMs();
    bus.failoverEndsMs = now + manualMs;
    bus.failoverTo = sender;
    bus.ground.pauseWrites(now + manualMs * 2);
  }
}
