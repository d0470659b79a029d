// Data go only where they have room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf } from '../testing/cluster-of.ts';
import { planRedis } from './plan-cluster.ts';
import { evenShares } from './slots.ts';

const mebi = 1_048_576;

/** Leaders that hold so many MiB each, of 100. */
function planned(
  held: readonly number[],
  { shards, limit = '160Mi', policy }: { shards: number; limit?: string; policy?: string },
) {
  const ranges = evenShares(held.length);
  const members = clusterOf(
    held.map((data, shard) => ({
      ...{ at: `${shard}-0`, host: String(shard), slots: [ranges[shard] ?? [0, 0]], keys: 1 },
      ...{ offset: 9, wanted: shard < shards },
      memory: { data: data * mebi, used: (data + 2) * mebi, max: 100 * mebi },
    })),
  );
  const spec = {
    ...{ version: '7.0', options: {} },
    groups: { data: { shards, members: 1, resources: { limits: { memory: limit } } } },
    ...(policy ? { config: { 'maxmemory-policy': policy } } : {}),
  };
  const { deeds, troubles, holds } = planRedis({ spec }, { members });
  return { deeds: deeds.length, troubles: troubles.map(({ message }) => message), holds };
}

const rest = { deeds: 0, troubles: [], holds: undefined };

test('a shard goes when the others have room for what it holds', () => {
  assert.deepEqual(planned([50, 50, 50, 40], { shards: 3 }), { ...rest, deeds: 1 });
});

test('a shard stays, with its data, when they have not', () => {
  const message =
    'the shards that are to go hold 80 MiB, and those that stay have room for 39 MiB: give members more memory, or keep more shards';
  assert.deepEqual(planned([80, 80, 80, 80], { shards: 3 }), { ...rest, troubles: [message] });
});

test('where keys may be evicted it is the user who decided', () => {
  assert.equal(planned([80, 80, 80, 80], { shards: 3, policy: 'allkeys-lru' }).deeds, 1);
});

test('nobody is restarted with less memory than its data take', () => {
  const message =
    'c-data-0-0 uses 52 MiB, and the memory limit of the spec leaves 35 MiB for it: nobody is restarted with less than that; ask for more';
  const { troubles, holds } = planned([50, 50, 50], { shards: 3, limit: '50Mi' });
  assert.deepEqual({ troubles, holds }, { troubles: [message], holds: message });
  assert.deepEqual(planned([30, 30, 30], { shards: 3, limit: '50Mi' }), rest);
});

test('nor with less than the server itself takes', () => {
  const { holds } = planned([0, 0, 0], { shards: 3, limit: '1Mi' });
  assert.match(holds ?? '', /c-data-0-0 uses 2 MiB/);
});

test('whoever is full is restarted with as much as it has', () => {
  assert.deepEqual(planned([99, 99, 99], { shards: 3, limit: '143Mi' }), rest);
});
