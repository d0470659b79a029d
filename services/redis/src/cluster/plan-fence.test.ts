// C17: what is planned about members that started without a log of writes, and where these listen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, type Given, type Gone } from '../testing/cluster-of.ts';
import { isLogWritten, openSettings, startSettings } from './fence.ts';
import { planRedis } from './plan-cluster.ts';
import { evenShares } from './slots.ts';

const [third0 = [], third1 = [], third2 = []] = evenShares(3).map((range) => [range]);

/** Three shards of three. */
const settled: readonly Given[] = [third0, third1, third2].flatMap((slots, shard) => [
  { at: `${shard}-0`, slots, keys: 10, offset: 90 },
  { at: `${shard}-1`, follows: `${shard}-0`, keys: 10, offset: 90 },
  { at: `${shard}-2`, follows: `${shard}-0`, keys: 10, offset: 90 },
]);

type Changes = Readonly<Record<string, Partial<Given>>>;

interface Options {
  readonly volumes?: boolean;
  readonly gone?: readonly Gone[];
}

function planned(
  changes: Changes,
  { volumes = false, gone = [] }: Options = {},
): readonly string[] {
  const resources = { limits: {} };
  const storage = volumes ? { storage: { size: '1Gi' } } : {};
  const groups = { data: { shards: 3, members: 3, resources, ...storage } };
  const spec = { version: '7.0', options: {}, groups };
  const given = settled.map((one) => ({ ...one, ...changes[one.at] }));
  const { deeds } = planRedis({ spec }, { members: clusterOf(given, gone) });
  return deeds.map(({ id, risk }) => (risk === 'safe' ? id : `${id} (${risk})`));
}

const empty = { fenced: true, keys: 0, offset: 0 } as const;
const unlinked = { synced: false, offset: 88 } as const;

/** The first slots of a fourth shard are on their way there. */
const taking = (changes: Changes): readonly Given[] =>
  [
    ...settled.map((one) =>
      one.at === '0-0' ? { ...one, migrating: new Map([[5, '3-0']]) } : one,
    ),
    { at: '3-0', ...empty, importing: new Map([[5, '0-0']]) },
    { at: '3-1', follows: '3-0', keys: 4, offset: 9, synced: false },
  ].map((one) => ({ ...one, ...changes[one.at] }));

for (const { name, changes, deeds } of [
  {
    name: 'its replica has their keys, and leads',
    changes: {},
    deeds: ['fail over to c-data-3-1 (disruptive) without votes'],
  },
  {
    name: 'its replica leads: it follows that before it is let in',
    changes: { '3-1': { follows: undefined, synced: true } },
    deeds: ['follow c-data-3-1 with c-data-3-0'],
  },
  {
    name: 'its replica has none of them either: it goes on',
    changes: { '3-1': { keys: 0 } },
    deeds: ['let in c-data-3-0'],
  },
  {
    name: 'its replica is away: a person decides',
    changes: { '3-1': { silent: 'with pod' } },
    deeds: ['let in c-data-3-0 (dataLoss)'],
  },
] as readonly { name: string; changes: Changes; deeds: readonly string[] }[]) {
  test(`C17: who was about to own its first slots starts without a log: ${name}`, () => {
    const resources = { limits: {} };
    const groups = { data: { shards: 4, members: 3, resources } };
    const spec = { version: '7.0', options: {}, groups };
    const plan = planRedis({ spec }, { members: clusterOf(taking(changes)) });
    assert.deepEqual(
      plan.deeds.map(({ id, risk, deed }) => {
        const how = deed.kind === 'lead' ? ` ${deed.how}` : '';
        return risk === 'safe' ? id : `${id} (${risk})${how}`;
      }),
      deeds,
    );
  });
}

const old: Gone = { id: 'old', slots: third0 };

