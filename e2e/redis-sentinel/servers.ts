// What may happen to servers that Sentinels alone do not put right: several lead, nobody does, or most are away.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { openTcpLink } from '../../services/redis/src/redis-link.ts';
import { redisPort } from '../support/declared-sentinel.ts';
import { RedisCaller } from '../support/redis-caller.ts';
import { killRedisAt, signalRedisAt } from '../support/redis-processes.ts';
import type { SentinelHome } from './sentinel-home.ts';

/** S7, S10 and S11, and what comes late. */
export async function casesOfServers(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions } = home;
  const port = String(redisPort);
  const followers = async (): Promise<readonly string[]> => {
    const leader = await sessions.leader();
    return (await sessions.pods('data')).map(({ ip }) => ip).filter((ip) => ip !== leader);
  };
  const replicaOf = (host: string, ...whom: readonly [string, string]) =>
    sessions.ask(host, redisPort, 'REPLICAOF', ...whom);

  await context.test(
    'what a server that stands still is told comes late, and is healed',
    async () => {
      const [leader, epoch] = [await sessions.leader(), await sessions.epoch()];
      const [host = ''] = await followers();
      const { signal } = new AbortController();
      signalRedisAt(host, 'SIGSTOP');
      const link = await openTcpLink({ host, port: redisPort, silenceMaxMs: 500 }, signal);
      const commands = [
        ['AUTH', sessions.word],
        ['REPLICAOF', '127.0.0.1', '1'],
      ];
      const away = { code: 'REDIS_AWAY', message: /said nothing for 500 ms/ };
      await assert.rejects(link.ask(commands, signal), away);
      signalRedisAt(host, 'SIGCONT');
      await sessions.nudge();
      assert.equal(await home.hasOneLeader(), leader);
      await sessions.until('it follows the leader', async () => {
        const [, whom] = [await sessions.ask(host, redisPort, 'ROLE')].flat().map(String);
        return whom === leader;
      });
      assert.equal(await sessions.epoch(), epoch);
      await home.nothingLost(context, 'a late command');
    },
  );

  await context.test('S7: a second leader takes no writes, and follows again', async () => {
    const [leader, epoch] = [await sessions.leader(), await sessions.epoch()];
    const [rogue = ''] = await followers();
    const told = home.stepsLike(sessions, 'follow ');
    const caller = new RedisCaller(rogue, redisPort);
    caller.logIn(sessions.word);
    try {
      await caller.call('REPLICAOF', 'NO', 'ONE');
      await assert.rejects(caller.call('SET', 'rogue', '1'), /NOREPLICAS|READONLY|closed/);
    } finally {
      caller.close();
    }
    await sessions.nudge();
    await sessions.until('it follows', async () => (await sessions.roleOf(rogue)) === 'slave');
    assert.equal(await home.hasOneLeader(), leader);
    assert.equal(await sessions.epoch(), epoch);
    assert.equal(home.stepsLike(sessions, 'follow '), told + 1);
    await home.nothingLost(context, 'two leaders');
  });

  await context.test(
    'S7: two lead, and no Sentinel knows of one: a person says which is right',
    async () => {
      const leader = await sessions.leader();
      const [rogue = ''] = await followers();
      await home.quietWhile(async () => {
        await home.frozenWhile(async () => {
          for (const at of sessions.sentinels) {
            await sessions.tell(at, 'REMOVE', sessions.masterName);
          }
          await replicaOf(rogue, 'NO', 'ONE');
        });
        await sessions.nudge();
        await sessions.told('SeveralLeaders', /take writes, and Sentinels name none of them/);
        const labelled = (await sessions.pods('data')).filter(({ role }) => role === 'leader');
        assert.deepEqual(labelled, []);
        // As the message says.
        await replicaOf(rogue, leader, port);
        await sessions.nudge();
        assert.equal(await home.hasOneLeader(), leader);
      });
      await home.nothingLost(context, 'two leaders, and nobody who knows');
    },
  );

  await context.test('S11: Sentinels name one that follows another', async () => {
    const old = await sessions.leader();
    const [heir = '', third = ''] = await followers();
    await home.quietWhile(async () => {
      await home.frozenWhile(async () => {
        await replicaOf(heir, 'NO', 'ONE');
        for (const host of [old, third]) await replicaOf(host, heir, port);
      });
      await sessions.nudge();
      await home.hasOneLeader();
      assert.notEqual(await sessions.leader(), old);
    });
    await home.nothingLost(context, 'the leader follows another');
  });

  await context.test('S11: the leader follows its own replica, and nobody leads', async () => {
    const old = await sessions.leader();
    const [replica = ''] = await followers();
    await home.quietWhile(async () => {
      await replicaOf(old, replica, port);
      await sessions.nudge();
      await home.hasOneLeader();
    });
    await home.nothingLost(context, 'a ring of followers');
  });

  await context.test(
    'S10: all are killed, and the leader does not come back: another leads after a while',
    async () => {
      const old = await sessions.leader();
      const began = performance.now();
      await home.quietWhile(async () => {
        signalRedisAt(old, 'SIGSTOP');
        for (const { ip } of await sessions.pods()) if (ip !== old) killRedisAt(ip);
        await sessions.until('another one leads', async () => {
          const leader = await sessions.leader();
          return leader !== old && (await sessions.roleOf(leader)) === 'master';
        });
        context.diagnostic(`another one after ${Math.round(performance.now() - began)} ms`);
        signalRedisAt(old, 'SIGCONT');
        assert.notEqual(await home.hasOneLeader(), old);
      });
      await home.nothingLost(context, 'two of three came back');
    },
  );
}
