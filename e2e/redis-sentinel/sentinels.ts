// What may happen to Sentinels: they are lost, forget what they knew, or take somebody else's leader for theirs.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type DeclaredSentinel, redisPort, sentinelPort } from '../support/declared-sentinel.ts';
import { killRedisAt, signalRedisAt } from '../support/redis-processes.ts';
import type { SentinelHome } from './sentinel-home.ts';

/** S5, S6, S8 and S9, and too few Sentinels. */
export async function casesOfSentinels(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions } = home;
  const other = home.other('other');
  // Ready when it is needed.
  const small = { data: { members: 2 }, sentinels: { members: 3 } };
  await home.declare('other', { groups: small, options: { downAfterMs: 1_000 } });

  await context.test('S5: a Sentinel that lost its pod and its volume is told', async () => {
    const [old] = await sessions.pods('sentinels');
    assert.ok(old);
    const id = String(await sessions.tell(old.ip, 'MYID'));
    const [claim, epoch, leader] = await Promise.all([
      sessions.claimOf(old),
      sessions.epoch(),
      sessions.leader(),
    ]);
    await home.kubectl(['delete', 'pvc', '--wait=false', `data-${old.pod}`]);
    await home.kubectl(['delete', 'pod', '--wait=false', old.pod]);
    const now = await sessions.until('there is another one', async () =>
      (await sessions.pods('sentinels')).find(
        ({ member, uid }) => member === old.member && uid !== old.uid,
      ),
    );
    assert.equal(await home.hasOneLeader(), leader);
    assert.notEqual(await sessions.claimOf(now), claim);
    assert.equal(String(await sessions.tell(now.ip, 'MYID')), id);
    await sessions.until('each can choose with the two others', async () => {
      const [name, all] = [sessions.masterName, sessions.sentinels];
      const said = await Promise.all(all.map((at) => sessions.tell(at, 'CKQUORUM', name)));
      return said.every((text) => /^OK 3 /.test(String(text)));
    });
    assert.equal(await sessions.epoch(), epoch);
    await home.nothingLost(context, 'a Sentinel lost');
  });

  await context.test('Sentinels that are too few choose nobody: it is told', async () => {
    const leader = await sessions.leader();
    const [, second = '', third = ''] = sessions.sentinels;
    for (const ip of [second, third]) signalRedisAt(ip, 'SIGSTOP');
    await sessions.nudge();
    await sessions.told('QuorumLost', /^1 Sentinels answer/);
    for (const ip of [second, third]) signalRedisAt(ip, 'SIGCONT');
    assert.equal(await home.hasOneLeader(), leader);
    await home.nothingLost(context, 'most Sentinels frozen');
  });

  await context.test(
    'the leader goes while Sentinels are too few: a person chooses, once',
    async () => {
      const old = await sessions.leader();
      const [first = '', ...frozen] = sessions.sentinels;
      await home.quietWhile(async () => {
        for (const ip of [...frozen, old]) signalRedisAt(ip, 'SIGSTOP');
        await sessions.nudge();
        const told = await sessions.told('QuorumLost', /"lead with \S+" may lose data/);
        const [, step = ''] = /"(lead with \S+)"/.exec(told) ?? [];
        await sessions.approve(step);
        const chosen = await sessions.until(
          'the one that is left names the chosen one',
          async () => {
            const named = await sessions.namedBy(first);
            return named !== old && named;
          },
        );
        const [member] = (await sessions.pods('data')).filter(({ ip }) => ip === chosen);
        assert.equal(`lead with ${member?.member}`, step);
        await sessions.until(
          'the approval is spent',
          async () => String((await sessions.status())?.spentApprovals) === step,
        );
      });
      const { writes } = home.writer;
      await sessions.until('writes go on', () => Promise.resolve(home.writer.writes > writes + 50));
      // What the old leader has is worth less than what was taken since; a person sees to it that it does not come back as it was.
      killRedisAt(old);
      for (const ip of frozen) signalRedisAt(ip, 'SIGCONT');
      assert.notEqual(await home.hasOneLeader(), old);
      await home.nothingLost(context, 'the leader and most Sentinels frozen');
    },
  );

  await context.test(
    'S9: a Sentinel that takes the leader of another set for its own is put right',
    async () => {
      await other.settled('5/5');
      await other.lookForSentinels();
      await other.password();
      const before = [await standing(sessions), await standing(other)];
      await apart(sessions, other);
      // As if the address of its leader had been given to the other set, whose password it knows besides.
      const [sentinel = ''] = sessions.sentinels;
      const { masterName } = sessions;
      const theirs = await other.leader();
      await sessions.tell(sentinel, 'REMOVE', masterName);
      await sessions.tell(sentinel, 'MONITOR', masterName, theirs, '6379', '2');
      await sessions.tell(sentinel, 'SET', masterName, 'auth-pass', other.word);
      await home.hasOneLeader();
      // It hears from the others which failover was the last.
      await sessions.until('all is as it was', async () =>
        isDeepStrictEqual([await standing(sessions), await standing(other)], before),
      );
      await apart(sessions, other);
      await home.nothingLost(context, 'a Sentinel misled');
    },
  );

  const reset = context.test(
    'S6: Sentinels forget all as the leader goes, and have nobody to choose: another leads after a while',
    async () => {
      const old = await sessions.leader();
      const began = performance.now();
      await home.quietWhile(async () => {
        signalRedisAt(old, 'SIGSTOP');
        for (const at of sessions.sentinels) await sessions.tell(at, 'RESET', sessions.masterName);
        await sessions.until('another one leads', async () => (await sessions.leader()) !== old);
        context.diagnostic(`another one after ${Math.round(performance.now() - began)} ms`);
        signalRedisAt(old, 'SIGCONT');
      });
      await home.hasOneLeader();
      await home.nothingLost(context, 'reset without a leader');
    },
  );
  const lost = context.test(
    'S8: the leader goes, and who is left is empty: a person is asked, and nobody overwrites what the leader has',
    () => emptyHeir(home, other),
  );
  await Promise.all([reset, lost]);
  await home.kubectl(['delete', 'rsen', 'other', '--wait=false']);
}