for (const { name, changes, deeds, ...options } of [
  {
    name: 'a leader is back without data: the replica that has most leads',
    changes: { '0-0': empty, '0-1': unlinked, '0-2': { ...unlinked, offset: 89 } },
    deeds: ['fail over to c-data-0-2 (disruptive)'],
  },
  {
    name: 'a replica that lost sight of its leader tells what it has as a stream of its own',
    changes: {
      '0-0': empty,
      '0-1': { ...unlinked, offset: 1, stream: 90 },
      '0-2': unlinked,
    },
    deeds: ['fail over to c-data-0-1 (disruptive)'],
  },
  {
    name: 'with a snapshot, and replicas that have more',
    changes: { '0-0': { fenced: true, keys: 8, offset: 50 }, '0-1': unlinked, '0-2': unlinked },
    deeds: ['fail over to c-data-0-1 (disruptive)'],
  },
  {
    name: 'with all that it had when it was ended in order: it goes on',
    changes: {
      '0-0': { fenced: true, offset: 90 },
      '0-1': { synced: false },
      '0-2': { synced: false },
    },
    deeds: ['let in c-data-0-0'],
  },
  {
    name: 'one replica is away, another one was there all the time: it leads',
    changes: { '0-0': empty, '0-1': { silent: 'with pod' }, '0-2': unlinked },
    deeds: ['fail over to c-data-0-2 (disruptive)'],
  },
  {
    name: 'one replica is away, another one has a snapshot: a person decides',
    changes: {
      '0-0': empty,
      '0-1': { silent: 'with pod' },
      '0-2': { fenced: true, synced: false, offset: 50 },
    },
    deeds: ['fail over to c-data-0-2 (dataLoss)'],
  },
  {
    name: 'all of the shard are back, each with a snapshot: the newest leads',
    changes: {
      '0-0': { fenced: true, offset: 50 },
      '0-1': { fenced: true, synced: false, offset: 40 },
      '0-2': { fenced: true, synced: false, offset: 60 },
    },
    deeds: ['fail over to c-data-0-2 (disruptive)'],
  },
  {
    name: 'all of the shard are back without data: it begins anew, at once',
    changes: {
      '0-0': empty,
      '0-1': { ...empty, synced: false },
      '0-2': { ...empty, synced: false },
    },
    deeds: ['let in c-data-0-0'],
  },
  {
    name: 'who may have data does not answer: a person decides',
    changes: {
      '0-0': empty,
      '0-1': { silent: 'with pod' },
      '0-2': { ...empty, synced: false },
    },
    deeds: ['let in c-data-0-0 (dataLoss)'],
  },
  {
    name: 'others have no pod, and so no data: it begins anew',
    changes: {
      '0-0': empty,
      '0-1': { silent: 'without pod' },
      '0-2': { silent: 'without pod' },
    },
    deeds: ['let in c-data-0-0'],
  },
  {
    name: 'others have no pod, and volumes with which they come back: a person decides',
    volumes: true,
    changes: {
      '0-0': empty,
      '0-1': { silent: 'without pod' },
      '0-2': { ...empty, synced: false },
    },
    deeds: ['let in c-data-0-0 (dataLoss)'],
  },
  {
    name: 'another one was elected meanwhile: it is left to hear of that',
    changes: {
      '0-0': { ...empty, epoch: 1 },
      '0-1': { slots: third0, follows: undefined, epoch: 2 },
      '0-2': { follows: '0-1' },
    },
    deeds: [],
  },
  {
    name: 'a replica that is in step is let in, one that is not yet waits',
    changes: {
      '0-1': { fenced: true },
      '0-2': { fenced: true, synced: false, keys: 0, offset: 0 },
    },
    deeds: ['let in c-data-0-1'],
  },
  {
    name: 'a replica that heard more has nothing: all was deleted, or it lost it, and a person decides',
    changes: {
      '0-0': { fenced: true, keys: 8, offset: 50 },
      '0-1': { ...unlinked, keys: 0, offset: 90 },
      '0-2': { ...unlinked, keys: 0, offset: 90 },
    },
    deeds: ['let in c-data-0-0 (dataLoss)'],
  },
  {
    name: 'one shard waits for a person: another one heals all the same',
    changes: {
      ...{ '0-0': empty, '0-1': { silent: 'with pod' }, '0-2': { ...empty, synced: false } },
      ...{ '1-0': empty, '1-1': unlinked, '1-2': unlinked },
    },
    deeds: ['fail over to c-data-1-1 (disruptive)', 'let in c-data-0-0 (dataLoss)'],
  },
  {
    name: 'two leaders are back without data: both are followed by others',
    changes: {
      ...{ '0-0': empty, '0-1': unlinked, '0-2': unlinked },
      ...{ '1-0': empty, '1-1': unlinked, '1-2': unlinked },
    },
    deeds: ['fail over to c-data-0-1 (disruptive)', 'fail over to c-data-1-1 (disruptive)'],
  },
  {
    name: 'its leader is gone for good, and all that follow it started without a log: the best is elected',
    gone: [old],
    changes: {
      '0-0': { ...empty, id: 'new', slots: undefined, fenced: undefined },
      '0-1': { follows: 'old', fenced: true, synced: false, offset: 40 },
      '0-2': { follows: 'old', fenced: true, synced: false, offset: 50 },
    },
    deeds: ['elect c-data-0-2 (disruptive)'],
  },
  {
    name: 'the same, and it owned nothing: nobody could elect another, so one leads without votes',
    gone: [{ id: 'old' }],
    changes: {
      '0-0': { follows: 'old', fenced: true, slots: undefined, synced: false, keys: 0 },
      '0-1': { follows: 'old', fenced: true, synced: false, keys: 0 },
      '0-2': { follows: 'old', fenced: true, synced: false, keys: 0 },
      '1-0': { slots: [[0, 10_922]] },
    },
    deeds: ['lead with c-data-0-0 (disruptive)'],
  },
  {
    name: 'the same, while a member is away that may be that leader: a person decides',
    changes: {
      '0-0': { silent: 'with pod' },
      '0-1': { ...empty, synced: false },
      '0-2': { ...empty, synced: false },
    },
    deeds: ['elect c-data-0-1 (dataLoss)'],
  },
  {
    name: 'the same, while another one was there all the time: it stands for election by itself',
    gone: [old],
    changes: {
      '0-0': { ...empty, id: 'new', slots: undefined, fenced: undefined },
      '0-1': { follows: 'old', fenced: true, synced: false, offset: 40 },
      '0-2': { follows: 'old', synced: false },
    },
    deeds: [],
  },
] as readonly (Options & { name: string; changes: Changes; deeds: readonly string[] })[]) {
  test(`C17: ${name}`, () => assert.deepEqual(planned(changes, options), deeds));
}

