// What is seen of the members of a Sentinel set: of a redis-server, and of a Sentinel. Reads only.

import type { Cluster, MemberView } from '@tweendeck/engine';
import type { RespValue } from '@tweendeck/wire';
import {
  admitsAll,
  logsIn,
  passwordQuestions,
  sentinelQuestions,
  takesAll,
} from '../credentials.ts';
import { parseInfo } from '../info.ts';
import { type Memory, memoryIn } from '../memory.ts';
import { askOne, type RedisLink } from '../redis-link.ts';
import { settingsIn, settingsQuestions } from '../settings.ts';
import { type Mark, markIn, readMark } from './mark.ts';
import { toldByRole } from './settings.ts';

export type SetFacts = DataFacts | SentinelFacts;

/** Of a redis-server. */
export interface DataFacts {
  readonly kind: 'data';
  /** Whether it takes writes; else it follows somebody, be it nobody that there is. */
  readonly isMaster: boolean;
  /** `host:port`. */
  readonly follows: string | undefined;
  /** Whether it has a link to whom it follows, and has caught up once. */
  readonly isLinked: boolean;
  readonly keys: number;
  /** Bytes of the stream that it wrote or has; 0 after a start from a log of writes. */
  readonly offset: number;
  /** Whether each write is in its log before it is acknowledged. */
  readonly isLogged: boolean;
  readonly memory: Memory;
  readonly mark: Mark | undefined;
  /** All that `INFO` says. */
  readonly info: ReadonlyMap<string, string>;
  /** Those of `watchedSettings`. */
  readonly settings: ReadonlyMap<string, string>;
}

/** Settings that the platform sets while a server runs. */
const watchedSettings = [
  'replica-priority',
  'min-replicas-to-write',
  'maxmemory-policy',
  'timeout',
] as const;

/** Of a Sentinel. */
export interface SentinelFacts {
  readonly kind: 'sentinel';
  readonly id: string;
  /** How often it asks servers what they are. */
  readonly askMs: number;
  /** Undefined when it does not watch the set. */
  readonly watch: Watch | undefined;
  /** Whether it takes every password, and uses the current one; undefined when nobody asks for one. */
  readonly passwords?: { readonly admits: boolean; readonly uses: boolean };
}

/** What a Sentinel knows of its set. */
export interface Watch {
  /** Of the master it names: `host:port`. */
  readonly address: string;
  readonly flags: ReadonlySet<string>;
  /** Of the failover that made it the master. */
  readonly epoch: number;
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly failoverTimeoutMs: number;
  /** For how long it has not answered this Sentinel; undefined when it does. */
  readonly downMs: number | undefined;
  /** Since the Sentinel began to watch this master, forgot what was beside it, or heard of another role. */
  readonly sinceMs: number;
  readonly replicas: readonly WatchedReplica[];
  /** Ids of the other Sentinels it knows. */
  readonly others: readonly string[];
}

export interface WatchedReplica {
  readonly address: string;
  readonly flags: ReadonlySet<string>;
  /** 0: it is never made a master. */
  readonly priority: number;
}

export const redisPort = 6_379;
export const sentinelPort = 26_379;

type Asking = Pick<Cluster<unknown>, 'passwords'>;

export async function observeData(
  link: RedisLink,
  { passwords, settings: wanted = {} }: Asking & Pick<Cluster<unknown>, 'settings'>,
  signal: AbortSignal,
): Promise<MemberView<DataFacts>> {
  const told = picked(wanted, (name) => toldByRole.has(name));
  const asked = picked(wanted, (name) => !toldByRole.has(name));
  const questions = [['INFO'], ['DBSIZE'], ['CONFIG', 'GET', ...watchedSettings], readMark];
  const [infoText, size, settings, functions, ...rest] = await link.ask(
    [...questions, ...(passwords ? passwordQuestions : []), ...settingsQuestions(asked)],
    signal,
  );
  const account = rest.splice(0, passwords ? passwordQuestions.length : 0);
  const view = dataView(parseInfo(text(infoText)), {
    ...{ keys: Number(size), settings: record(settings), mark: markIn(functions) },
  });
  return {
    ...view,
    ...(passwords ? { takesPasswords: takesAll(passwords, account) } : {}),
    // Those that are told by role are looked after with the rest of it.
    settings: { ...told, ...settingsIn(asked, rest[0] ?? null) },
  };
}

type Settings = Readonly<Record<string, string>>;

function picked(settings: Settings, isPicked: (name: string) => boolean): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => isPicked(name)));
}

