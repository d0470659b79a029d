// Members that were away, and the home that was.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { killRedisAt } from '../support/redis-processes.ts';
import type { SentinelHome } from './sentinel-home.ts';

/** Of servers that keep a log. */
export async function casesOfReturns(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions, writer } = home;

  await context.test(
    'S13: a leader that comes back with its data leads, if nobody else does yet',
    async () => {
      killRedisAt(await sessions.leader());
      await home.nothingLost(context, 'leader with a log killed');
      await home.hasOneLeader();
    },
  );

  await context.test('S10: all members are killed at once', async () => {
    for (const { ip } of await sessions.pods()) killRedisAt(ip);
    await home.nothingLost(context, 'all killed');
    await home.hasOneLeader();
  });

  await context.test('S1: the home is killed while Sentinels choose', async () => {
    const old = await sessions.leader();
    killRedisAt(old);
    await home.killedWhile(async () => {
      await sessions.until('Sentinels choose without it', async () => {
        return (await sessions.leader()) !== old;
      });
      const before = writer.writes;
      await sessions.until('writes go on', async () => writer.writes > before + 50);
    });
    await home.hasOneLeader();
    await home.nothingLost(context, 'home killed during a failover');
  });

  await context.test('S4: all members come back at other addresses', async () => {
    const labels = 'app.kubernetes.io/instance=sessions';
    await home.kubectl(['delete', 'pods', '-l', labels, '--grace-period=0', '--force']);
    await home.hasOneLeader();
    await home.nothingLost(context, 'all pods deleted');
  });

  await context.test('stopped and started, it has all it had', async () => {
    const claims = await claimsOf(home);
    await sessions.patch({ suspend: true });
    await sessions.until('nobody runs', async () => (await sessions.podCount()) === 0);
    await sessions.until('it is told', async () => {
      return (await sessions.status())?.phase === 'Stopped';
    });
    await sessions.patch({ suspend: false });
    await home.hasOneLeader();
    await home.nothingLost(context, 'stopped and started');
    assert.deepEqual(await claimsOf(home), claims);
  });
}

async function claimsOf({ sessions }: SentinelHome): Promise<readonly (string | undefined)[]> {
  return Promise.all((await sessions.pods()).map((pod) => sessions.claimOf(pod)));
}