test('C17: who owns nothing is let in, also while others are not there yet', () => {
  const fresh: Changes = Object.fromEntries(
    settled.map(({ at }) => [
      at,
      at === '2-2'
        ? { ...empty, silent: 'without pod', follows: undefined }
        : { ...empty, slots: undefined, follows: undefined },
    ]),
  );
  assert.deepEqual(
    planned(fresh, { volumes: true }),
    settled.slice(0, -1).map(({ at }) => `let in c-data-${at}`),
  );
});

const majorityGone: Changes = Object.fromEntries(
  settled.map(({ at }) => {
    const isGone = at === '0-0' || at === '1-0' || at.endsWith('-2');
    if (isGone) return [at, { silent: 'without pod' }];
    return [at, at === '2-0' ? {} : { fenced: true, synced: false, offset: 40 }];
  }),
);

for (const { name, volumes, risk } of [
  { name: 'volumes come back with newer data: a person decides', volumes: true, risk: 'dataLoss' },
  { name: 'without volumes nobody comes back with any', volumes: false, risk: 'disruptive' },
]) {
  test(`C17: most leaders have no pod, their replicas started without a log: ${name}`, () => {
    const takeovers = planned(majorityGone, { volumes }).filter((id) => id.startsWith('take over'));
    assert.deepEqual(takeovers, [`take over with c-data-0-1 (${risk})`]);
  });
}

