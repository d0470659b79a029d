// What may happen to the nodes that members are on.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DeclaredRedis, Server } from '../support/declared-redis.ts';
import { caseKeys, isApart, type RedisCaseHome } from '../support/redis-case-home.ts';
import { killRedisAt } from '../support/redis-processes.ts';

/** C14: where members are when clusters are made. */
export async function casesOfPlaces(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { shop, cart, shopWriter, cartWriter } = home;

  await context.test('C14: members of a shard and leaders are on nodes of their own', async () => {
    await home.declare('cart', home.cartSpec);
    await home.declare('shop', home.shopSpec);
    for (const [cluster, writer] of [
      [cart, cartWriter],
      [shop, shopWriter],
    ] as const) {
      await cluster.settled('6/6');
      await home.isWhole(cluster);
      const seen = await cluster.seen();
      assert.ok(isApart(seen), JSON.stringify(seen.map(({ pod, host }) => [pod, host])));
      const leading = (await cluster.leaders()).map(({ host }) => host);
      assert.equal(new Set(leading).size, 3, `leaders are on ${leading}`);
      writer.start(caseKeys, { restMs: 5 });
    }
    // Two leaders on one node: seen to below, once it has been well for a minute.
    const leaders = await cart.leaders();
    const crowded = (await cart.seen()).find(
      ({ shard, host, self }) =>
        self.masterId !== undefined &&
        leaders.some((one) => one.shard !== shard && one.host === host),
    );
    assert.ok(crowded);
    await cart.ask(crowded, 'CLUSTER', 'FAILOVER');
    await cart.until('it is told', async () => {
      await cart.nudge();
      return (await cart.condition('LeadersSpread'))?.status === 'False';
    });
  });
}

/** C14, C16, and a node that is lost. */
export async function casesOfHosts(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { shop, cart, shopWriter, cartWriter } = home;
  let beforeDrain: readonly Server[] = [];
  let lostNode = '';

  await context.test(
    'a host is lost: the others go on, and its members come back elsewhere',
    async (part) => {
      await home.isWhole(cart);
      const places = (await cart.servers()).map(({ host }) => host);
      const [node] = home.nodes.toSorted(
        (a, b) => countOf(places, b.name) - countOf(places, a.name),
      );
      assert.ok(node);
      lostNode = node.name;
      const here = (servers: readonly Server[]) => servers.filter(({ host }) => host === node.name);
      await oneLeads(cart, node.name);
      const promised = await home.promisedOf(cart, cartWriter);
      const promisedToo = await home.promisedOf(shop, shopWriter);
      const lost = here([...(await cart.servers()), ...(await shop.servers())]);
      const led = async (cluster: DeclaredRedis) =>
        (await cluster.leaders()).filter(({ host }) => host === node.name);
      const [cartLed, shopLed] = [await led(cart), await led(shop)];
      const lostMs = performance.now();
      const dying = node.lose();
      for (const { ip } of lost) killRedisAt(ip);
      await dying;
      await cart.until(
        'others lead all slots',
        async () => (await cart.shares()).reduce((sum, share) => sum + share, 0) === 16_384,
      );
      part.diagnostic(`others lead after ${Math.round(performance.now() - lostMs)} ms`);
      assert.deepEqual(await cartWriter.lost(promised), []);
      await cart.until('its pods are evicted', async () => here(await cart.servers()).length === 0);
      await home.kubectl([
        'taint',
        'nodes',
        node.name,
        'node.kubernetes.io/out-of-service=lost:NoExecute',
      ]);
      await home.isWhole(cart);
      assert.deepEqual(here(await cart.servers()), []);
      part.diagnostic(`all are back after ${Math.round(performance.now() - lostMs)} ms`);
      await node.start();
      await home.kubectl(['taint', 'nodes', node.name, 'node.kubernetes.io/out-of-service-']);
      await home.isWhole(shop);
      const excused =
        (await home.promisesKept(cartWriter, promised, cartLed)) +
        (await home.promisesKept(shopWriter, promisedToo, shopLed));
      part.diagnostic(`${excused} keys lost a write that only their leader had`);
    },
  );

  await context.test(
    'C14: two nodes that are drained at once take no shard with them',
    async () => {
      beforeDrain = await cart.servers();
      const others = ['local', 'two', 'three'].filter((name) => name !== lostNode);
      const how = ['--delete-emptydir-data', '--pod-selector=app.kubernetes.io/instance=cart'];
      await Promise.all(
        others.map((node) => home.kubectl(['drain', node, ...how, '--timeout=50s'])),
      );
      await home.isWhole(cart);
      await home.nothingLost(cartWriter);
      await home.kubectl(['uncordon', ...others]);
    },
  );

  await context.test('C16: whoever moved is known by its address of now', async () => {
    const moved = (await cart.seen()).filter(({ uid }) =>
      beforeDrain.every((one) => one.uid !== uid),
    );
    const elsewhere = beforeDrain.filter(({ host }) => host !== lostNode);
    assert.deepEqual([moved.length, elsewhere.length], [6, 6]);
    for (const { host, ip, self } of moved) {
      assert.equal(host, lostNode);
      assert.equal(self.host, ip);
    }
    const known = await Promise.all(
      (await cart.seen()).map((server) => cart.ask(server, 'CLUSTER', 'SLOTS')),
    );
    for (const { ip } of beforeDrain) {
      assert.ok(
        known.every((text) => !text.includes(`${ip} `)),
        `${ip} is still told`,
      );
    }
  });
}

const countOf = (names: readonly string[], name: string): number =>
  names.filter((one) => one === name).length;

/** A hand-over that comes to nothing is given up by redis-servers after five seconds. */
const handOverMs = 6_000;

/** Has one leader, no more and no less, on a node. */
async function oneLeads(cluster: DeclaredRedis, node: string): Promise<void> {
  let askedMs = Number.NEGATIVE_INFINITY;
  await cluster.until(`one leads on ${node}`, async () => {
    const seen = await cluster.seen();
    if (seen.length < 6) return false;
    const leading = seen.filter(({ host, self }) => host === node && self.slots.length > 0);
    if (leading.length === 1) return true;
    if (performance.now() - askedMs < handOverMs) return false;
    const heir = seen.find(
      ({ host, self, shard }) =>
        self.masterId !== undefined &&
        (leading.length === 0 ? host === node : shard === leading[0]?.shard),
    );
    assert.ok(heir, `nobody can lead instead on ${node}`);
    askedMs = performance.now();
    await cluster.ask(heir, 'CLUSTER', 'FAILOVER');
    return false;
  });
}
