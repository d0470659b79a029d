// The whole way to another shape of a Sentinel set, as a dry run foresees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreseenSteps, type Member, planCluster } from '@tweendeck/engine';
import type { SetFacts } from './facts.ts';
import { redisSentinelEngine } from './redis-sentinel.ts';
import { type GivenData, type GivenSentinel, setOf, toySet } from './testing/set-of.ts';

const engine = redisSentinelEngine();

/** One that is asked for and not there. */
function missing(group: 'data' | 'sentinels', ordinal: number): Member<SetFacts> {
  return {
    ...{ name: `s-${group}-${ordinal}`, place: { group, shard: 0, ordinal } },
    ...{ wanted: true, revision: 'r', pod: undefined, view: undefined, silence: undefined },
  };
}

interface Wanted {
  readonly data?: number;
  readonly sentinels?: number;
  readonly config?: Readonly<Record<string, string>>;
  readonly passwords?: { readonly current: string };
}

/** Ids of the steps; of each with `s-` left out. */
function wayOf(
  given: readonly Member<SetFacts>[],
  { data = 3, sentinels = 3, config = {}, passwords }: Wanted = {},
): readonly string[] {
  const count = (members: number) => ({ members, resources: { limits: {} } });
  const groups = { data: count(data), sentinels: count(sentinels) };
  const cluster = { ...toySet, spec: { ...toySet.spec, groups, config }, passwords };
  // As the engine sees them: roles are told by all together.
  const roles = engine.roles?.({ members: given });
  const members = given.map((one) => {
    const role = roles?.get(one.name);
    return one.view && role ? { ...one, view: { ...one.view, role } } : one;
  });
  const observed = { members };
  const input = { engine, cluster, observed, nowMs: 0 };
  const plan = planCluster({ ...input, underWay: undefined, approved: new Set() });
  return foreseenSteps({ ...input, plan }).map(({ id }) =>
    id.replaceAll(/\bs-(data|sentinels)/g, '$1'),
  );
}

const well: readonly GivenData[] = [{}, {}, {}];
const ordinals = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

test('a set that is well: nothing', () => assert.deepEqual(wayOf(setOf({ data: well })), []));

test('a new set: one leads, the others follow, all may lead, Sentinels watch, who is in step is noted', () => {
  const members = [
    ...ordinals(3).map((at) => missing('data', at)),
    ...ordinals(3).map((at) => missing('sentinels', at)),
  ];
  assert.deepEqual(wayOf(members), [
    'lead with data-0',
    ...['follow data-0 with data-1', 'follow data-0 with data-2'],
    ...['set up data-1', 'set up data-2'],
    ...ordinals(3).map((at) => `watch data-0 with sentinels-${at}`),
    'mark data-0',
  ]);
});

test('a new set that asks for a password: Sentinels are told with what to log in', () => {
  const members = [
    ...ordinals(3).map((at) => missing('data', at)),
    ...ordinals(3).map((at) => missing('sentinels', at)),
  ];
  const way = wayOf(members, { passwords: { current: 'secret' } });
  assert.deepEqual(
    way.filter((id) => id.startsWith('log in')),
    ordinals(3).map((at) => `log in anew with sentinels-${at}`),
  );
  assert.ok(way.includes('mark data-0'));
});

test('a replica more: it follows, may lead, and is noted', () => {
  const members = [...setOf({ data: well }), missing('data', 3)];
  assert.deepEqual(wayOf(members, { data: 4 }), [
    ...['follow data-0 with data-3', 'set up data-3', 'mark data-0'],
  ]);
});

test('two Sentinels more: they watch, the others need more votes', () => {
  const members = [...setOf({ data: well }), missing('sentinels', 3), missing('sentinels', 4)];
  assert.deepEqual(wayOf(members, { sentinels: 5 }).toSorted(), [
    ...ordinals(3).map((at) => `adjust sentinels-${at}`),
    ...[3, 4].map((at) => `watch data-0 with sentinels-${at}`),
  ]);
});

test('a leader that is asked for no more hands over, and is forgotten by one Sentinel after another', () => {
  const data: readonly GivenData[] = [
    { is: 3 },
    { is: 3 },
    { is: 3 },
    { is: 'master', wanted: false },
  ];
  const sentinels: readonly GivenSentinel[] = ordinals(3).map(() => ({ names: 3 }));
  assert.deepEqual(wayOf(setOf({ data, sentinels })), [
    'hand over from data-3',
    'mark data-0',
    ...ordinals(3).map((at) => `watch data-0 with sentinels-${at}`),
  ]);
});

test('a change rolls: followers and Sentinels first, then the leader after it handed over', () => {
  const members = setOf({ data: well }).map((one) => ({ ...one, revision: 'another' }));
  assert.deepEqual(wayOf(members), [
    ...[2, 1, 0].map((at) => `restart sentinels-${at}`),
    ...['restart data-2', 'restart data-1'],
    ...['hand over from data-0', 'mark data-1', 'restart data-0'],
  ]);
});

test('with less memory than the data take nobody is restarted', () => {
  const mebi = 1_048_576;
  const memory = { data: 190 * mebi, used: 200 * mebi, max: 300 * mebi };
  const members = setOf({ data: [{ memory }, {}, {}] });
  assert.deepEqual(wayOf(members.map((one) => ({ ...one, revision: 'another' }))), []);
});

test('what servers take while they run is set on all of them, and nobody is restarted', () => {
  const config = { 'maxmemory-policy': 'allkeys-lru' };
  const way = wayOf(setOf({ data: well }), { config });
  assert.deepEqual(
    way,
    ordinals(3).map((at) => `set up data-${at}`),
  );
});

test('another password: servers take it, then one Sentinel after another logs in with it', () => {
  const data = well.map((): GivenData => ({ passwords: 'others' }));
  const sentinels = ordinals(3).map(
    (): GivenSentinel => ({ passwords: { admits: false, uses: false } }),
  );
  const way = wayOf(setOf({ data, sentinels }), { passwords: { current: 'secret' } });
  assert.deepEqual(way, [
    ...ordinals(3).map((at) => `tell passwords to data-${at}`),
    ...ordinals(3).map((at) => `tell passwords to sentinels-${at}`),
    ...ordinals(3).map((at) => `log in anew with sentinels-${at}`),
  ]);
});

test('a leader that is back without its data: Sentinels choose another, whom it follows', () => {
  const data: readonly GivenData[] = [{ is: 'fenced', keys: 0, offset: 0 }, { linked: false }, {}];
  assert.deepEqual(wayOf(setOf({ data })), [
    'fail over from data-0',
    ...['set up data-0', 'mark data-1'],
  ]);
});

test('while Sentinels choose, what follows is not told', () => {
  const sentinels = ordinals(3).map((): GivenSentinel => ({ flags: ['failover_in_progress'] }));
  const data: readonly GivenData[] = [{ silent: 'with pod' }, {}, {}];
  assert.deepEqual(wayOf(setOf({ data, sentinels })), ['wait for Sentinels']);
});

test('what a person is to approve ends what can be foreseen', () => {
  const data: readonly GivenData[] = [{ keys: 0, mark: undefined }, { is: 'fenced' }, {}];
  const way = wayOf(setOf({ data }));
  assert.ok(way.includes('follow data-0 with data-1'), way.join(', '));
  assert.ok(!way.includes('set up data-1'), way.join(', '));
});
