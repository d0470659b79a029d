// What users of other operators for Redis Cluster reported, C1 to C16 (services/redis/README.md tells which is tested where): on
// real redis-servers of three nodes, with clients that write all the time.
//
// Two clusters share the home: `shop` has volumes, `cart` loses its data with its pods.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeclaredRedis, type SeenServer, type Server } from './support/declared-redis.ts';
import { freePort, TestHome, until } from './support/home.ts';
import { homeClient } from './support/home-client.ts';
import { TestNode } from './support/node.ts';
import { ClusterWriter } from './support/redis-cluster-writer.ts';
import { killRedisAt, signalRedisAt } from './support/redis-processes.ts';

const patienceMs = 120_000;
const lease = '--lease-seconds=8';
const small = { limits: { cpu: '100m', memory: '96Mi' } };
const keys = 3_000;

test('what users of other operators reported does not happen here', {
  timeout: 900_000,
}, async (context) => {
  const { signal } = new AbortController();
  await using home = await TestHome.open({
    port: await freePort(),
    args: [
      ...[lease, '--node-monitor-grace-period=8'],
      '--default-unreachable-toleration-seconds=2',
    ],
  });
  await using _two = await TestNode.open(home, 'two', [lease]);
  await using _three = await TestNode.open(home, 'three', [lease]);
  const { client, transport } = await homeClient(home.kubeconfig);
  using _transport = transport;
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const declare = async (name: string, spec: object): Promise<void> => {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster' };
    const options = { nodeTimeoutMs: 2_000 };
    const text = JSON.stringify({ ...object, metadata: { name }, spec: { options, ...spec } });
    await kubectl(['apply', '-f', '-'], text);
  };
  const shop = new DeclaredRedis('shop', client, signal);
  const cart = new DeclaredRedis('cart', client, signal);
  const shopSpec = { groups: { data: { resources: small, storage: { size: '1Gi' } } } };
  const cartSpec = { groups: { data: { resources: small } }, config: { appendonly: 'no' } };
  await using shopWriter = new ClusterWriter(
    () => shop.addresses(),
    () => shop.password(),
  );
  await using cartWriter = new ClusterWriter(
    () => cart.addresses(),
    () => cart.password(),
  );

  /** The clients go on, and all is there that was acknowledged. */
  const nothingLost = async (writer: ClusterWriter): Promise<void> => {
    const before = writer.writes;
    await until('writes go on', async () => writer.writes > before + 100, patienceMs);
    assert.deepEqual(await writer.lost(), []);
  };
  const someLeader = async (cluster: DeclaredRedis): Promise<SeenServer> => {
    const [leader] = await cluster.leaders();
    assert.ok(leader);
    return leader;
  };
  const someFollower = async (cluster: DeclaredRedis): Promise<SeenServer> => {
    const follower = (await cluster.seen()).find(({ self }) => self.masterId !== undefined);
    assert.ok(follower);
    return follower;
  };
  const remove = (pods: readonly Server[], ...how: readonly string[]): Promise<string> =>
    kubectl(['delete', 'pod', '--wait=false', ...how, ...pods.map(({ pod }) => pod)]);
  const replaced = (cluster: DeclaredRedis, { pod, uid }: Server): Promise<Server> =>
    cluster.until(`there is another ${pod}`, async () =>
      (await cluster.servers()).find((one) => one.pod === pod && one.uid !== uid),
    );
  /** At once, with what it had in it. */
  const lose = async (cluster: DeclaredRedis, lost: readonly Server[]): Promise<void> => {
    for (const { ip } of lost) killRedisAt(ip);
    await remove(lost, '--grace-period=0', '--force');
    await Promise.all(lost.map((server) => replaced(cluster, server)));
  };
  /** What the operator did to a cluster, in order, as its log has it. */
  const steps = ({ name }: DeclaredRedis): readonly string[] =>
    home.stderr.split('\n').flatMap((line) => {
      if (!line.includes('"message":"step"')) return [];
      const { cluster, step } = JSON.parse(line);
      return cluster === name ? [String(step)] : [];
    });
  const stepsLike = (cluster: DeclaredRedis, words: string): number =>
    steps(cluster).filter((step) => step.startsWith(words)).length;
  /** Each shard has its share, all know the same members and nobody else, and slots were given out once. */
  const isWhole = async (cluster: DeclaredRedis, shards = 3): Promise<void> => {
    await cluster.settled(`${shards * 2}/${shards * 2}`);
    await cluster.isClean();
    const shares = await cluster.shares();
    assert.equal(shares.length, shards);
    for (const share of shares) assert.ok(Math.abs(share * shards - 16_384) < 400, `${shares}`);
    assert.equal(stepsLike(cluster, 'take slots'), 3);
    await cluster.until('all know all, and nobody else', async () => {
      const seen = await cluster.seen();
      const addresses = new Set(seen.map(({ ip }) => ip));
      return seen.every(
        ({ nodes }) =>
          nodes.length === shards * 2 && nodes.every(({ host }) => addresses.has(host)),
      );
    });
  };
  /** Whether no two of a shard are on one node. */
  const isApart = (servers: readonly Server[]): boolean =>
    new Set(servers.map(({ shard, host }) => `${shard} ${host}`)).size === servers.length;

  await context.test('C14: members of a shard and leaders are on nodes of their own', async () => {
    await declare('cart', cartSpec);
    await declare('shop', shopSpec);
    for (const [cluster, writer] of [
      [cart, cartWriter],
      [shop, shopWriter],
    ] as const) {
      await cluster.settled('6/6');
      await isWhole(cluster);
      const seen = await cluster.seen();
      assert.ok(isApart(seen), JSON.stringify(seen.map(({ pod, host }) => [pod, host])));
      writer.start(keys, { restMs: 5 });
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

  await context.test(
    'C1: all pods are deleted at once: they find each other at other addresses, with their data',
    async () => {
      const before = await shop.seen();
      await remove(before);
      await Promise.all(before.map((server) => replaced(shop, server)));
      await isWhole(shop);
      await nothingLost(shopWriter);
      const after = await shop.seen();
      const old = new Set(before.map(({ ip }) => ip));
      assert.ok(
        after.every(({ ip }) => !old.has(ip)),
        'an address is the same',
      );
      assert.deepEqual(
        after.map(({ self }) => self.id).sort(),
        before.map(({ self }) => self.id).sort(),
      );
    },
  );

  await context.test('C2: one that restarts takes its place again', async () => {
    const leader = await someLeader(shop);
    const follower = (await shop.seen()).find(
      ({ shard, self }) => shard !== leader.shard && self.masterId !== undefined,
    );
    assert.ok(follower);
    await remove([leader, follower]);
    await replaced(shop, leader);
    await replaced(shop, follower);
    await isWhole(shop);
    const killed = await someLeader(shop);
    killRedisAt(killed.ip);
    await shop.until('it was seen to be away', async () => (await shop.seen()).length < 6);
    await isWhole(shop);
    await nothingLost(shopWriter);
    const ids = (await shop.seen()).map(({ self }) => self.id);
    for (const { self } of [leader, follower, killed]) assert.ok(ids.includes(self.id));
  });

  await context.test('C3: a follower that lost its volume follows anew', async () => {
    const follower = await someFollower(shop);
    await kubectl(['delete', 'pvc', '--wait=false', `data-${follower.pod}`]);
    await remove([follower]);
    await replaced(shop, follower);
    await isWhole(shop);
    const back = (await shop.seen()).find(({ member }) => member === follower.member);
    assert.ok(back && back.self.id !== follower.self.id, 'it has its old id');
    assert.equal(back.self.masterId, follower.self.masterId);
    await nothingLost(shopWriter);
  });

  await context.test('C4: a leader that fails is a member of its shard all the same', async () => {
    const leader = await someLeader(shop);
    const moves = stepsLike(shop, 'move slots');
    signalRedisAt(leader.ip, 'SIGSTOP');
    await shop.until('another one leads', async () =>
      (await shop.leaders()).some(
        ({ shard, self }) => shard === leader.shard && self.id !== leader.self.id,
      ),
    );
    await shop.nudge();
    await shop.told('MemberSilent', new RegExp(leader.member));
    signalRedisAt(leader.ip, 'SIGCONT');
    await isWhole(shop);
    assert.equal(stepsLike(shop, 'move slots'), moves);
    assert.deepEqual((await shop.seen()).map(({ uid }) => uid).includes(leader.uid), true);
    await nothingLost(shopWriter);
  });

  await context.test('C5: members that answer one after another are no new cluster', async () => {
    const before = await shop.seen();
    for (const { ip } of before) signalRedisAt(ip, 'SIGSTOP');
    await shop.nudge();
    await shop.until('nobody answers', async () => (await shop.status())?.ready === '0/6');
    for (const { ip, member } of before) {
      signalRedisAt(ip, 'SIGCONT');
      await shop.until(`${member} answers`, async () =>
        (await shop.status())?.members?.some(
          ({ name, role }) => name === member && role !== 'unknown',
        ),
      );
    }
    await isWhole(shop);
    await nothingLost(shopWriter);
  });

  await context.test('C13: a command that it is not allowed is told by its name', async () => {
    const server = await someFollower(shop);
    const other = (await shop.seen()).find(({ pod }) => pod !== server.pod);
    assert.ok(other);
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '-config|set');
    await shop.patch({ config: { hz: 20 } });
    await shop.told('StepFailed', /config\|set/);
    const tries = stepsLike(shop, `set hz on ${server.member}`);
    assert.ok(tries <= 15, `tried ${tries} times`);
    assert.equal(await shop.ask(other, 'CONFIG', 'GET', 'hz'), 'hz 20');
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '-info');
    await shop.told('MemberSilent', /'info' command/);
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '+info', '+config|set');
    await isWhole(shop);
    assert.equal(await shop.ask(server, 'CONFIG', 'GET', 'hz'), 'hz 20');
  });

  await context.test(
    'C7: shards are added while a slot is open, a follower is dead, and a leader fails',
    async () => {
      const [first, second] = await shop.leaders();
      assert.ok(first && second);
      const [open] = first.self.slots;
      await shop.ask(first, 'CLUSTER', 'SETSLOT', String(open?.[0]), 'MIGRATING', second.self.id);
      const dead = await someFollower(shop);
      signalRedisAt(dead.ip, 'SIGSTOP');
      await shop.nudge();
      await shop.told('MemberSilent');
      const moved = stepsLike(shop, 'move slots');
      await shop.patch({ groups: { data: { shards: 5 } } });
      await shop.until('the new ones are known', async () =>
        (await shop.seen()).every(({ nodes }) => nodes.length >= 10),
      );
      assert.equal(stepsLike(shop, 'move slots'), moved, 'slots move while one is dead');
      signalRedisAt(dead.ip, 'SIGCONT');
      await shop.until('slots move', async () => (await shop.shares()).length > 3);
      const failing = (await shop.leaders()).find(({ shard }) => shard === second.shard);
      assert.ok(failing);
      signalRedisAt(failing.ip, 'SIGSTOP');
      await shop.until('another one leads', async () =>
        (await shop.leaders()).some(
          ({ shard, self }) => shard === failing.shard && self.id !== failing.self.id,
        ),
      );
      signalRedisAt(failing.ip, 'SIGCONT');
      await isWhole(shop, 5);
      await nothingLost(shopWriter);
    },
  );

  await context.test('C6: from three shards to five and back nothing is lost', async () => {
    assert.equal(await shop.keys(), keys);
    const moved = stepsLike(shop, 'move slots');
    await shop.patch({ groups: { data: { shards: 4 } } });
    await shop.until('slots move', async () => stepsLike(shop, 'move slots') > moved);
    await shop.patch({ groups: { data: { shards: 3 } } }); // in the middle of it
    await shop.settled('6/6');
    await shop.until('the others are gone', async () => (await shop.pods()).length === 6);
    await isWhole(shop);
    await nothingLost(shopWriter);
    assert.equal(await shop.keys(), keys);
  });

  await context.test('C12: what finds no node is told, and taken back', async () => {
    const before = await shop.seen();
    const limits = (cpu: string) => ({
      groups: { data: { resources: { limits: { ...small.limits, cpu } } } },
    });
    await shop.patch(limits('4000'));
    await shop.told('MemberBroken', /finds no node/);
    assert.equal((await shop.seen()).length, 5);
    await shop.patch(limits(small.limits.cpu));
    await isWhole(shop);
    await nothingLost(shopWriter);
    const uids = (await shop.seen()).map(({ uid }) => uid);
    assert.equal(before.filter(({ uid }) => !uids.includes(uid)).length, 1);
  });

  await context.test('C14: leaders that came together are apart again', async (part) => {
    const spread = await cart.until('they are apart', async () => {
      const condition = await cart.condition('LeadersSpread');
      return condition?.status === 'True' && condition;
    });
    part.diagnostic(spread.message);
    assert.equal(stepsLike(cart, 'hand over'), 1);
    assert.equal(new Set((await cart.leaders()).map(({ host }) => host)).size, 3);
    await isWhole(cart);
  });

  await context.test(
    'C14: two nodes that are drained at once take no shard with them',
    async () => {
      const how = ['--delete-emptydir-data', '--pod-selector=app.kubernetes.io/instance=cart'];
      await Promise.all(
        ['two', 'three'].map((node) => kubectl(['drain', node, ...how, '--timeout=50s'])),
      );
      await isWhole(cart);
      await nothingLost(cartWriter);
      await kubectl(['uncordon', 'two', 'three']);
    },
  );

  /** What more than the leader has of all that was acknowledged until now: Redis acknowledges before it copies. */
  const promisedOf = async (
    cluster: DeclaredRedis,
    writer: ClusterWriter,
  ): Promise<ReadonlyMap<string, string>> => {
    const promised = new Map(writer.acknowledged);
    await cluster.confirm();
    return promised;
  };

  await context.test(
    'C10: nobody is forgotten before another is elected in its place',
    async () => {
      const promised = await promisedOf(cart, cartWriter);
      const leader = await someLeader(cart);
      await lose(cart, [leader]);
      await isWhole(cart);
      assert.deepEqual(await cartWriter.lost(promised), []);
      const id = leader.self.id.slice(0, 8);
      assert.ok(steps(cart).includes(`forget ${id}`));
    },
  );
});
