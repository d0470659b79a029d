// What a pretended redis-server 7.0 answers, in the words of the real one.

import { RespError, type RespValue } from '@tweendeck/wire';
import { slotCount } from '../cluster/slots.ts';
import { type Expiry, expiringIn } from '../expiring.ts';
import type { KnownNode } from './known-node.ts';
import type { SimRedis } from './sim-redis.ts';
import { slotOfKey } from './slot-set.ts';

export interface Reply {
  readonly reply: RespValue;
  /** Whether the next command of this connection may be about a slot that is on its way here. */
  readonly isAsking: boolean;
}

const port = 6_379;
const no = (text: string): RespError => new RespError(text);
const text = (value: string): Buffer => Buffer.from(value, 'latin1');

export function answerOf(member: SimRedis, command: readonly string[], isAsking: boolean): Reply {
  const [name = '', ...rest] = command;
  const upper = name.toUpperCase();
  const timed = expiringIn(command);
  if (timed) {
    const expired = expiredBy(member, timed);
    if (expired !== undefined) return { reply: no(`EXPIRED ${expired}`), isAsking: false };
    return answerOf(member, timed.command, isAsking);
  }
  member.network.watcher?.asked?.(member, command);
  if (upper === 'ASKING') return { reply: 'OK', isAsking: true };
  return { reply: plain(member, [upper, ...rest], isAsking), isAsking: false };
}

/** In what way, or undefined where it is to be done. */
function expiredBy({ clockMs, bus }: SimRedis, { untilMs, role }: Expiry): string | undefined {
  if (clockMs > untilMs) return `${Math.floor(clockMs - untilMs)} ms ago`;
  const { isReplica, master } = bus.self;
  const isSame = role === undefined || role.follows === (isReplica ? master?.id : undefined);
  return isSame ? undefined : 'it has another role now';
}

function plain(
  member: SimRedis,
  [name = '', ...rest]: readonly string[],
  isAsking: boolean,
): RespValue {
  switch (name) {
    case 'PING':
      return 'PONG';
    case 'INFO':
      return text(infoOf(member));
    case 'TIME':
      return [Math.floor(member.clockMs / 1_000), Math.floor(member.clockMs % 1_000) * 1_000].map(
        (part) => text(String(part)),
      );
    case 'DBSIZE':
      return member.data.values.size;
    case 'CLUSTER':
      return clusterAnswer(member, rest);
    case 'READONLY':
      return 'OK';
    case 'GET':
    case 'SET':
    case 'DEL':
      return keyAnswer(member, [name, ...rest], isAsking);
    case 'MIGRATE':
      return migrate(member, rest);
    case 'FLUSHALL':
    case 'FLUSHDB':
      return forbidden(member, name);
    default:
      return no(`ERR unknown command '${name}', with args beginning with: `);
  }
}

/** Nothing of this platform may ever say this to a member. */
function forbidden({ name, network }: SimRedis, command: string): RespValue {
  network.violations.push(`${name} was told ${command}`);
  return 'OK';
}

// Keys

function keyAnswer(
  member: SimRedis,
  [name, key = '', value = '']: readonly string[],
  isAsking: boolean,
): RespValue {
  const elsewhere = redirection(member, { key, isAsking, isWrite: name !== 'GET' });
  if (elsewhere) return elsewhere;
  const { data } = member;
  const had = data.values.get(key);
  if (name === 'GET') return had === undefined ? null : text(had);
  if (name === 'SET') {
    data.write(key, value);
    return 'OK';
  }
  if (had !== undefined) data.write(key, undefined);
  return had === undefined ? 0 : 1;
}

interface Wanted {
  readonly key: string;
  readonly isAsking: boolean;
  readonly isWrite: boolean;
}

