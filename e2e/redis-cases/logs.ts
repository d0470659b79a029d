// What may happen to processes of members that keep no log of writes: their pods, and so their names in the cluster, stay.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { RedisCaseHome } from '../support/redis-case-home.ts';
import { killRedisAt } from '../support/redis-processes.ts';

/** C17. */
export async function casesOfLogs(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { cart, cartWriter } = home;

  await context.test(
    'C17: a leader without a log that comes back at once is followed by nobody into emptiness',
    async () => {
      const promised = await home.promisedOf(cart, cartWriter);
      const leader = await home.someLeader(cart);
      const opened = home.stepsLike(cart, 'let in');
      killRedisAt(leader.ip);
      await cart.until('another one leads', async () =>
        (await cart.leaders()).some(
          ({ shard, self }) => shard === leader.shard && self.id !== leader.self.id,
        ),
      );
      await home.isWhole(cart);
      await home.promisesKept(cartWriter, promised, [leader]);
      const back = (await cart.seen()).find(({ self }) => self.id === leader.self.id);
      assert.ok(back, 'it came back as another node');
      assert.equal(back.uid, leader.uid);
      assert.notEqual(back.self.masterId, undefined);
      assert.equal(home.stepsLike(cart, 'let in'), opened + 1);
    },
  );

  await context.test(
    'C17: a follower without a log that came back has what it takes to lead',
    async () => {
      const promised = await home.promisedOf(cart, cartWriter);
      const leader = await home.someLeader(cart);
      const follower = (await cart.seen()).find(({ self }) => self.masterId === leader.self.id);
      assert.ok(follower);
      killRedisAt(follower.ip);
      await home.isWhole(cart);
      await cart.confirm();
      killRedisAt(leader.ip);
      await cart.until('the other one leads', async () =>
        (await cart.leaders()).some(({ self }) => self.id === follower.self.id),
      );
      await home.isWhole(cart);
      await home.promisesKept(cartWriter, promised, [leader]);
    },
  );

  await context.test(
    'C17: a leader is lost while its follower starts anew: a shard goes on',
    async () => {
      const leader = await home.someLeader(cart);
      const follower = (await cart.seen()).find(({ self }) => self.masterId === leader.self.id);
      assert.ok(follower);
      const elected = home.stepsLike(cart, 'elect');
      killRedisAt(follower.ip);
      await home.lose(cart, [leader]);
      await home.isWhole(cart);
      assert.ok(home.stepsLike(cart, 'elect') > elected);
      await home.promisesKept(cartWriter, new Map(), [leader]);
    },
  );

  await context.test('C17: where nobody has data any more, writes go on without', async () => {
    const leader = await home.someLeader(cart);
    const shard = (await cart.seen()).filter((one) => one.shard === leader.shard);
    for (const { ip } of shard) killRedisAt(ip);
    await home.isWhole(cart);
    await home.promisesKept(cartWriter, new Map(), [leader]);
  });
}
