// A RedisCluster without the platform: it goes on while that is away, what was begun is ended when it is back, and what is
// stopped keeps its data. On real redis-servers, with a client that writes all the time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterNodes } from '../services/redis/src/cluster/cluster-nodes.ts';
import { holds, type SlotRange, slotsHeld } from '../services/redis/src/cluster/slots.ts';
import { slotOfKey } from '../services/redis/src/testing/slot-set.ts';
import { DeclaredRedis, type Server } from './support/declared-redis.ts';
import { freePort, TestHome, until } from './support/home.ts';
import { homeClient } from './support/home-client.ts';
import { ClusterWriter } from './support/redis-cluster-writer.ts';
import { killRedisAt } from './support/redis-processes.ts';
import { stepsIn } from './support/redis-steps.ts';

const kubectl = '1.35';
const patienceMs = 120_000;
const keys = 1_000;
/** Those of the hash slots of a cluster that one of four leaders has. */
const quarter = 4_096;

test('a RedisCluster without the platform', { timeout: 600_000 }, async (context) => {
  const port = await freePort(); // the same after a kill, so that the client finds it again
  await using home = await TestHome.open({ port });
  const { client, transport } = await homeClient(home.kubeconfig);
  using _ = transport;
  const shop = new DeclaredRedis('shop', client, new AbortController().signal);
  await using writer = new ClusterWriter(
    () => shop.addresses(),
    () => shop.password(),
  );
  const must = async (args: readonly string[], input?: string): Promise<void> => {
    const { code, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  };
  /** What the platform did since it was started last. */
  const steps = (): readonly string[] => stepsIn(home.stderr, 'shop');
  /** As a server sees itself; the platform is not needed for that. */
  const selfOf = async (server: Server) => {
    const nodes = parseClusterNodes(await shop.ask(server, 'CLUSTER', 'NODES'));
    const self = nodes.find(({ flags }) => flags.has('myself'));
    assert.ok(self);
    return self;
  };
  /** Until each key was written again; of these slots only. */
  const writesGoOn = async (slots: readonly SlotRange[] = [[0, 16_383]]): Promise<void> => {
    const before = [...writer.acknowledged].filter(([key]) => holds(slots, slotOfKey(key)));
    assert.ok(before.length > 0);
    await until(
      'writes go on',
      async () =>
        before.every(([key, value]) => Number(writer.acknowledged.get(key)) > Number(value)),
      patienceMs,
    );
  };
  const nothingLost = async (): Promise<void> => {
    await writesGoOn();
    assert.deepEqual(await writer.lost(), []);
  };

  await context.test('it is made', async () => {
    const resources = { limits: { cpu: '100m', memory: '96Mi' } };
    const groups = { data: { resources, storage: { size: '64Mi' } } };
    const spec = { groups, options: { nodeTimeoutMs: 2_000 } };
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster' };
    await must(
      ['apply', '-f', '-'],
      JSON.stringify({ ...object, metadata: { name: 'shop' }, spec }),
    );
    await shop.settled('6/6');
    await shop.isClean();
    writer.start(keys);
    await until('every key was written', async () => writer.acknowledged.size === keys);
  });

  await context.test(
    'away: a killed leader is followed by its replica; back: nothing of that is undone',
    async (part) => {
      const seen = await shop.seen();
      const leader = seen.find(({ self }) => self.slots.length > 0);
      const replica = seen.find(({ self }) => self.masterId === leader?.self.id);
      assert.ok(leader && replica);
      await home.stop('SIGKILL');
      try {
        await writesGoOn();
        killRedisAt(leader.ip);
        await until(
          'its replica leads',
          async () => (await selfOf(replica)).slots.length > 0,
          patienceMs,
        );
        await writesGoOn(leader.self.slots);
        assert.deepEqual(await writer.lost(), []);
        assert.deepEqual((await selfOf(replica)).slots, leader.self.slots);
      } finally {
        await home.start({ port });
      }
      await shop.until('the platform says so too, and has all of them', async () => {
        const { phase, ready, members = [] } = (await shop.status()) ?? {};
        const heir = members.find(({ name }) => name === replica.member);
        return heir?.role === 'leader' && phase === 'Ready' && ready === '6/6';
      });
      await shop.isClean();
      await nothingLost();
      const after = new Map((await shop.seen()).map(({ self }) => [self.id, self]));
      assert.deepEqual([...after.keys()].sort(), seen.map(({ self }) => self.id).sort());
      assert.deepEqual(after.get(replica.self.id)?.slots, leader.self.slots);
      assert.equal(after.get(leader.self.id)?.masterId, replica.self.id);
      part.diagnostic(`${steps().length} steps: ${steps().join(', ')}`);
      assert.deepEqual(
        steps().filter((step) => /^(hand over|take over|elect|fail over|move)/.test(step)),
        [],
      );
    },
  );

  for (const { name, shards, ready, step } of [
    {
      name: 'to four shards',
      shards: 4,
      ready: '8/8',
      step: /^move slots from .* to shop-data-3-/,
    },
    { name: 'back to three', shards: 3, ready: '6/6', step: /^move slots from shop-data-3-/ },
  ]) {
    await context.test(`killed while slots move ${name}: what was begun is ended`, async (part) => {
      await shop.patch({ groups: { data: { shards } } });
      /** Slots of the fourth shard. */
      const ofFourth = async (servers: readonly Server[]): Promise<number> => {
        const fourth = servers.filter((server) => server.shard === '3').map(selfOf);
        return (await Promise.all(fourth)).reduce((sum, { slots }) => sum + slotsHeld(slots), 0);
      };
      const isPart = (slots: number): boolean => slots > 0 && slots < quarter;
      const servers = await shop.until('a step is told, and some slots have moved', async () => {
        if (!steps().some((one) => step.test(one))) return false;
        const now = await shop.servers();
        return isPart(await ofFourth(now)) && now;
      });
      await home.stop('SIGKILL');
      let moved = 0;
      try {
        moved = await ofFourth(servers);
        assert.ok(isPart(moved), `${moved} of ${quarter} slots are in the fourth shard`);
        await writesGoOn();
      } finally {
        await home.start({ port });
      }
      await shop.settled(ready);
      await shop.until(
        'there are no others',
        async () => (await shop.pods()).length === shards * 2,
      );
      await shop.isClean();
      const shares = await shop.shares();
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        16_384,
      );
      assert.equal(shares.length, shards);
      assert.ok(steps().some((one) => step.test(one)));
      await nothingLost();
      part.diagnostic(`killed when the fourth shard had ${moved} slots; then ${shares}`);
    });
  }

  await context.test('stopped and started it has its data and its members', async () => {
    const idsOf = async (): Promise<readonly string[]> =>
      (await shop.seen()).map(({ member, self }) => `${member} ${self.id}`).sort();
    const before = await idsOf();
    assert.equal(before.length, 6);
    await shop.patch({ suspend: true });
    const stopped = await shop.until('it is stopped', async () => {
      const status = await shop.status();
      return status?.phase === 'Stopped' && status;
    });
    assert.equal(stopped.conditions?.find(({ type }) => type === 'Ready')?.reason, 'Stopped');
    assert.deepEqual(await shop.pods(), []);
    await shop.patch({ suspend: false });
    await shop.settled('6/6');
    await shop.isClean();
    assert.deepEqual(await idsOf(), before);
    await nothingLost();
  });

  await context.test('deleted, it leaves nothing', async () => {
    await writer.stop();
    await must(['delete', 'rc', 'shop']);
    await shop.until('nothing is left', async () => (await shop.pods()).length === 0);
  });
  context.diagnostic(`${writer.writes} writes, ${writer.failures.length} failed`);
});