/** Why it does not do this itself; undefined when it does. */
function redirection({ bus, data }: SimRedis, { key, isAsking }: Wanted): RespError | undefined {
  const slot = slotOfKey(key);
  const owner = bus.owners[slot];
  if (owner === undefined) return no('CLUSTERDOWN Hash slot not served');
  if (!bus.isOk) return no('CLUSTERDOWN The cluster is down');
  const leaving = bus.migrating.get(slot);
  if (owner === bus.self && leaving && !data.values.has(key)) {
    return no(`ASK ${slot} ${leaving.host}:${port}`);
  }
  if (bus.importing.has(slot) && owner !== bus.self && isAsking) return undefined;
  return owner === bus.self ? undefined : no(`MOVED ${slot} ${owner.host}:${port}`);
}

/** `host port "" 0 timeout [REPLACE] KEYS key ...`: keys leave when they have arrived. */
function migrate(member: SimRedis, rest: readonly string[]): RespValue {
  const [host = '', , , , , ...more] = rest;
  const upper = more.map((word) => word.toUpperCase());
  const at = upper.indexOf('KEYS');
  const options = upper.slice(0, at);
  const keys = more.slice(at + 1).filter((key) => member.data.values.has(key));
  if (keys.length === 0) return 'NOKEY';
  const { network } = member;
  const target = network.at(host);
  if (!target || !network.reach(member.name, target.name)) {
    return no('IOERR error or timeout writing to target instance');
  }
  const isReplacing = options.includes('REPLACE');
  if (target.isFrozen) {
    for (const key of keys) {
      const value = member.data.values.get(key) ?? '';
      target.whenAwake(() => void restore(target, { key, value, isReplacing }));
    }
    return no('IOERR error or timeout reading to target instance');
  }
  for (const key of keys) {
    const value = member.data.values.get(key) ?? '';
    const said = restore(target, { key, value, isReplacing });
    if (said !== undefined) return no(`ERR Target instance replied with error: ${said}`);
    member.data.write(key, undefined);
  }
  return 'OK';
}

interface Restored {
  readonly key: string;
  readonly value: string;
  readonly isReplacing: boolean;
}

/** Gives why it is not. */
function restore(target: SimRedis, { key, value, isReplacing }: Restored): string | undefined {
  const isAsking = !target.bus.self.isReplica;
  const refusal = redirection(target, { key, isAsking, isWrite: true });
  if (refusal) return refusal.message;
  if (!isReplacing && target.data.values.has(key)) return 'BUSYKEY Target key name already exists.';
  target.data.write(key, value);
  return undefined;
}

// The cluster

function clusterAnswer(member: SimRedis, [name = '', ...rest]: readonly string[]): RespValue {
  const { bus, data } = member;
  switch (name.toUpperCase()) {
    case 'NODES':
      return text(nodesText(member));
    case 'INFO':
      return text(clusterInfo(member));
    case 'MYID':
      return text(bus.self.id);
    case 'MEET':
      bus.meet(rest[0] ?? '');
      return 'OK';
    case 'FORGET':
      return forget(member, rest[0] ?? '');
    case 'REPLICATE':
      return replicate(member, rest[0] ?? '');
    case 'ADDSLOTSRANGE':
      return addSlots(member, rest);
    case 'DELSLOTSRANGE':
      return deleteSlots(member, rest);
    case 'BUMPEPOCH': {
      const isRaised = bus.raiseEpoch();
      return `${isRaised ? 'BUMPED' : 'STILL'} ${bus.self.epoch}`;
    }
    case 'SETSLOT':
      return setSlot(member, rest);
    case 'FAILOVER': {
      const how = rest[0]?.toUpperCase();
      const refusal = member.elections.begin(
        how === 'FORCE' || how === 'TAKEOVER' ? how : 'in order',
      );
      return refusal === undefined ? 'OK' : no(refusal);
    }
    case 'COUNTKEYSINSLOT':
      return data.countKeys(Number(rest[0]));
    case 'GETKEYSINSLOT':
      return data.keysIn(Number(rest[0])).slice(0, Number(rest[1])).map(text);
    case 'RESET':
      // Also where it is refused: that it did nothing is luck.
      forbidden(member, `CLUSTER RESET ${rest[0] ?? 'SOFT'}`);
      if (!bus.self.isReplica && data.values.size > 0) {
        return no("ERR CLUSTER RESET can't be called with master nodes containing keys");
      }
      return 'OK';
    default:
      return no(`ERR unknown subcommand '${name}'. Try CLUSTER HELP.`);
  }
}

