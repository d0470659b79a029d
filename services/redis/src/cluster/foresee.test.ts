// The whole way to another shape of a cluster, as a dry run foresees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreseenSteps, type Member, planCluster } from '@tweendeck/engine';
import { clusterOf } from '../testing/cluster-of.ts';
import type { RedisFacts } from './facts.ts';
import { redisClusterEngine } from './redis-cluster.ts';
import { evenShares } from './slots.ts';

const engine = redisClusterEngine();
const [first, second, third] = evenShares(3).map((range) => [range]);
const three = [
  { at: '0-0', slots: first },
  { at: '0-1', follows: '0-0' },
  { at: '1-0', slots: second },
  { at: '1-1', follows: '1-0' },
  { at: '2-0', slots: third },
  { at: '2-1', follows: '2-0' },
];

/** One that is asked for and not there. */
function missing(shard: number, ordinal: number): Member<RedisFacts> {
  return {
    ...{ name: `c-data-${shard}-${ordinal}`, place: { group: 'data', shard, ordinal } },
    ...{ wanted: true, revision: 'r', pod: undefined, view: undefined, silence: undefined },
  };
}

function wayOf(
  members: readonly Member<RedisFacts>[],
  shards: number,
  config: Readonly<Record<string, string>> = {},
): readonly string[] {
  const resources = { limits: {} };
  const spec = { version: '7.0', options: { nodeTimeoutMs: 5_000 } };
  const groups = { data: { shards, members: 2, resources } };
  const cluster = { name: 'c', namespace: 'n', spec: { ...spec, groups, config } };
  const observed = { members };
  const input = { engine, cluster, observed, nowMs: 0 };
  const plan = planCluster({ ...input, underWay: undefined, approved: new Set() });
  return foreseenSteps({ ...input, plan }).map(({ id }) => id);
}

test('a new shard: its members are met, follow, and slots go there from all others', () => {
  const members = [...clusterOf(three), missing(3, 0), missing(3, 1)];
  const way = wayOf(members, 4);
  assert.ok(['meet c-data-3-0', 'meet c-data-3-1'].every((id) => way.includes(id)));
  assert.deepEqual(
    way.filter((id) => !id.startsWith('meet ')),
    [
      'follow c-data-3-0 with c-data-3-1',
      ...['1', '0', '2'].map((shard) => `move slots from c-data-${shard}-0 to c-data-3-0`),
    ],
  );
});

test('a new cluster: all meet, each shard begins, the others follow', () => {
  const members = [0, 1, 2].flatMap((shard) => [missing(shard, 0), missing(shard, 1)]);
  const way = wayOf(members, 3);
  assert.deepEqual(
    way.filter((id) => !id.startsWith('meet ')),
    [
      ...[0, 1, 2].map((shard) => `take slots on c-data-${shard}-0`),
      ...[0, 1, 2].map((shard) => `follow c-data-${shard}-0 with c-data-${shard}-1`),
    ],
  );
  assert.equal(way.length, 12);
});

test('C17: a new cluster without logs: its members are let in before all else', () => {
  const members = [0, 1, 2].flatMap((shard) => [missing(shard, 0), missing(shard, 1)]);
  const way = wayOf(members, 3, { appendonly: 'no' });
  assert.deepEqual(
    way.slice(0, 6),
    members.map(({ name }) => `let in ${name}`),
  );
  assert.equal(way.length, 18);
});

test('C17: a leader without its data: another one leads, then it follows and is let in', () => {
  const members = clusterOf([
    { at: '0-0', slots: first, fenced: true },
    { at: '0-1', follows: '0-0', keys: 9, offset: 9 },
    ...three.slice(2),
  ]);
  const config = { appendonly: 'no' };
  assert.deepEqual(wayOf(members, 3, config), ['fail over to c-data-0-1', 'let in c-data-0-0']);
});

test('a shard that goes gives its slots to the others', () => {
  const shares = evenShares(4).map((range) => [range]);
  const members = clusterOf(
    [0, 1, 2, 3].flatMap((shard) => [
      { at: `${shard}-0`, slots: shares[shard], wanted: shard < 3 },
      { at: `${shard}-1`, follows: `${shard}-0`, wanted: shard < 3 },
    ]),
  );
  assert.deepEqual(
    wayOf(members, 3),
    [0, 1, 2].map((shard) => `move slots from c-data-3-0 to c-data-${shard}-0`),
  );
});

test('a shard that goes gives its data to the others, each as much as it has room for', () => {
  const mebi = 1_048_576;
  const shares = evenShares(4).map((range) => [range]);
  const memory = { data: 90 * mebi, used: 100 * mebi, max: 150 * mebi };
  const members = clusterOf(
    [0, 1, 2, 3].map((shard) => ({
      ...{ at: `${shard}-0`, slots: shares[shard], wanted: shard < 3, memory },
    })),
  );
  assert.deepEqual(
    wayOf(members, 3),
    [0, 1, 2].map((shard) => `move slots from c-data-3-0 to c-data-${shard}-0`),
  );
});

test('a change rolls: followers first, then each leader after it handed over', () => {
  const members = clusterOf(three).map((one) => ({ ...one, revision: 'another' }));
  assert.deepEqual(wayOf(members, 3), [
    ...['restart c-data-2-1', 'restart c-data-1-1', 'restart c-data-0-1'],
    ...['hand over from c-data-0-0 to c-data-0-1', 'restart c-data-0-0'],
    ...['hand over from c-data-1-0 to c-data-1-1', 'restart c-data-1-0'],
    ...['hand over from c-data-2-0 to c-data-2-1', 'restart c-data-2-0'],
  ]);
});

test('what needs a person ends what can be foreseen', () => {
  const members = clusterOf([
    ...three.slice(0, 2),
    { at: '1-0', slots: second, silent: 'with pod' },
    { at: '1-1', follows: '1-0' },
    { at: '2-0', slots: third, silent: 'with pod' },
    { at: '2-1', follows: '2-0' },
  ]);
  const [next, ...others] = wayOf(members, 3);
  assert.match(next ?? '', /^take over with /);
  assert.ok(others.every((id) => id.startsWith('take over with ')));
});