function dataView(
  info: ReadonlyMap<string, string>,
  said: Pick<DataFacts, 'keys' | 'settings' | 'mark'>,
): MemberView<DataFacts> {
  const isMaster = info.get('role') === 'master';
  const number = (name: string): number => Number(info.get(name) ?? 0);
  const isLinked =
    info.get('master_link_status') === 'up' && number('master_sync_in_progress') === 0;
  const version = info.get('redis_version');
  const seconds = info.get('master_last_io_seconds_ago');
  const lag = isLinked ? `heard from its leader ${seconds} s ago` : 'no link to its leader';
  return {
    role: 'unknown',
    synced: isMaster || isLinked,
    ...(version === undefined ? {} : { version }),
    ...(isMaster ? {} : { lag }),
    facts: {
      ...{ kind: 'data', isMaster, isLinked, info, ...said },
      follows: isMaster ? undefined : `${info.get('master_host')}:${info.get('master_port')}`,
      offset: number(isMaster ? 'master_repl_offset' : 'slave_repl_offset'),
      isLogged: number('aof_enabled') === 1,
      memory: memoryIn(info),
    },
  };
}

/** `counts` are those that the spec asks for: a Sentinel that knows fewer cannot do its work yet. */
export async function observeSentinel(
  link: RedisLink,
  set: Asking & { readonly masterName: string; readonly sentinels: number; readonly data: number },
  signal: AbortSignal,
): Promise<MemberView<SentinelFacts>> {
  const [idText, masters, infoText, times, ...account] = await link.ask(
    [
      ['SENTINEL', 'MYID'],
      ['SENTINEL', 'MASTERS'],
      ['INFO', 'server'],
      ['SENTINEL', 'DEBUG'],
      ...(set.passwords ? sentinelQuestions : []),
    ],
    signal,
  );
  const version = parseInfo(text(infoText)).get('redis_version');
  const askMs = Number(record(times).get('INFO-PERIOD') ?? 0);
  const master = records(masters).find((one) => one.get('name') === set.masterName);
  const watch = master && (await watchOf(link, set.masterName, master, signal));
  const isArmed =
    watch !== undefined &&
    watch.downMs === undefined &&
    watch.others.length >= set.sentinels - 1 &&
    watch.replicas.length >= set.data - 1;
  const passwords = set.passwords && {
    admits: admitsAll(set.passwords, account),
    uses: logsIn('sentinel-pass', set.passwords, account),
  };
  return {
    ...{ role: 'peer', synced: isArmed },
    ...(version === undefined ? {} : { version }),
    ...(passwords ? { takesPasswords: passwords.admits && passwords.uses } : {}),
    facts: {
      ...{ kind: 'sentinel', id: text(idText), askMs, watch },
      ...(passwords ? { passwords } : {}),
    },
  };
}

async function watchOf(
  link: RedisLink,
  name: string,
  master: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Watch> {
  const replicas = records(await askOne(link, ['SENTINEL', 'REPLICAS', name], signal));
  const others = records(await askOne(link, ['SENTINEL', 'SENTINELS', name], signal));
  const number = (field: string): number => Number(master.get(field) ?? 0);
  const down = master.get('s-down-time');
  return {
    ...{ address: addressIn(master), flags: flagsIn(master), epoch: number('config-epoch') },
    ...{ quorum: number('quorum'), downAfterMs: number('down-after-milliseconds') },
    failoverTimeoutMs: number('failover-timeout'),
    downMs: down === undefined ? undefined : Number(down),
    sinceMs: number('role-reported-time'),
    replicas: replicas.map((one) => ({
      ...{ address: addressIn(one), flags: flagsIn(one) },
      priority: Number(one.get('slave-priority') ?? 0),
    })),
    others: others.map((one) => one.get('runid') ?? ''),
  };
}

function addressIn(one: ReadonlyMap<string, string>): string {
  return `${one.get('ip')}:${one.get('port')}`;
}

function flagsIn(one: ReadonlyMap<string, string>): ReadonlySet<string> {
  return new Set((one.get('flags') ?? '').split(','));
}

function text(value: RespValue | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value ?? '');
}

/** Names and values in turn. */
function record(value: RespValue | undefined): ReadonlyMap<string, string> {
  const words = Array.isArray(value) ? value.map(text) : [];
  return new Map(
    words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])),
  );
}

function records(value: RespValue | undefined): readonly ReadonlyMap<string, string>[] {
  return Array.isArray(value) ? value.map((one: RespValue) => record(one)) : [];
}