function forget({ bus }: SimRedis, id: string): RespValue {
  const node = bus.nodes.get(id);
  if (!node) return no(`ERR Unknown node ${id}`);
  if (node === bus.self) return no("ERR I tried hard but I can't forget myself...");
  if (bus.self.isReplica && bus.self.master === node) return no("ERR Can't forget my master!");
  bus.forget(node);
  return 'OK';
}

function replicate(member: SimRedis, id: string): RespValue {
  const { bus, data } = member;
  const node = bus.nodes.get(id);
  if (!node) return no(`ERR Unknown node ${id}`);
  if (node === bus.self) return no("ERR Can't replicate myself");
  if (node.isReplica) return no('ERR I can only replicate a master, not a replica.');
  if (!bus.self.isReplica && (bus.self.slots.size > 0 || data.values.size > 0)) {
    return no('ERR To set a master the node must be empty and without assigned slots.');
  }
  // A real one ends here: "myself->numslots == 0" is an assertion.
  if (bus.self.slots.size > 0) {
    member.network.violations.push(`${member.name} was told whom to follow, has slots, and ended`);
  }
  bus.setMaster(node);
  return 'OK';
}

function slotsOf(ranges: readonly string[]): readonly number[] {
  const slots: number[] = [];
  for (let at = 0; at < ranges.length; at += 2) {
    for (let slot = Number(ranges[at]); slot <= Number(ranges[at + 1]); slot++) slots.push(slot);
  }
  return slots;
}

function deleteSlots({ bus }: SimRedis, ranges: readonly string[]): RespValue {
  const slots = slotsOf(ranges);
  const free = slots.find((slot) => bus.owners[slot] === undefined);
  if (free !== undefined) return no(`ERR Slot ${free} is already unassigned`);
  for (const slot of slots) bus.give(slot, undefined);
  bus.updateState();
  return 'OK';
}

function addSlots({ bus }: SimRedis, ranges: readonly string[]): RespValue {
  const slots = slotsOf(ranges);
  const busy = slots.find((slot) => bus.owners[slot] !== undefined);
  if (busy !== undefined) return no(`ERR Slot ${busy} is already busy`);
  for (const slot of slots) {
    bus.importing.delete(slot);
    bus.give(slot, bus.self);
  }
  bus.updateState();
  return 'OK';
}

function setSlot(
  { bus, data }: SimRedis,
  [number, way = '', id = '']: readonly string[],
): RespValue {
  const { self } = bus;
  if (self.isReplica) return no('ERR Please use SETSLOT only with masters.');
  const slot = Number(number);
  const kind = way.toUpperCase();
  if (kind === 'STABLE') {
    bus.importing.delete(slot);
    bus.migrating.delete(slot);
    return 'OK';
  }
  if (kind === 'MIGRATING' && bus.owners[slot] !== self) {
    return no(`ERR I'm not the owner of hash slot ${slot}`);
  }
  if (kind === 'IMPORTING' && bus.owners[slot] === self) {
    return no(`ERR I'm already the owner of hash slot ${slot}`);
  }
  const node = bus.nodes.get(id);
  if (!node)
    return no(kind === 'NODE' ? `ERR Unknown node ${id}` : `ERR I don't know about node ${id}`);
  if (node.isReplica) return no('ERR Target node is not a master');
  if (kind === 'MIGRATING') bus.migrating.set(slot, node);
  else if (kind === 'IMPORTING') bus.importing.set(slot, node);
  else {
    const keys = data.countKeys(slot);
    if (bus.owners[slot] === self && node !== self && keys > 0) {
      return no(
        `ERR Can't assign hashslot ${slot} to a different node while I still hold keys for this hash slot.`,
      );
    }
    if (keys === 0) bus.migrating.delete(slot);
    const arrived = node === self && bus.importing.has(slot);
    bus.give(slot, node);
    if (arrived) {
      bus.raiseEpoch();
      bus.importing.delete(slot);
      bus.broadcastSoon();
    }
  }
  return 'OK';
}

