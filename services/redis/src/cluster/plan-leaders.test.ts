// Leaders on hosts: fewer than half of them on any, also after failovers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf } from '../testing/cluster-of.ts';
import { planRedis } from './plan-cluster.ts';
import { leadersMax } from './plan-leaders.ts';
import { evenShares, slotCount } from './slots.ts';

for (const [leaders, max] of [
  [1, 1],
  [3, 1],
  [4, 1],
  [5, 2],
  [6, 2],
  [7, 3],
] as const) {
  test(`of ${leaders} leaders a host may have ${max}`, () => {
    assert.equal(leadersMax(leaders), max);
    assert.ok(leaders === 1 || max < leaders / 2);
  });
}

/** By shard: the host of its leader, then those of its replicas. */
function planned(hosts: readonly string[], calmMs = 60_000) {
  const ranges = evenShares(hosts.length);
  const members = clusterOf(
    hosts.flatMap((of, shard) =>
      [...of].map((host, ordinal) => ({
        ...{ at: `${shard}-${ordinal}`, host, keys: 1, offset: 9 },
        ...(ordinal === 0
          ? { slots: [ranges[shard] ?? [0, slotCount - 1]] }
          : { follows: `${shard}-0` }),
      })),
    ),
  );
  const spec = {
    ...{ version: '7.0', options: {} },
    groups: { data: { shards: hosts.length, members: 2, resources: { limits: {} } } },
  };
  const { deeds, conditions = [] } = planRedis({ spec, calmMs }, { members });
  return { deeds: deeds.map(({ id }) => id), spread: conditions.map(({ status }) => status) };
}

for (const { name, hosts, calmMs, deeds, spread } of [
  {
    name: 'each on a host of its own: nothing',
    hosts: ['ab', 'bc', 'ca'],
    deeds: [],
    spread: 'True',
  },
  {
    name: 'two of three on one host: the replica elsewhere takes over',
    hosts: ['ab', 'ac', 'bc'],
    deeds: ['hand over from c-data-1-0 to c-data-1-1'],
    spread: 'False',
  },
  {
    name: 'not before the cluster has been well for a minute',
    hosts: ['ab', 'ac', 'bc'],
    calmMs: 59_999,
    deeds: [],
    spread: 'False',
  },
  {
    name: 'on two hosts: as even as can be, and told',
    hosts: ['ab', 'ab', 'ab'],
    deeds: ['hand over from c-data-0-0 to c-data-0-1'],
    spread: 'False',
  },
  {
    name: 'no change that makes it no better',
    hosts: ['ab', 'ab', 'ba'],
    deeds: [],
    spread: 'False',
  },
  {
    name: 'only over another: that one gives its own on first',
    hosts: ['ab', 'ab', 'bc'],
    deeds: ['hand over from c-data-2-0 to c-data-2-1'],
    spread: 'False',
  },
  {
    name: 'and then the host that has too many',
    hosts: ['ab', 'ab', 'cb'],
    deeds: ['hand over from c-data-0-0 to c-data-0-1'],
    spread: 'False',
  },
  {
    name: 'one host: told, and nothing done',
    hosts: ['aa', 'aa', 'aa'],
    deeds: [],
    spread: 'False',
  },
  {
    name: 'three of six on one host: one goes where the fewest are',
    hosts: ['ab', 'ac', 'ab', 'bc', 'bc', 'ca'],
    deeds: ['hand over from c-data-1-0 to c-data-1-1'],
    spread: 'False',
  },
]) {
  test(`leaders: ${name}`, () => {
    assert.deepEqual(planned(hosts, calmMs), { deeds, spread: [spread] });
  });
}

for (const { hosts, leaders } of [
  { hosts: ['ab', 'ac', 'ab'], leaders: ['0-0', '1-1', '2-1'] },
  // Whoever takes the first host of the first shard leaves none to the last one.
  { hosts: ['ab', 'cb', 'ac'], leaders: ['0-1', '1-0', '2-0'] },
  { hosts: ['ab', 'ba', 'ac'], leaders: ['0-0', '1-0', '2-1'] },
  { hosts: ['aa', 'aa', 'aa'], leaders: ['0-0', '1-0', '2-0'] },
]) {
  test(`a new cluster on ${hosts.join(', ')} begins with its leaders spread`, () => {
    const members = clusterOf(
      hosts.flatMap((of, shard) =>
        [...of].map((host, ordinal) => ({ at: `${shard}-${ordinal}`, host })),
      ),
    );
    const spec = {
      ...{ version: '7.0', options: {} },
      groups: { data: { shards: 3, members: 2, resources: { limits: {} } } },
    };
    assert.deepEqual(
      planRedis({ spec }, { members }).deeds.map(({ id }) => id),
      leaders.map((at) => `take slots on c-data-${at}`),
    );
  });
}
