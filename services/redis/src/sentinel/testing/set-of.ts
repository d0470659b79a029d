// Members of a Sentinel set as a test says they are.

import type { Cluster, Member } from '@tweendeck/engine';
import type { Memory } from '../../memory.ts';
import { redisPort, type SentinelFacts, type SetFacts, type Watch } from '../facts.ts';
import type { Mark } from '../mark.ts';
import { dataSettings, type SentinelOptions, sentinelId, watchSettings } from '../settings.ts';

export const toySet: Pick<Cluster<SentinelOptions>, 'name' | 'namespace' | 'spec'> = {
  ...{ name: 's', namespace: 'n' },
  spec: {
    ...{ version: '7.0', options: { downAfterMs: 1_000 } },
    groups: {
      data: { members: 3, resources: { limits: {} } },
      sentinels: { members: 3, resources: { limits: {} } },
    },
  },
};

/** A server: in step with the first one unless said otherwise. */
export interface GivenData {
  /** `fenced`: it started, and was told nothing yet. A number: it follows that one. */
  readonly is?: 'master' | 'fenced' | number;
  readonly linked?: boolean;
  readonly keys?: number;
  readonly offset?: number;
  readonly logged?: boolean;
  /** Nothing, without a bound, when omitted. */
  readonly memory?: Memory;
  readonly settings?: Readonly<Record<string, string>>;
  /** Who was in step when it was last told. */
  readonly mark?: GivenMark | undefined;
  /** No answer, with a pod or without. */
  readonly silent?: 'with pod' | 'without pod' | 'broken';
  readonly wanted?: boolean;
  /** Undefined: it asks for none. */
  readonly passwords?: 'as wanted' | 'others';
}

interface GivenMark {
  readonly number: number;
  /** The first one when omitted. */
  readonly leader?: number;
  readonly inStep: readonly number[];
  /** What their addresses began with then. */
  readonly net?: string;
}

/** A Sentinel: it names the first server, and knows all, unless said otherwise. */
export interface GivenSentinel {
  /** Undefined names nobody; text is an address. */
  readonly names?: number | string | undefined;
  readonly epoch?: number;
  readonly downMs?: number;
  readonly sinceMs?: number;
  readonly flags?: readonly string[];
  readonly quorum?: number;
  /** Of whom it may choose; all others with a priority are known. */
  readonly strangers?: readonly string[];
  readonly ghosts?: readonly string[];
  /** Servers that it does not know. */
  readonly strange?: readonly number[];
  /** Servers that it takes for dead. */
  readonly down?: readonly number[];
  readonly silent?: true;
  readonly wanted?: boolean;
  /** Undefined: it asks for none. */
  readonly passwords?: SentinelFacts['passwords'];
}

export interface GivenSet {
  readonly data: readonly GivenData[];
  readonly sentinels?: readonly GivenSentinel[];
}

function addressOf(ordinal: number): string {
  return `10.0.0.${ordinal}:${redisPort}`;
}

export function setOf({ data, sentinels = [{}, {}, {}] }: GivenSet): readonly Member<SetFacts>[] {
  const inStep = data.flatMap(({ silent }, ordinal) => (silent ? [] : [ordinal]));
  const masters = data.flatMap(({ is }, ordinal) => (is === 'master' ? [ordinal] : []));
  const leader = masters.at(-1) ?? 0;
  return [
    ...data.map((one, ordinal) => dataMember(one, ordinal, { number: 1, inStep, leader })),
    ...sentinels.map((one, ordinal) => sentinelMember(one, ordinal, { data, sentinels })),
  ];
}

function bare(
  group: 'data' | 'sentinels',
  ordinal: number,
  { silent, wanted = true }: Pick<GivenData, 'silent' | 'wanted'>,
): Omit<Member<SetFacts>, 'view'> {
  const name = `s-${group}-${ordinal}`;
  const host = group === 'data' ? `10.0.0.${ordinal}` : `10.0.1.${ordinal}`;
  const pod = {
    ...{ name: `${name}-0`, uid: name, ip: host, host: 'h', ready: silent === undefined },
    ...{ terminating: false, revision: 'r' },
    trouble: silent === 'broken' ? 'no image' : undefined,
  };
  return {
    ...{ name, place: { group, shard: 0, ordinal }, wanted, revision: 'r' },
    ...{ silence: silent && 'refused', pod: silent === 'without pod' ? undefined : pod },
  };
}

