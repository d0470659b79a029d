// One history of a Redis Cluster: its operator, which dies, its user, who changes his mind, a client that writes, and what
// befalls members and connections. What must hold is checked on the way and at the end.

import assert from 'node:assert/strict';
import type { Action, Engine } from '@tweendeck/engine';
import { Happenings, type World } from '@tweendeck/sim';
import { linkedAbort } from '@tweendeck/std';
import type { RedisFacts } from '../cluster/facts.ts';
import type { RedisClusterOptions } from '../cluster/redis-cluster.ts';
import { slotCount } from '../cluster/slots.ts';
import type { OpenLink } from '../redis-link.ts';
import { SimHome } from './sim-home.ts';
import { type Kept, SimOperator } from './sim-operator.ts';
import type { SimRedis } from './sim-redis.ts';
import { SimRedisNetwork } from './sim-redis-network.ts';
import { SimWriter } from './sim-writer.ts';
import { SlotSet } from './slot-set.ts';

const nodeTimeoutMs = 2_000;
const troubleMs = 40_000;
/** How often, at most, whom the operator tells something does not hear it at once. */
const missedMost = 0.2;

export interface SimClusterOptions {
  readonly engine: (open: OpenLink) => Engine<RedisClusterOptions, RedisFacts>;
}

/** Starts everything; it ends by itself when all is as the spec asks, or a person has to do something. */
export function simulateCluster(world: World, { engine }: SimClusterOptions): void {
  const history = new History(world, engine);
  history.start();
}

class History {
  readonly #world: World;
  readonly #network: SimRedisNetwork;
  readonly #home: SimHome;
  readonly #writer: SimWriter;
  readonly #operator: SimOperator;
  readonly #kept: Kept;
  readonly #faults = { active: true, cut: 0.003, slowMs: 400 };
  readonly #missed: number;
  readonly #ended: ReturnType<typeof linkedAbort>;
  #isSettled = false;

