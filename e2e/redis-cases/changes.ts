// What is changed of a cluster with volumes while something is wrong, and what cannot be.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { caseKeys, type RedisCaseHome, smallMember } from '../support/redis-case-home.ts';
import { signalRedisAt } from '../support/redis-processes.ts';

/** C6, C7, C12, and what is refused. */
export async function casesOfChanges(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { shop, shopWriter } = home;

  await context.test(
    'C7: shards are added while a slot is open, a follower is dead, and a leader fails',
    async () => {
      const [first, second] = await shop.leaders();
      assert.ok(first && second);
      const [open] = first.self.slots;
      await shop.ask(first, 'CLUSTER', 'SETSLOT', String(open?.[0]), 'MIGRATING', second.self.id);
      const dead = await home.someFollower(shop);
      signalRedisAt(dead.ip, 'SIGSTOP');
      await shop.nudge();
      await shop.told('MemberSilent');
      const moved = home.stepsLike(shop, 'move slots');
      await shop.patch({ groups: { data: { shards: 5 } } });
      await shop.until('the new ones are known', async () =>
        (await shop.seen()).every(({ nodes }) => nodes.length >= 10),
      );
      assert.equal(home.stepsLike(shop, 'move slots'), moved, 'slots move while one is dead');
      signalRedisAt(dead.ip, 'SIGCONT');
      await shop.until('slots move', async () => (await shop.shares()).length > 3);
      const failing = (await shop.leaders()).find(({ shard }) => shard === second.shard);
      assert.ok(failing);
      const promised = await home.promisedOf(shop, shopWriter);
      signalRedisAt(failing.ip, 'SIGSTOP');
      await shop.until('another one leads', async () =>
        (await shop.leaders()).some(
          ({ shard, self }) => shard === failing.shard && self.id !== failing.self.id,
        ),
      );
      signalRedisAt(failing.ip, 'SIGCONT');
      await home.isWhole(shop, 5);
      await home.promisesKept(shopWriter, promised, [failing]);
    },
  );

  await context.test('C6: from three shards to five and back nothing is lost', async () => {
    assert.equal(await shop.keys(), caseKeys);
    const moved = home.stepsLike(shop, 'move slots');
    await shop.patch({ groups: { data: { shards: 4 } } });
    await shop.until('slots move', async () => home.stepsLike(shop, 'move slots') > moved);
    await shop.patch({ groups: { data: { shards: 3 } } }); // in the middle of it
    await shop.settled('6/6');
    await shop.until('the others are gone', async () => (await shop.pods()).length === 6);
    await home.isWhole(shop);
    await home.nothingLost(shopWriter);
    assert.equal(await shop.keys(), caseKeys);
  });

  await context.test('C12: what finds no node is told, and taken back', async () => {
    const before = await shop.seen();
    const limits = (cpu: string) => ({
      groups: { data: { resources: { limits: { ...smallMember.limits, cpu } } } },
    });
    await shop.patch(limits('4000'));
    await shop.told('MemberBroken', /finds no node/);
    assert.equal((await shop.seen()).length, 5);
    await shop.patch(limits(smallMember.limits.cpu));
    await home.isWhole(shop);
    await home.nothingLost(shopWriter);
    const uids = (await shop.seen()).map(({ uid }) => uid);
    assert.equal(before.filter(({ uid }) => !uids.includes(uid)).length, 1);
  });

  await context.test('what cannot be is refused, or told', async () => {
    const before = (await shop.seen()).map(({ uid }) => uid);
    const data = { resources: { limits: { ...smallMember.limits, memory: '1Mi' } } };
    await shop.patch({ groups: { data } });
    await shop.told('NoRoom');
    await shop.patch({ groups: { data: { resources: smallMember } } });
    await home.isWhole(shop);
    assert.deepEqual(
      (await shop.seen()).map(({ uid }) => uid),
      before,
    );
    const applied = (spec: object) => {
      const metadata = { name: 'shop' };
      const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster', metadata, spec };
      return home.tryKubectl(['apply', '-f', '-'], JSON.stringify(object));
    };
    const patched = (spec: object) => {
      const patch = JSON.stringify({ spec });
      return home.tryKubectl(['patch', 'rc', 'shop', '--type=merge', '-p', patch]);
    };
    for (const { spec, said } of [
      { spec: { groups: { data: { members: 0 } } }, said: /spec\.groups\.data\.members/ },
      { spec: { groups: { data: { members: 7 } } }, said: /spec\.groups\.data\.members/ },
      { spec: { groups: { data: { shards: 101 } } }, said: /spec\.groups\.data\.shards/ },
      { spec: { auth: { mode: 'none' } }, said: /a cluster keeps it/ },
    ]) {
      const { code, stderr } = await patched(spec);
      assert.equal(code, 1);
      assert.match(stderr, said);
    }
    for (const name of ['maxmemory', 'cluster-enabled']) {
      const config = { [name]: '1' };
      for (const refused of [
        await applied({ ...home.shopSpec, config }),
        await patched({ config }),
      ]) {
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, new RegExp(`spec.config.${name}: .*the platform's own`));
      }
    }
    // What nobody knows is left out, as everywhere in Kubernetes, and refused where a client asks for that.
    const config = { 'no-such-setting': '1' };
    const unknown = /unknown field "spec.config.no-such-setting"/;
    const refused = await applied({ ...home.shopSpec, config });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, unknown);
    const warned = await patched({ config });
    assert.equal(warned.code, 0);
    assert.match(warned.stderr, unknown);
  });
}

/** C15: it ends both. */
export async function casesOfEnds(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { shop, cart, shopWriter } = home;

  await context.test('C15: it is made again while it goes, and what never ran goes', async () => {
    const moved = home.stepsLike(shop, 'move slots');
    await shop.patch({ groups: { data: { shards: 4 } } });
    await shop.until('slots move', async () => home.stepsLike(shop, 'move slots') > moved);
    await home.kubectl(['delete', 'rc', 'shop', '--wait=false']);
    const { data } = home.shopSpec.groups;
    await home.declare('shop', { groups: { data: { ...data, shards: 4 } } });
    await shop.settled('8/8');
    await shop.password();
    await home.isWhole(shop, 4);
    await home.nothingLost(shopWriter);
    const never = home.other('never');
    await home.declare('never', { image: 'registry.invalid/no-such-program:1' });
    await never.told('MemberBroken');
    await home.kubectl(['delete', 'rc', '--all']);
    for (const cluster of [never, cart, shop]) {
      await cluster.until('nothing is left', async () => (await cluster.pods()).length === 0);
    }
  });
}
