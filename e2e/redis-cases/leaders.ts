// What may happen to leaders of a cluster whose data go with its pods.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isApart, type RedisCaseHome } from '../support/redis-case-home.ts';
import { signalRedisAt } from '../support/redis-processes.ts';

/** C9 to C11, and leaders that were on one node. */
export async function casesOfLeaders(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { cart, cartWriter } = home;

  await context.test('C14: leaders that came together are apart again', async (part) => {
    const spread = await cart.until('they are apart', async () => {
      const condition = await cart.condition('LeadersSpread');
      return condition?.status === 'True' && condition;
    });
    part.diagnostic(spread.message);
    assert.equal(home.stepsLike(cart, 'hand over'), 1);
    assert.equal(new Set((await cart.leaders()).map(({ host }) => host)).size, 3);
    await home.isWhole(cart);
  });

  await context.test(
    'C11: a change waits for a follower out of step, and loses no key of those without a log',
    async () => {
      const leader = await home.someLeader(cart);
      const before = await cart.seen();
      const follower = before.find(({ self }) => self.masterId === leader.self.id);
      assert.ok(follower);
      await cart.ask(leader, 'ACL', 'SETUSER', 'default', '-psync', '-sync');
      await cart.ask(leader, 'CLIENT', 'KILL', 'TYPE', 'replica');
      await cart.until('it is out of step', async () =>
        /master_link_status:down/.test(await cart.ask(follower, 'INFO', 'replication')),
      );
      await cart.patch({ restart: 'once' });
      await cart.until('it is waited for', async () =>
        /not in step/.test((await cart.condition('Progressing'))?.message ?? ''),
      );
      assert.deepEqual(
        (await cart.seen()).map(({ uid }) => uid),
        before.map(({ uid }) => uid),
      );
      await cart.ask(leader, 'ACL', 'SETUSER', 'default', '+psync', '+sync');
      await cart.until('all are others', async () => {
        const uids = (await cart.servers()).map(({ uid }) => uid);
        return uids.length === 6 && before.every(({ uid }) => !uids.includes(uid));
      });
      await home.isWhole(cart);
      assert.ok(isApart(await cart.seen()), 'members of a shard are on one node');
      await home.nothingLost(cartWriter);
    },
  );

  await context.test(
    'C10: nobody is forgotten before another is elected in its place',
    async () => {
      const promised = await home.promisedOf(cart, cartWriter);
      const leader = await home.someLeader(cart);
      await home.lose(cart, [leader]);
      await home.isWhole(cart);
      await home.promisesKept(cartWriter, promised, [leader]);
      const id = leader.self.id.slice(0, 8);
      assert.ok(home.steps(cart).includes(`forget ${id}`));
    },
  );

  await context.test('C9: most leaders are gone for sure: others lead by themselves', async () => {
    const promised = await home.promisedOf(cart, cartWriter);
    const gone = (await cart.leaders()).slice(0, 2);
    await home.lose(cart, gone);
    await home.isWhole(cart);
    assert.ok(home.stepsLike(cart, 'take over') > 0);
    await home.promisesKept(cartWriter, promised, gone);
  });

  await context.test('C9: most leaders are silent and may live: a person decides', async () => {
    const promised = await home.promisedOf(cart, cartWriter);
    const silent = (await cart.leaders()).slice(0, 2);
    const taken = home.stepsLike(cart, 'take over');
    for (const { ip } of silent) signalRedisAt(ip, 'SIGSTOP');
    await cart.nudge();
    const message = await cart.told('MajorityLost', /"take over with .*" may lose data/);
    assert.equal(home.stepsLike(cart, 'take over'), taken);
    const [, step = ''] = /"(take over with .*?)"/.exec(message) ?? [];
    await cart.approve(step);
    await cart.until('others lead', async () => (await cart.leaders()).length === 3);
    for (const { ip } of silent) signalRedisAt(ip, 'SIGCONT');
    await home.isWhole(cart);
    await home.promisesKept(cartWriter, promised, silent);
  });
}

/** C8. */
export async function casesOfLostShards(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { cart, cartWriter } = home;

  await context.test(
    'C8: slots of a leader that is gone without a replica are left until a person decides',
    async () => {
      const leader = await home.someLeader(cart);
      await home.lose(
        cart,
        (await cart.servers()).filter(({ shard }) => shard === leader.shard),
      );
      const moves = home.stepsLike(cart, 'move slots');
      await cart.told('SlotsUncovered', /"take lost slots" may lose data/);
      assert.equal(home.stepsLike(cart, 'move slots'), moves);
      await cart.approve('take lost slots');
      await home.isWhole(cart);
      assert.equal(home.stepsLike(cart, 'take lost slots'), 1);
      await home.promisesKept(cartWriter, new Map(), [leader]);
    },
  );
}