  constructor(world: World, engine: SimClusterOptions['engine']) {
    const { clock, random, note } = world;
    this.#world = world;
    this.#missed = missedMost * random.next();
    this.#ended = linkedAbort(world.signal);
    const network = new SimRedisNetwork({ clock, happenings: new Happenings(clock), random });
    this.#network = network;
    this.#writer = new SimWriter({ network, random, note, home: () => this.#home });
    this.#home = new SimHome({
      ...{ network, random, note, nodeTimeoutMs },
      hasVolumes: random.next() < 0.8,
      reusedAddresses: random.next() < 0.3 ? 0.5 : 0,
      onVolumeLost: (name) => this.#writer.lost(name),
      onStart: (server) => this.#writer.started(server),
    });
    network.watcher = {
      promoted: (member, { from, how }) => {
        note(`${member.name} leads, by ${how}`);
        this.#writer.promoted(member, from, how);
        if (how === 'takeover') this.#mayTakeOver(member, from);
      },
      replaced: (member, by) => this.#writer.replaced(member, by),
      asked: (member, command) => this.#judge(member, command),
    };
    const resources = { limits: {} };
    this.#kept = {
      spec: {
        ...{ version: '7.0', options: { nodeTimeoutMs } },
        groups: { data: { shards: 3, members: 1 + random.integer(3), resources } },
      },
      ...{ revision: '0', step: undefined, approved: new Set(), troubles: [], waits: 'it begins' },
    };
    this.#operator = new SimOperator({
      ...{ engine, network, clock, random, note, kept: this.#kept, home: this.#home },
      ...{ faults: this.#faults, callsMax: 600 },
      onTelling: (member) => this.#mayMiss(member),
      onDisruption: (action) => this.#mayDisturb(action),
    });
  }

  start(): void {
    const world = this.#world;
    const during = (name: string, task: (signal: AbortSignal) => Promise<void>): void =>
      world.start(name, async () => {
        try {
          await task(this.#ended.signal);
        } catch (error) {
          if (!this.#ended.signal.aborted) throw error;
        }
      });
    during('operator', (signal) => this.#operator.run(signal));
    during('user', (signal) => this.#user(signal));
    during('environment', (signal) => this.#environment(signal));
    const isAttentive = world.random.next() < 0.5;
    during('person', (signal) => this.#person(isAttentive ? 0 : troubleMs + 60_000, signal));
    world.always('no member is told what loses data', () => {
      this.#network.look();
      assert.deepEqual(this.#network.violations, []);
    });
    world.finally('it ends as it should', () => this.#checkEnd());
    this.#writer.start();
  }

  // What happens

  async #user(signal: AbortSignal): Promise<void> {
    const { clock, random, note } = this.#world;
    for (let changes = random.integer(4); changes > 0; changes--) {
      await clock.sleep(random.integer(troubleMs / 2), signal);
      if (clock.monotonicMs() > troubleMs) return;
      const { spec } = this.#kept;
      const data = spec.groups['data'] ?? { shards: 3, members: 2, resources: { limits: {} } };
      const what = random.integer(4);
      if (what === 0) this.#kept.revision = String(Number(this.#kept.revision) + 1);
      const shards = what === 1 ? 3 + random.integer(3) : (data.shards ?? 3);
      const members = what === 2 ? 1 + random.integer(3) : data.members;
      this.#kept.spec = { ...spec, groups: { data: { ...data, shards, members } } };
      note(`user: ${shards} × ${members}, revision ${this.#kept.revision}`);
    }
  }

  /** Approves, after a while, of what may lose data: what the trouble says brings the cluster where its spec is. */
  async #person(comesMs: number, signal: AbortSignal): Promise<void> {
    const { clock, random, note } = this.#world;
    await clock.sleep(comesMs, signal);
    for (;;) {
      await clock.sleep(2_000 + random.integer(8_000), signal);
      for (const { reason, message } of this.#kept.troubles) {
        const [, id] = /; "([^"]+)" may lose data/.exec(message) ?? [];
        if (reason !== 'ApprovalNeeded' || id === undefined) continue;
        note(`person: ${id} is approved`);
        this.#kept.approved = new Set([id]);
      }
    }
  }

  async #environment(signal: AbortSignal): Promise<void> {
    const { clock, random, note } = this.#world;
    const severity = random.next();
    while (clock.monotonicMs() < troubleMs) {
      await clock.sleep(500 + random.integer(12_000 * (1 - severity) + 1_000), signal);
      this.#network.look();
      this.#hurt();
    }
    this.#network.look();
    this.#network.partitions.healAll();
    for (const server of this.#home.servers) server.thaw();
    this.#faults.active = false;
    note('the trouble is over');
    await this.#untilSettled(signal);
    this.#isSettled = true;
    this.#writer.stop();
    this.#ended.abort(new Error('it is over'));
  }

  #hurt(): void {
    const { random, note } = this.#world;
    const network = this.#network;
    const home = this.#home;
    const { names } = home;
    const name = names[random.integer(names.length)];
    const other = names[random.integer(names.length)];
    if (name === undefined || other === undefined) return;
    const lastsMs = 500 + random.integer(15_000);
    const happenings: readonly (() => void)[] = [
      () => this.#kill(name),
      () => this.#kill(name),
      () => {
        note(`the pod ${name} goes`);
        home.losePod(name, 'kept');
      },
      () => {
        if (random.next() < 0.5) return;
        note(`the pod ${name} goes with its volume`);
        home.losePod(name, 'lost');
      },
      () => {
        this.#kill(name);
        this.#kill(other);
      },
      () => this.#freeze(name, lastsMs),
      () => this.#cut('operator', name, lastsMs),
      () => {
        note('the clock of the operator jumps');
        this.#world.clock.jumpWall(random.integer(240_000) - 120_000);
      },
      () => {
        const server = home.server(name);
        note(`${name} is slow for ${lastsMs} ms`);
        for (let atMs = 0; atMs < lastsMs; atMs += 400) {
          network.after(atMs, () => this.#faults.active && server?.freeze());
          network.after(atMs + 200 + random.integer(190), () => server?.thaw());
        }
      },
      () => this.#cut(name, other, lastsMs),
      () => {
        for (const one of names) this.#cut(name, one, lastsMs);
      },
      () => {
        const server = home.server(name);
        if (!server || random.next() < 0.2) return;
        note(`${name} is slow to copy`);
        server.data.lagMs = 1 + random.integer(2_000);
      },
      () => {
        if (random.next() < 0.7) return;
        note('all pods go');
        for (const one of names) home.losePod(one, 'kept');
      },
    ];
    happenings[random.integer(happenings.length)]?.();
  }

  /** Whom the operator tells something may hear it much later, when the operator does not wait for it any more. */
  #mayMiss({ name }: SimRedis): void {
    const { random } = this.#world;
    if (random.next() > this.#missed) return;
    const lastsMs = 500 + random.integer(15_000);
    if (random.next() < 0.3) this.#cut('operator', name, lastsMs);
    else this.#freeze(name, lastsMs);
  }

  #freeze(name: string, lastsMs: number): void {
    const server = this.#home.server(name);
    this.#world.note(`${name} is frozen for ${lastsMs} ms`);
    server?.freeze();
    this.#network.after(lastsMs, () => server?.thaw());
  }

  #kill(name: string): void {
    this.#world.note(`${name} is killed`);
    this.#home.crash(name);
  }

  #cut(one: string, other: string, lastsMs: number): void {
    if (one === other) return;
    this.#world.note(`${one} and ${other} do not reach each other for ${lastsMs} ms`);
    this.#network.partitions.cut(one, other);
    this.#network.after(lastsMs, () => this.#network.partitions.heal(one, other));
  }

  // What must hold

  /** Slots are given out once, and go from one to another when no keys are left of them. */
  #judge(member: SimRedis, [name = '', sub = '', ...rest]: readonly string[]): void {
    const isTaking = sub === 'ADDSLOTSRANGE';
    const isTaken = sub === 'SETSLOT' && rest[1] === 'NODE' && rest[2] === member.bus.self.id;
    if (name !== 'CLUSTER' || (!isTaking && !isTaken)) return;
    const slot = Number(rest[0]);
    const [owner] = this.#home.servers
      .filter(({ bus }) => bus !== member.bus && !bus.self.isReplica)
      .filter(({ bus }) => bus.owners[slot] === bus.self)
      .toSorted((one, other) => other.bus.self.epoch - one.bus.self.epoch);
    // One who was outvoted, and did not hear of it yet, owns nothing.
    if (!owner || (isTaken && owner.data.countKeys(slot) === 0)) return;
    this.#network.violations.push(`${member.name} was given slots of ${owner.name}`);
  }

  /** Who takes over without votes takes over from the dead, or as a person approved. */
  #mayTakeOver(member: SimRedis, from: string): void {
    if (this.#kept.approved.has(`take over with ${member.name}`)) return;
    const old = this.#home.servers.find(({ bus }) => bus.self.id === from && !bus.self.isReplica);
    if (old && old !== member) {
      this.#network.violations.push(`${member.name} took over from ${old.name}, which lives`);
    }
  }

  /** Nobody is ended while another one that the operator ended is not back; nor a leader with a replica in step. */
  #mayDisturb(action: Action): void {
    if (!('removes' in action)) return;
    const home = this.#home;
    const away = home.names.find((name) => home.endedBy.get(name) === 'operator');
    if (away) this.#network.violations.push(`${action.on} is ended while ${away} is away`);
    const server = home.server(action.on);
    if (!server || server.bus.self.isReplica) return;
    const heir = home.servers.find(
      ({ bus, data }) => bus.self.master?.id === server.bus.self.id && data.source?.state === 'up',
    );
    const wanted = heir && this.#isWanted(heir.name);
    if (heir && wanted && server.data.replicas > 0 && !heir.isFrozen) {
      this.#network.violations.push(`${action.on} is ended, and leads ${heir.name}`);
    }
  }

  #isWanted(name: string): boolean {
    const { shards = 1, members = 1 } = this.#kept.spec.groups['data'] ?? {};
    const place = this.#home.place(name);
    return place !== undefined && place.shard < shards && place.ordinal < members;
  }

  async #untilSettled(signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    for (let times = 0; times < 3; ) {
      await clock.sleep(1_000, signal);
      this.#network.look();
      times = this.#faultsFound().length === 0 ? times + 1 : 0;
    }
  }

  /** What is not as the spec asks. */
  #faultsFound(): readonly string[] {
    const { spec, waits, revision } = this.#kept;
    const { shards = 1, members = 1 } = spec.groups['data'] ?? {};
    const home = this.#home;
    const { servers, names } = home;
    const found: string[] = [];
    if (waits !== undefined) found.push(`it waits: ${waits}`);
    if (names.length !== shards * members || servers.length !== names.length) {
      found.push(`${servers.length} of ${names.length} run, ${shards * members} are wanted`);
    }
    const masters = servers.filter(({ bus }) => !bus.self.isReplica);
    const shardOf = ({ name }: SimRedis): number => home.place(name)?.shard ?? -1;
    if (masters.length !== shards || new Set(masters.map(shardOf)).size !== shards) {
      found.push(`leaders are ${masters.map(({ name }) => name).join(', ')}`);
    }
    const owned = new SlotSet();
    let sum = 0;
    for (const { bus } of masters) {
      sum += bus.self.slots.size;
      owned.addAll(bus.self.slots);
    }
    if (owned.size !== slotCount || sum !== slotCount) {
      found.push(`${owned.size} slots have owners, ${sum - owned.size} more than one`);
    }
    const refusing = masters.find(({ bus }) => !bus.isOk);
    if (refusing) found.push(`${refusing.name} takes no commands`);
    for (const replica of servers.filter(({ bus }) => bus.self.isReplica)) {
      const master = masters.find(({ bus }) => bus.self.id === replica.bus.self.master?.id);
      if (!master || shardOf(master) !== shardOf(replica) || replica.data.source?.state !== 'up') {
        found.push(`${replica.name} follows ${master?.name ?? 'nobody'}`);
      }
    }
    const outdated = this.#home
      .members([])
      .filter(({ pod }) => pod?.revision !== revision || !pod.ready);
    for (const { name } of outdated) found.push(`${name} is not as it should be`);
    return found;
  }

  /** What members say, with their names for ids. */
  #noteAll(): void {
    const ids = this.#home.servers.map(({ name, bus }) => [bus.self.id, name] as const);
    for (const server of this.#home.servers) {
      const text = String(server.answer(['CLUSTER', 'NODES'], false).reply);
      const named = ids.reduce((said, [id, name]) => said.replaceAll(id, name), text);
      const from = server.data.source;
      const copied = from ? `, copies ${from.host}: ${from.state}` : '';
      this.#world.note(`${server.name} at ${server.host}${copied} says:\n${named}`);
    }
  }

  #checkEnd(): void {
    if (!this.#isSettled) this.#network.look();
    const found = this.#faultsFound();
    const troubles = this.#kept.troubles.map(({ message }) => message);
    if (!this.#isSettled || found.length > 0) this.#noteAll();
    assert.ok(this.#isSettled, `it does not settle: ${[...found, ...troubles].join('; ')}`);
    assert.deepEqual(this.#writer.missing(), [], 'promised writes are lost');
    assert.ok(this.#writer.acknowledged > 0, 'nothing was ever written');
  }
}
