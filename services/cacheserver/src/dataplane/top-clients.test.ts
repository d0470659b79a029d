import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { HeavyHitters, TopClients } from './top-clients.ts';

test('few names are counted exactly', () => {
  const hitters = new HeavyHitters(3);
  for (const [name, count] of [
    ['a', 5],
    ['b', 7],
    ['a', 3],
    ['c', 0],
    ['d', 1],
  ] as const) {
    hitters.add(name, count);
  }
  assert.deepEqual(hitters.top(2), [
    { client: 'a', count: 8, excess: 0 },
    { client: 'b', count: 7, excess: 0 },
  ]);
  assert.equal(hitters.top(9).length, 3);
});

test('of many names the heavy ones stay, and no figure is below the truth nor above it by more than it says', () => {
  const random = seededRandom(7);
  const hitters = new HeavyHitters(20);
  const truth = new Map<string, number>();
  for (let step = 0; step < 20_000; step++) {
    const name =
      random.next() < 0.4 ? `heavy-${random.integer(4)}` : `light-${random.integer(5_000)}`;
    truth.set(name, (truth.get(name) ?? 0) + 1);
    hitters.add(name, 1);
  }
  const top = hitters.top(100);
  assert.equal(top.length, 20);
  assert.deepEqual(
    top
      .slice(0, 4)
      .map(({ client }) => client)
      .sort(),
    ['heavy-0', 'heavy-1', 'heavy-2', 'heavy-3'],
  );
  for (const { client, count, excess } of top) {
    const exact = truth.get(client) ?? 0;
    assert.ok(exact <= count && count - excess <= exact, client);
  }
});

test('clients are ranked by bytes and by requests', () => {
  const clients = new TopClients();
  clients.add('a', { bytes: 10, requests: 1 });
  clients.add('b', { bytes: 1, requests: 10 });
  const { byBytes, byRequests } = clients.values();
  assert.deepEqual([byBytes[0]?.client, byRequests[0]?.client], ['a', 'b']);
});
