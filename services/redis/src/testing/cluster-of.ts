// Members as a test says they are: what each of them owns, follows, holds and knows.

import type { Member } from '@tweendeck/engine';
import type { ClusterNode } from '../cluster/cluster-nodes.ts';
import type { RedisFacts } from '../cluster/facts.ts';
import type { SlotRange } from '../cluster/slots.ts';
import type { Memory } from '../memory.ts';

export interface Given {
  /** `0-1`: the second member of the first shard. */
  readonly at: string;
  /** Its node id; that of its place when omitted. */
  readonly id?: string;
  readonly slots?: readonly SlotRange[] | undefined;
  /** The id that it follows. */
  readonly follows?: string | undefined;
  readonly keys?: number;
  readonly offset?: number;
  /** Nothing, without a bound, when omitted. */
  readonly memory?: Memory;
  /** `h` when omitted. */
  readonly host?: string;
  readonly epoch?: number;
  readonly wanted?: boolean;
  /** No answer, with a pod or without. */
  readonly silent?: 'with pod' | 'without pod';
  /** Ids that it does not know; of those that are gone, what they own. */
  readonly ignores?: readonly string[];
  /** Ids that it knows under an address of before. */
  readonly stale?: readonly string[];
  /** Where a replica copies from; where its master is when omitted. */
  readonly copiesFrom?: string;
  readonly migrating?: ReadonlyMap<number, string>;
  readonly importing?: ReadonlyMap<number, string>;
  readonly fenced?: true | undefined;
  /** Whether it has all that it must have; of its role when omitted. */
  readonly synced?: boolean;
  /** Bytes that it would give to replicas of its own; not told when omitted. */
  readonly stream?: number;
}

/** Nodes that no member is: of members that are gone. */
export interface Gone {
  readonly id: string;
  readonly slots?: readonly SlotRange[];
  readonly flags?: readonly string[];
  /** By whom it is seen otherwise: their places. */
  readonly seen?: Readonly<Record<string, readonly string[]>>;
}

/** All know all, but for what is said. */
export function clusterOf(
  given: readonly Given[],
  gone: readonly Gone[] = [],
): readonly Member<RedisFacts>[] {
  return given.map((one) => memberOf(one, given, gone));
}

function idOf({ at, id }: Given): string {
  return id ?? at;
}

function hostOf({ at }: Given): string {
  return `10.0.${at.replace('-', '.')}`;
}

function nodeOf(of: Given, by: Given): ClusterNode {
  const isSelf = of === by;
  const failing = of.silent === undefined ? [] : ['fail'];
  return {
    ...{ id: idOf(of), port: 6_379, masterId: of.follows, epoch: of.epoch ?? 1 },
    host: by.stale?.includes(idOf(of)) ? '10.9.9.9' : hostOf(of),
    flags: new Set([of.follows ? 'slave' : 'master', ...(isSelf ? ['myself'] : failing)]),
    slots: of.slots ?? [],
    migrating: (isSelf ? of.migrating : undefined) ?? new Map(),
    importing: (isSelf ? of.importing : undefined) ?? new Map(),
  };
}

function infoOf({ stream }: Given): ReadonlyMap<string, string> {
  return new Map(stream === undefined ? [] : [['master_repl_offset', String(stream)]]);
}

function copiesFrom(one: Given, all: readonly Given[]): string {
  const master = all.find((other) => idOf(other) === one.follows);
  return one.copiesFrom ?? (master ? hostOf(master) : '10.8.8.8');
}

function asKnownTo({ at, ignores = [] }: Given, gone: readonly Gone[]): readonly Gone[] {
  return gone.map((node) => ({
    ...node,
    ...(ignores.includes(node.id) ? { slots: [] } : {}),
    ...(node.seen?.[at] ? { flags: node.seen[at] } : {}),
  }));
}

function memberOf(one: Given, all: readonly Given[], gone: readonly Gone[]): Member<RedisFacts> {
  const [shard = 0, ordinal = 0] = one.at.split('-').map(Number);
  const self = nodeOf(one, one);
  const known = all.filter((other) => other !== one && !one.ignores?.includes(idOf(other)));
  const nodes: readonly ClusterNode[] = [
    self,
    ...known.map((other) => nodeOf(other, one)),
    ...asKnownTo(one, gone).map(({ id, slots = [], flags = ['master', 'fail'] }) => ({
      ...{ id, slots, host: '10.8.8.8', port: 6_379, flags: new Set(flags), masterId: undefined },
      ...{ epoch: 1, migrating: new Map(), importing: new Map() },
    })),
  ];
  const name = `c-data-${one.at}`;
  const role = one.follows ? 'follower' : one.slots ? 'leader' : 'unknown';
  return {
    ...{ name, place: { group: 'data', shard, ordinal }, wanted: one.wanted ?? true },
    ...{ revision: 'r', silence: one.silent && 'refused' },
    pod:
      one.silent === 'without pod'
        ? undefined
        : {
            ...{ name: `${name}-0`, uid: name, ip: hostOf(one), host: one.host ?? 'h' },
            ...{ ready: !one.silent, terminating: false, revision: 'r', trouble: undefined },
          },
    view: one.silent
      ? undefined
      : {
          ...{ role, synced: one.synced ?? role !== 'unknown' },
          facts: {
            ...{ id: idOf(one), self, nodes, keys: one.keys ?? 0, offset: one.offset ?? 0 },
            copiesFrom: one.follows === undefined ? undefined : copiesFrom(one, all),
            memory: one.memory ?? { data: 0, used: 0, max: 0 },
            ...{ clusterOk: true, currentEpoch: one.epoch ?? 1, info: infoOf(one), clockMs: 0 },
            isFenced: one.fenced ?? false,
          },
        },
  };
}
