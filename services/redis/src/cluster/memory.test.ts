// Data go only where they have room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf } from '../testing/cluster-of.ts';
import { planRedis } from './plan-cluster.ts';
import { evenShares } from './slots.ts';

const mebi = 1_048_576;

interface Shape {
  readonly shards: number;
  readonly limit?: string;
  readonly policy?: string;
  /** One more has no slots, and holds so many MiB. */
  readonly comes?: number;
  /** A slot of the second one that is on its way to it. */
  readonly open?: number;
}

/** Leaders that hold so many MiB each, of 100. */
function planned(held: readonly number[], { shards, limit = '160Mi', policy, comes, open }: Shape) {
  const ranges = evenShares(held.length);
  const all = [...held, ...(comes === undefined ? [] : [comes])];
  const members = clusterOf(
    all.map((data, shard) => {
      const range = ranges[shard];
      const isOpen = open !== undefined && shard === 1;
      return {
        ...{ at: `${shard}-0`, host: String(shard), keys: 1, offset: 9, wanted: shard < shards },
        ...(range ? { slots: [range] } : { synced: true }),
        ...(isOpen ? { migrating: new Map([[open, `${held.length}-0`]]) } : {}),
        memory: { data: data * mebi, used: (data + 2) * mebi, max: 100 * mebi },
      };
    }),
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

test('a shard stays when the others are to have no room: of what they have and what the spec gives them the less counts', () => {
  const message =
    'the shards that are to go hold 20 MiB, and those that stay have room for 0 MiB: give members more memory, or keep more shards';
  const { deeds, troubles } = planned([50, 50, 50, 20], { shards: 3, limit: '75Mi' });
  assert.deepEqual({ deeds, troubles }, { deeds: 0, troubles: [message] });
  assert.equal(planned([30, 30, 30, 20], { shards: 3, limit: '75Mi' }).deeds, 1);
});

test('a shard stays while one of the others is to have less than it uses', () => {
  const { deeds, troubles } = planned([50, 10, 10, 10], { shards: 3, limit: '60Mi' });
  assert.equal(deeds, 0);
  assert.deepEqual(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^c-data-0-0 uses 52 MiB/);
});

test('a shard that comes takes from whoever is to have less than it uses', () => {
  const { deeds, troubles } = planned([80, 20, 20], { shards: 4, limit: '100Mi', comes: 0 });
  assert.deepEqual({ deeds, troubles: troubles.length }, { deeds: 1, troubles: 1 });
});

test('slots go to nobody who has no room for what they hold', () => {
  const message =
    'slots that are to go from c-data-1-0 hold about 21 MiB, and c-data-3-0 has room for 13 MiB: give members more memory';
  const shape = { shards: 4, comes: 80 };
  assert.deepEqual(planned([80, 80, 80], shape), { ...rest, troubles: [message] });
  assert.equal(planned([80, 80, 80], { ...shape, comes: 70 }).deeds, 1);
  assert.equal(planned([80, 80, 80], { ...shape, policy: 'allkeys-lru' }).deeds, 1);
});

test('what is on its way is ended, whatever room there is', () => {
  assert.equal(planned([80, 80, 80], { shards: 4, comes: 99, open: 6_000 }).deeds, 1);
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