// Texts

function nodesText({ bus }: SimRedis): string {
  return [...bus.nodes.values()].map((node) => `${nodeLine(node, bus)}\n`).join('');
}

function nodeLine(node: KnownNode, bus: SimRedis['bus']): string {
  const isSelf = node === bus.self;
  const failing = node.failing === 'yes' ? ['fail'] : node.failing === 'maybe' ? ['fail?'] : [];
  const role = node.inHandshake ? [] : [node.isReplica ? 'slave' : 'master'];
  const flags = [
    ...(isSelf ? ['myself'] : []),
    ...role,
    ...failing,
    ...(node.inHandshake ? ['handshake'] : []),
    ...(node.hasAddress ? [] : ['noaddr']),
  ];
  const address = node.hasAddress ? `${node.host}:${port}@${port + 10_000}` : ':0@0';
  const leader = node.isReplica && node.master ? node.master : node;
  const link = isSelf || node.link?.isOpen ? 'connected' : 'disconnected';
  return [
    ...[node.id, address, flags.join(','), node.isReplica ? (node.master?.id ?? '-') : '-'],
    ...[Math.floor(node.pingSentMs), Math.floor(node.pongReceivedMs), leader.epoch, link],
    ...slotWords(node, isSelf ? bus : undefined),
  ].join(' ');
}

function slotWords(node: KnownNode, own: SimRedis['bus'] | undefined): readonly string[] {
  return [
    ...node.slots.ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)),
    ...[...(own?.migrating ?? [])].map(([slot, { id }]) => `[${slot}->-${id}]`),
    ...[...(own?.importing ?? [])].map(([slot, { id }]) => `[${slot}-<-${id}]`),
  ];
}

const lines = (fields: Readonly<Record<string, string | number>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');

function clusterInfo({ bus }: SimRedis): string {
  const known = [...bus.nodes.values()];
  const assigned = known.reduce((sum, { slots }) => sum + slots.size, 0);
  const failing = (how: KnownNode['failing']): number =>
    known.reduce((sum, node) => sum + (node.failing === how ? node.slots.size : 0), 0);
  return lines({
    cluster_state: bus.isOk ? 'ok' : 'fail',
    cluster_slots_assigned: Math.min(assigned, slotCount),
    cluster_slots_ok: failing('no'),
    cluster_slots_pfail: failing('maybe'),
    cluster_slots_fail: failing('yes'),
    cluster_known_nodes: known.length,
    cluster_size: known.filter(({ isReplica, slots }) => !isReplica && slots.size > 0).length,
    cluster_current_epoch: bus.currentEpoch,
    cluster_my_epoch: (bus.self.isReplica && bus.self.master ? bus.self.master : bus.self).epoch,
  });
}

function infoOf({ data, bus }: SimRedis): string {
  const { source, values, offset } = data;
  const role =
    bus.self.isReplica && source
      ? {
          role: 'slave',
          ...{ master_host: source.host, master_port: port },
          master_link_status: source.state === 'up' ? 'up' : 'down',
          master_last_io_seconds_ago:
            source.state === 'up' ? Math.floor((bus.ground.nowMs() - source.heardMs) / 1_000) : -1,
          master_sync_in_progress: source.state === 'syncing' ? 1 : 0,
          ...{ slave_read_repl_offset: offset, slave_repl_offset: offset },
        }
      : { role: bus.self.isReplica ? 'slave' : 'master' };
  return (
    `# Server\r\n${lines({ redis_version: '7.0.15', redis_mode: 'cluster' })}\r\n` +
    `# Persistence\r\n${lines({ loading: 0, async_loading: 0 })}\r\n` +
    `# Replication\r\n${lines({ ...role, connected_slaves: data.replicas, master_replid: data.history, master_repl_offset: offset })}\r\n` +
    `# Keyspace\r\n${values.size > 0 ? `db0:keys=${values.size},expires=0,avg_ttl=0\r\n` : ''}`
  );
}
