// What may happen to members of a cluster with volumes, one after another and all at once.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { RedisCaseHome } from '../support/redis-case-home.ts';
import { killRedisAt, signalRedisAt } from '../support/redis-processes.ts';

/** C1 to C5 and C13. */
export async function casesOfMembers(context: TestContext, home: RedisCaseHome): Promise<void> {
  const { shop, shopWriter } = home;

  await context.test(
    'C1: all pods are deleted at once: they find each other at other addresses, with their data',
    async () => {
      const before = await shop.seen();
      await home.remove(before);
      await Promise.all(before.map((server) => home.replaced(shop, server)));
      await home.isWhole(shop);
      await home.nothingLost(shopWriter);
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
    const leader = await home.someLeader(shop);
    const follower = (await shop.seen()).find(
      ({ shard, self }) => shard !== leader.shard && self.masterId !== undefined,
    );
    assert.ok(follower);
    await home.remove([leader, follower]);
    await home.replaced(shop, leader);
    await home.replaced(shop, follower);
    await home.isWhole(shop);
    const killed = await home.someLeader(shop);
    killRedisAt(killed.ip);
    await shop.until('it was seen to be away', async () => (await shop.seen()).length < 6);
    await home.isWhole(shop);
    await home.nothingLost(shopWriter);
    const ids = (await shop.seen()).map(({ self }) => self.id);
    for (const { self } of [leader, follower, killed]) assert.ok(ids.includes(self.id));
  });

  await context.test('C3: a follower that lost its volume follows anew', async () => {
    const follower = await home.someFollower(shop);
    await home.kubectl(['delete', 'pvc', '--wait=false', `data-${follower.pod}`]);
    await home.remove([follower]);
    await home.replaced(shop, follower);
    await home.isWhole(shop);
    const back = (await shop.seen()).find(({ member }) => member === follower.member);
    assert.ok(back && back.self.id !== follower.self.id, 'it has its old id');
    assert.equal(back.self.masterId, follower.self.masterId);
    await home.nothingLost(shopWriter);
  });

  await context.test('C4: a leader that fails is a member of its shard all the same', async () => {
    const leader = await home.someLeader(shop);
    const moves = home.stepsLike(shop, 'move slots');
    const promised = await home.promisedOf(shop, shopWriter);
    signalRedisAt(leader.ip, 'SIGSTOP');
    await shop.until('another one leads', async () =>
      (await shop.leaders()).some(
        ({ shard, self }) => shard === leader.shard && self.id !== leader.self.id,
      ),
    );
    await shop.nudge();
    await shop.told('MemberSilent', new RegExp(leader.member));
    signalRedisAt(leader.ip, 'SIGCONT');
    await home.isWhole(shop);
    assert.equal(home.stepsLike(shop, 'move slots'), moves);
    assert.ok((await shop.seen()).some(({ uid }) => uid === leader.uid));
    await home.promisesKept(shopWriter, promised, [leader]);
  });

  await context.test('C5: members that answer one after another are no new cluster', async () => {
    const before = await shop.seen();
    const promised = await home.promisedOf(shop, shopWriter);
    for (const { ip } of before) signalRedisAt(ip, 'SIGSTOP');
    await shop.nudge();
    await shop.until('nobody answers', async () => (await shop.status())?.ready === '0/6');
    const [late, later] = [before.slice(0, 3), before.slice(3)];
    for (const { ip, member } of late) {
      signalRedisAt(ip, 'SIGCONT');
      await shop.until(`${member} answers`, async () =>
        (await shop.status())?.members?.some(
          ({ name, role }) => name === member && role !== 'unknown',
        ),
      );
    }
    for (const { ip } of later) signalRedisAt(ip, 'SIGCONT');
    await home.isWhole(shop);
    await home.promisesKept(shopWriter, promised, before);
  });

  await context.test('C13: a command that it is not allowed is told by its name', async () => {
    const server = await home.someFollower(shop);
    const other = (await shop.seen()).find(({ pod }) => pod !== server.pod);
    assert.ok(other);
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '-config|set');
    await shop.patch({ config: { hz: 20 } });
    await shop.told('StepFailed', /config\|set/);
    const tries = home.stepsLike(shop, `set hz on ${server.member}`);
    assert.ok(tries <= 15, `tried ${tries} times`);
    assert.equal(await shop.ask(other, 'CONFIG', 'GET', 'hz'), 'hz 20');
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '-info');
    await shop.told('MemberSilent', /'info' command/);
    await shop.ask(server, 'ACL', 'SETUSER', 'default', '+info', '+config|set');
    await home.isWhole(shop);
    assert.equal(await shop.ask(server, 'CONFIG', 'GET', 'hz'), 'hz 20');
  });

  await context.test('C13: a leader whose follower may not lead goes on until it may', async () => {
    const before = await shop.seen();
    const followers = before.filter(({ self }) => self.masterId !== undefined);
    await shop.patch({ restart: 'while one may not lead' });
    // Of the first one that is back: the others are to be restarted yet, then the leaders.
    const back = await shop.until('a follower is back', async () =>
      (await shop.seen()).find(({ member, uid }) =>
        followers.some((one) => one.member === member && one.uid !== uid),
      ),
    );
    await shop.ask(back, 'ACL', 'SETUSER', 'default', '-cluster|failover');
    const leader = before.find(({ shard, self }) => shard === back.shard && self.slots.length > 0);
    assert.ok(leader);
    const told = await shop.told('StepFailed', /CLUSTER/);
    assert.match(told, new RegExp(`hand over from ${leader.member} to ${back.member}`));
    assert.match(told, /The user executing the script can't run this command/);
    assert.ok(
      (await shop.leaders()).some(({ uid }) => uid === leader.uid),
      'it was restarted',
    );
    await shop.ask(back, 'ACL', 'SETUSER', 'default', '+cluster|failover');
    await home.replaced(shop, leader);
    await home.isWhole(shop);
    await home.nothingLost(shopWriter);
    const uids = (await shop.seen()).map(({ uid }) => uid);
    assert.ok(before.every(({ uid }) => !uids.includes(uid)));
  });
}
