// Does what was planned for a Sentinel set: the commands behind each deed. Every one may be done again.

import { isPlatformError, PlatformError } from '@tweendeck/std';
import { admitCommand, authPassCommand, logInCommands, passwordCommands } from '../credentials.ts';
import { parseInfo } from '../info.ts';
import { askOne, type Command, type OpenLink, type RedisLink } from '../redis-link.ts';
import type { SentinelDeed } from './deeds.ts';
import { writeMark } from './mark.ts';
import type { WatchSettings } from './settings.ts';
import type { SeenData } from './standing.ts';

/** A member, by where it is. */
interface Located {
  /** `host:port`. */
  readonly address: string;
}

export async function doDeed(
  deed: SentinelDeed,
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  switch (deed.kind) {
    case 'wait':
      return;
    case 'lead':
      return turn(deed.by, [...configSet(deed.settings), ['REPLICAOF', 'NO', 'ONE']], open, signal);
    case 'follow':
      return turn(deed.by, followCommands(deed.leader, deed.by), open, signal);
    case 'set':
      return tell(deed.on, configSet(deed.settings), open, signal);
    case 'mark':
      return mark(deed, open, signal);
    case 'tell passwords':
      return tell(deed.on, passwordCommands(deed.passwords), open, signal);
    case 'admit':
      return tell(deed.by, [admitCommand(deed.passwords)], open, signal);
    case 'log in':
      return tell(deed.by, logInCommands(deed.password, deed.masterName), open, signal);
    case 'watch':
      return tell(deed.by, watchCommands(deed), open, signal);
    case 'adjust':
      return tell(deed.by, adjustCommands(deed.settings), open, signal);
    case 'fail over':
      return failOver(deed, open, signal);
    case 'hand over':
      return handOver(deed, open, signal);
  }
}

async function tell(
  { address }: Located,
  commands: readonly Command[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  using link = await open(placeOf(address), signal);
  await link.ask(commands, signal);
}

/**
 * What a server is changes only while it is what it was seen as: Sentinels may have chosen it meanwhile. `REPLICAOF` may not run in
 * scripts, so it cannot expire by the server's clock as the commands of clusters do (`expiring.ts`): it is sent behind a fresh
 * answer on the same link, which is given up after five seconds and reset, so that nothing of it is sent again later. A server that stands
 * still in between obeys with its first breath, before it can be chosen and have taken a write: then it follows one that was
 * the leader a moment ago, which is healed, and loses nothing that only it has.
 */
async function turn(
  { name, address, facts }: SeenData,
  commands: readonly Command[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  using link = await open(placeOf(address), signal);
  const role = [await askOne(link, ['ROLE'], signal)].flat().map(String);
  const follows = role[0] === 'slave' ? `${role[1]}:${role[2]}` : undefined;
  if (follows !== facts.follows) throw late(`${name} ${roleText(follows)} now`);
  await link.ask(commands, signal);
}

function roleText(follows: string | undefined): string {
  return follows === undefined ? 'takes writes' : `follows ${follows}`;
}

function late(fact: string): PlatformError {
  return new PlatformError('REDIS_COMMAND_LATE', fact, {
    hint: 'What was decided was not done, and is decided anew.',
  });
}

async function failOver(
  { by, from, masterName }: Extract<SentinelDeed, { readonly kind: 'fail over' }>,
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  using sentinel = await open(placeOf(by.address), signal);
  await replace(sentinel, from, masterName, signal);
}

/**
 * By a Sentinel that answers, and names this one still: it would fail over from whoever leads meanwhile. One that stands still in
 * between does so later, as long as the leader is the same to it: what that one acknowledged in its last moment is at risk then,
 * as when it dies.
 */
async function replace(
  sentinel: RedisLink,
  { name, address }: SeenData,
  masterName: string,
  signal: AbortSignal,
): Promise<void> {
  const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName];
  const named = [await askOne(sentinel, question, signal)].flat().map(String).join(':');
  if (named !== address) throw late(`${named} leads now, not ${name}`);
  await askOne(sentinel, ['SENTINEL', 'FAILOVER', masterName], signal);
}

/** A leader that takes no writes at the moment takes none that others could miss. */
async function mark(
  { on, mark }: Extract<SentinelDeed, { readonly kind: 'mark' }>,
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  try {
    await tell(on, [writeMark(mark)], open, signal);
  } catch (error) {
    const isLater =
      isPlatformError(error, 'REDIS_COMMAND_FAILED') && /NOREPLICAS/.test(error.message);
    if (!isLater) throw error;
  }
}

/** What was not done by then is decided anew. */
const silenceMaxMs = 5_000;

function placeOf(address: string) {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)), silenceMaxMs };
}

function configSet(settings: ReadonlyMap<string, string>): readonly Command[] {
  return [['CONFIG', 'SET', ...[...settings].flat()]];
}