test('C17: who was replaced and has keys of before is told to a person', () => {
  const given = taking({ '3-0': { keys: 8 }, '3-1': { follows: undefined, synced: true } });
  const groups = { data: { shards: 4, members: 3, resources: { limits: {} } } };
  const spec = { version: '7.0', options: {}, groups };
  const { troubles } = planRedis({ spec }, { members: clusterOf(given) });
  assert.deepEqual(
    troubles.map(({ reason }) => reason),
    ['LeftBehind'],
  );
  assert.match(troubles[0]?.message ?? '', /c-data-3-0 .* c-data-3-1 leads now: delete its pod/);
});

const declared = (
  config: Readonly<Record<string, string>>,
  { tls, confirmed }: { tls: boolean; confirmed?: Readonly<Record<string, string>> | undefined },
) => ({
  ...(confirmed ? { confirmed } : {}),
  spec: {
    ...{ version: '7.0', options: {}, groups: {}, config },
    ...(tls ? { tls: { mode: 'required' } as const } : {}),
  },
});

for (const { name, config, confirmed, tls = false, starts, opens } of [
  {
    name: 'with a log it takes part at once',
    config: {},
    starts: { port: 6_379, 'cluster-announce-port': 6_379, 'cluster-port': 16_379 },
  },
  {
    name: 'without one it is fenced',
    config: { appendonly: 'no' },
    starts: {
      ...{ port: 6_380, 'cluster-announce-port': 6_379, 'cluster-port': 16_379 },
      'cluster-replica-no-failover': 'yes',
    },
    opens: { port: '6379', 'cluster-replica-no-failover': 'no' },
  },
  {
    name: 'while one that was switched on is not written yet it is fenced',
    config: { appendonly: 'yes' },
    confirmed: { appendonly: 'no' },
    starts: {
      ...{ port: 6_380, 'cluster-announce-port': 6_379, 'cluster-port': 16_379 },
      'cluster-replica-no-failover': 'yes',
    },
  },
  {
    name: 'without one it is fenced over TLS, too',
    config: { appendonly: 'no' },
    tls: true,
    starts: {
      ...{ 'tls-port': 6_380, 'cluster-announce-tls-port': 6_379, 'cluster-port': 16_379 },
      'cluster-replica-no-failover': 'yes',
    },
    opens: { 'tls-port': '6379', 'cluster-replica-no-failover': 'no' },
  },
]) {
  test(`a member starts: ${name}`, () => {
    const cluster = declared(config, { tls, confirmed });
    assert.deepEqual(startSettings(cluster), starts);
    if (opens) assert.deepEqual(openSettings(cluster), opens);
  });
}

const written = {
  ...{ aof_enabled: '1', aof_rewrite_in_progress: '0', aof_rewrite_scheduled: '0' },
  aof_last_bgrewrite_status: 'ok',
};

for (const { name, says, isWritten } of [
  { name: 'all is in there', says: {}, isWritten: true },
  { name: 'there is none to write', says: { aof_enabled: '0' }, isWritten: true },
  { name: 'it is being written', says: { aof_rewrite_in_progress: '1' }, isWritten: false },
  { name: 'a snapshot comes first', says: { aof_rewrite_scheduled: '1' }, isWritten: false },
  { name: 'it failed', says: { aof_last_bgrewrite_status: 'err' }, isWritten: false },
]) {
  test(`whether a log of writes is whole: ${name}`, () =>
    assert.equal(isLogWritten(new Map(Object.entries({ ...written, ...says }))), isWritten));
}