/** Of a set of two servers that lose their data with their pods. */
async function emptyHeir(home: SentinelHome, set: DeclaredSentinel): Promise<void> {
  const leader = await set.leader();
  assert.equal(String(await set.ask(leader, redisPort, 'SET', 'kept', 'yes')), 'OK');
  const [heir] = (await set.pods('data')).filter(({ ip }) => ip !== leader);
  assert.ok(heir);
  signalRedisAt(leader, 'SIGSTOP');
  await home.kubectl(['delete', 'pod', heir.pod, '--grace-period=0', '--force']);
  await set.told('ApprovalNeeded', new RegExp(`lead with ${heir.member}`));
  const now = (await set.pods('data')).find(({ ip }) => ip !== leader);
  assert.ok(now);
  assert.equal(await set.roleOf(now.ip), 'slave');
  assert.equal(String(await set.ask(now.ip, redisPort, 'DBSIZE')), '0');
  signalRedisAt(leader, 'SIGCONT');
  await set.until('it has what the leader kept', async () => {
    return String(await set.ask(now.ip, redisPort, 'DBSIZE')) === '1';
  });
  await set.settled('5/5');
  assert.equal(await set.leader(), leader);
  assert.equal(String(await set.ask(leader, redisPort, 'GET', 'kept')), 'yes');
}

async function standing(set: DeclaredSentinel): Promise<readonly string[]> {
  return [await set.leader(), await set.epoch()];
}

/** Waits until each Sentinel watches its own set alone, and knows the other Sentinels of it and no more. */
async function apart(...sets: readonly DeclaredSentinel[]): Promise<void> {
  for (const set of sets) {
    const ids = await Promise.all(set.sentinels.map((at) => set.tell(at, 'MYID')));
    const own = ids.map(String).sort();
    for (const [index, at] of set.sentinels.entries()) {
      const others = own.filter((id) => id !== String(ids[index]));
      await set.until(`${at} knows ${others}, and ${set.masterName} alone`, async () => {
        const masters = await fieldsOf(set, at, 'name', 'MASTERS');
        const known = await fieldsOf(set, at, 'runid', 'SENTINELS', set.masterName);
        const strangers = known.filter((id) => !others.includes(id));
        assert.deepEqual([masters, strangers], [[set.masterName], []]);
        return known.length === others.length;
      });
    }
  }
}

/** One field of each of those that a Sentinel tells of. */
async function fieldsOf(
  set: DeclaredSentinel,
  sentinel: string,
  field: string,
  ...question: readonly string[]
): Promise<readonly string[]> {
  const answer = await set.ask(sentinel, sentinelPort, 'SENTINEL', ...question);
  const records = Array.isArray(answer) ? answer : [];
  return records.map((record) => {
    const words = [record].flat().map(String);
    return words[words.indexOf(field) + 1] ?? '';
  });
}