function dataMember(
  one: GivenData,
  ordinal: number,
  usualMark: GivenData['mark'],
): Member<SetFacts> {
  const { is = ordinal === 0 ? 'master' : 0, keys = 9, offset = 90, logged = true } = one;
  const isMaster = is === 'master';
  const isLinked = !isMaster && (one.linked ?? is !== 'fenced');
  const follows = isMaster ? undefined : is === 'fenced' ? '127.0.0.1:1' : addressOf(is);
  const usual = dataSettings(toySet.spec, { mayLead: is !== 'fenced' && one.wanted !== false });
  const settings = new Map([...usual, ...Object.entries(one.settings ?? {})]);
  const mark = markOf('mark' in one ? one.mark : keys > 0 ? usualMark : undefined);
  const facts = {
    isMaster,
    isLinked,
    follows,
    keys,
    offset,
    isLogged: logged,
    settings,
    mark,
    memory: one.memory ?? { data: 0, used: 0, max: 0 },
    info: new Map(),
  };
  return {
    ...bare('data', ordinal, one),
    view: one.silent
      ? undefined
      : {
          ...{ role: 'unknown', synced: isMaster || isLinked },
          ...(one.passwords ? { takesPasswords: one.passwords === 'as wanted' } : {}),
          facts: { kind: 'data', ...facts },
        },
  };
}

function markOf(given: GivenMark | undefined): Mark | undefined {
  if (given === undefined) return undefined;
  const { number, leader = 0, inStep, net = '10.0.0' } = given;
  const places = inStep.map((ordinal) => ({ ordinal, address: `${net}.${ordinal}:${redisPort}` }));
  return { number, leader, inStep: places };
}

function sentinelMember(
  one: GivenSentinel,
  ordinal: number,
  { data, sentinels = [] }: GivenSet,
): Member<SetFacts> {
  const { silent, wanted = true } = one;
  const idOf = (other: number): string => sentinelId(toySet, `s-sentinels-${other}`);
  const names = 'names' in one ? one.names : 0;
  const address = typeof names === 'number' ? addressOf(names) : names;
  const { quorum, downAfterMs, failoverTimeoutMs } = watchSettings(toySet);
  const watch: Watch | undefined =
    address === undefined
      ? undefined
      : {
          ...{ address, flags: new Set(['master', ...(one.flags ?? [])]), epoch: one.epoch ?? 0 },
          ...{ quorum: one.quorum ?? quorum, downAfterMs, failoverTimeoutMs },
          ...{ downMs: one.downMs, sinceMs: one.sinceMs ?? 60_000 },
          replicas: [
            ...data.flatMap((server, at) => watchedReplica(server, at, one, address)),
            ...(one.strangers ?? []).map((host) => ({
              ...{ address: `${host}:${redisPort}`, flags: new Set(['slave', 's_down']) },
              priority: 100,
            })),
          ],
          others: [
            ...sentinels.flatMap((_, other) => (other === ordinal ? [] : [idOf(other)])),
            ...(one.ghosts ?? []),
          ],
        };
  const isArmed = watch !== undefined && one.downMs === undefined;
  const shape = bare('sentinels', ordinal, { ...(silent ? { silent: 'with pod' } : {}), wanted });
  const { passwords } = one;
  const facts = {
    ...({ kind: 'sentinel', id: idOf(ordinal), askMs: 2_000, watch } as const),
    ...(passwords ? { passwords } : {}),
  };
  return { ...shape, view: silent ? undefined : { role: 'peer', synced: isArmed, facts } };
}

function watchedReplica(
  { is, settings = {} }: GivenData,
  at: number,
  { down = [], strange = [] }: GivenSentinel,
  master: string,
): Watch['replicas'] {
  if (addressOf(at) === master) return [];
  const flags = new Set(['slave', ...(down.includes(at) ? ['s_down'] : [])]);
  const priority = Number(settings['replica-priority'] ?? (is === 'fenced' ? 0 : 100));
  return strange.includes(at) ? [] : [{ address: addressOf(at), flags, priority }];
}
