// What may happen to the leader alone.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { redisPort } from '../support/declared-sentinel.ts';
import { killRedisAt, signalRedisAt } from '../support/redis-processes.ts';
import { LeaderWatch } from './leader-watch.ts';
import type { SentinelHome } from './sentinel-home.ts';
import { StaleClients } from './stale-clients.ts';

/** From the first word of a Sentinel until the leader's label is that of the new one alone. */
const labelDelayMaxMs = 1_000;

/** Of a write of `StaleClients`, in bytes; and of what a server reads of a connection at a time: 16 KiB, in a buffer of 20. */
const [staleWriteBytes, readBytes] = [1_000, 20_480] as const;

export async function casesOfLeaders(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions, writer } = home;

  await context.test(
    'S13: a leader that comes back without its data overwrites nobody',
    async () => {
      const old = await sessions.leader();
      await using watch = await LeaderWatch.open(sessions);
      await throughServices(home, 'before');
      killRedisAt(old);
      await sessions.until('another one leads', async () => (await sessions.leader()) !== old);
      const delayMs = await watch.labelDelayMs(old);
      context.diagnostic(`leader killed: its label ${Math.round(delayMs)} ms later`);
      assert.ok(delayMs < labelDelayMaxMs, `its label ${delayMs} ms later`);
      await throughServices(home, 'after');
      await home.nothingLost(context, 'leader without a log killed');
      await sessions.settled();
    },
  );

  await context.test(
    'S2, S3, S12: a leader that is frozen is replaced, and takes no writes once it has said a word',
    async () => {
      const old = await sessions.leader();
      await using watch = await LeaderWatch.open(sessions);
      using stale = await StaleClients.open(old, 20, sessions.word);
      signalRedisAt(old, 'SIGSTOP');
      stale.writeAhead('first');
      await sessions.until('another one leads', async () => (await sessions.leader()) !== old);
      const delayMs = await watch.labelDelayMs(old);
      context.diagnostic(`leader frozen: its label ${Math.round(delayMs)} ms later`);
      assert.ok(delayMs < labelDelayMaxMs, `its label ${delayMs} ms later`);
      const before = writer.writes;
      await sessions.until('writes go on', async () => writer.writes > before + 50);
      stale.writeAhead('second');
      signalRedisAt(old, 'SIGCONT');
      await sessions.until('it follows', async () => (await sessions.roleOf(old)) === 'slave');
      await stale.closed();
      for (const half of ['first', 'second'] as const) {
        const outcome = stale.outcome(half);
        context.diagnostic(`stale writes, ${half} half: ${JSON.stringify(outcome)}`);
        // Of what lay in its sockets: at most what it reads twice before it has seen that its replicas left.
        const mostMax = Math.ceil((2 * readBytes) / staleWriteBytes);
        assert.ok(outcome.acceptedMax <= mostMax, `${outcome.acceptedMax} of one client`);
        assert.equal(outcome.acceptedLater, 0);
      }
      await home.nothingLost(context, 'leader frozen');
      await sessions.settled();
    },
  );
}

/** Clients that know nothing of Sentinels write and read. */
async function throughServices({ sessions }: SentinelHome, value: string): Promise<void> {
  const [leaders, followers] = await Promise.all([
    sessions.clusterIp('rw'),
    sessions.clusterIp('ro'),
  ]);
  await sessions.until('the Service of the leader takes a write', async () => {
    return String(await sessions.ask(leaders, redisPort, 'SET', 'through', value)) === 'OK';
  });
  assert.equal(
    String(await sessions.ask(await sessions.leader(), redisPort, 'GET', 'through')),
    value,
  );
  await sessions.until('the Service of followers has it', async () => {
    return String(await sessions.ask(followers, redisPort, 'GET', 'through')) === value;
  });
  assert.equal(await sessions.roleOf(followers), 'slave');
}