/** Clients of one that took writes look for the leader anew. */
function followCommands({ address }: Located, by: Pick<SeenData, 'facts'>): readonly Command[] {
  const { host, port } = placeOf(address);
  const leave: readonly Command[] = by.facts.isMaster ? [['CLIENT', 'KILL', 'TYPE', 'normal']] : [];
  return [['REPLICAOF', host, port], ...leave];
}

/** Begun anew, it forgets who is gone and asks the leader at once who is there; clients find it as they left it. */
function watchCommands({
  by,
  leader,
  settings,
}: Extract<SentinelDeed, { readonly kind: 'watch' }>): readonly Command[] {
  const { masterName, quorum, password } = settings;
  const { host, port } = placeOf(leader.address);
  return [
    ...(by.facts.watch ? [['SENTINEL', 'REMOVE', masterName]] : []),
    ['SENTINEL', 'MONITOR', masterName, host, port, quorum],
    ...(password === undefined ? [] : [authPassCommand(masterName, password)]),
    ...adjustCommands(settings),
  ];
}

function adjustCommands(settings: WatchSettings): readonly Command[] {
  const { masterName, askMs, quorum, downAfterMs, failoverTimeoutMs } = settings;
  const values = [
    ...['quorum', quorum, 'down-after-milliseconds', downAfterMs],
    ...['failover-timeout', failoverTimeoutMs],
  ];
  return [
    ['SENTINEL', 'SET', masterName, ...values],
    ['SENTINEL', 'DEBUG', 'INFO-PERIOD', askMs],
  ];
}

/** Writes are held back for so long at most, whatever becomes of us. */
const pauseMs = 5_000;
const turnsMax = 100;

/** Writes wait until another leads that has them all. Clients are then told to look for it. */
async function handOver(
  { by, from, heirs, masterName }: Extract<SentinelDeed, { readonly kind: 'hand over' }>,
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  using old = await open(placeOf(from.address), signal);
  using sentinel = await open(placeOf(by.address), signal);
  await askOne(old, ['CLIENT', 'PAUSE', pauseMs, 'WRITE'], signal);
  try {
    await untilInStep(old, from, heirs, signal);
    await replace(sentinel, from, masterName, signal);
    const heir = await untilLed(old, heirs, open, signal);
    if (heir) await old.ask(followCommands(heir, from), signal);
  } finally {
    await askOne(old, ['CLIENT', 'UNPAUSE'], signal);
  }
}

/** Sentinels may choose any of them. */
async function untilInStep(
  old: RedisLink,
  { name }: SeenData,
  heirs: readonly Located[],
  signal: AbortSignal,
): Promise<void> {
  let written: number | undefined;
  for (let turn = 0; turn < turnsMax; turn++) {
    const info = parseInfo(String(await askOne(old, ['INFO', 'replication'], signal)));
    written ??= Number(info.get('master_repl_offset'));
    const offsets = new Map([...info].flatMap(([field, value]) => replicaOffset(field, value)));
    const all = written;
    if (heirs.every(({ address }) => (offsets.get(address) ?? -1) >= all)) return;
    await aMoment(old, signal);
  }
  throw new PlatformError('REDIS_HEIR_BEHIND', `no replica of ${name} caught up with it in time`, {
    hint: 'Wait until replicas are in step; the hand-over is tried again.',
  });
}

/** `slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=0`. */
function replicaOffset(field: string, value: string): readonly (readonly [string, number])[] {
  const [, ip, port, offset] =
    /^ip=([^,]+),port=(\d+),state=online,offset=(\d+),/.exec(value) ?? [];
  return /^slave\d+$/.test(field) && ip ? [[`${ip}:${port}`, Number(offset)]] : [];
}

async function untilLed(
  old: RedisLink,
  heirs: readonly SeenData[],
  open: OpenLink,
  signal: AbortSignal,
): Promise<SeenData | undefined> {
  for (let turn = 0; turn < turnsMax; turn++) {
    for (const heir of heirs) if (await leads(heir, open, signal)) return heir;
    await aMoment(old, signal);
  }
  return undefined;
}

/** Asked by a connection of its own: Sentinels close those of whom they make the leader. */
async function leads({ address }: Located, open: OpenLink, signal: AbortSignal): Promise<boolean> {
  try {
    using link = await open(placeOf(address), signal);
    const [role] = [await askOne(link, ['ROLE'], signal)].flat();
    return String(role) === 'master';
  } catch (error) {
    if (isPlatformError(error, 'REDIS_AWAY')) return false;
    throw error;
  }
}

/** 20 ms by the server's clock: more replicas than there are do not answer it. They are asked how far they are meanwhile. */
async function aMoment(master: RedisLink, signal: AbortSignal): Promise<void> {
  await askOne(master, ['WAIT', 99, 20], signal);
}
