// What its user changes of a RedisSentinel.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { redisPort, sentinelPort } from '../support/declared-sentinel.ts';
import { RedisCaller } from '../support/redis-caller.ts';
import { keyCount, type SentinelHome } from './sentinel-home.ts';

export async function casesOfBeginning(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions, writer } = home;

  await context.test('it is made, and all Sentinels know its leader', async () => {
    const storage = { size: '1Gi' };
    const groups = { data: { storage }, sentinels: { storage } };
    const config = { appendonly: 'no' };
    const auth = { keepPreviousSeconds: 1 };
    const began = performance.now();
    await home.declare('sessions', { groups, config, auth, options: { downAfterMs: 1_000 } });
    const { members = [] } = await sessions.settled();
    await sessions.password();
    context.diagnostic(`ready after ${Math.round(performance.now() - began)} ms`);
    const roles = members.map(({ role }) => role).sort();
    assert.deepEqual(roles, ['follower', 'follower', 'leader', 'peer', 'peer', 'peer']);
    const leader = await home.hasOneLeader();
    const first = (await sessions.pods('data')).find(({ member }) => member === 'sessions-data-0');
    assert.equal(leader, first?.ip);
    writer.start(keyCount);
    await sessions.until(
      'every key was written',
      async () => writer.acknowledged.size === keyCount,
    );
    assert.deepEqual(writer.failures, []);
    writer.measure();
  });

  await context.test('without its password nobody is let in', async () => {
    const [sentinel = ''] = sessions.sentinels;
    for (const [host, port] of [
      [await sessions.leader(), redisPort],
      [sentinel, sentinelPort],
    ] as const) {
      const caller = new RedisCaller(host, port);
      try {
        await assert.rejects(caller.call('PING'), /NOAUTH/);
        await assert.rejects(caller.call('AUTH', 'guessed'), /WRONGPASS/);
        await assert.rejects(caller.call('PING'), /NOAUTH/);
      } finally {
        caller.close();
      }
    }
  });
}

export async function casesOfChanges(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions, writer } = home;
  const uids = async () => (await sessions.pods()).map(({ uid }) => uid);

  await context.test('what a server takes while it runs restarts nobody', async () => {
    const before = await uids();
    const options = { downAfterMs: 1_500 };
    await sessions.patch({ config: { 'maxmemory-policy': 'allkeys-lru' }, options });
    await sessions.until('it is set', async () => {
      const question = ['CONFIG', 'GET', 'maxmemory-policy'];
      const policy = await sessions.ask(await sessions.leader(), redisPort, ...question);
      return String(policy) === 'maxmemory-policy,allkeys-lru';
    });
    await sessions.settled();
    writer.measure();
    assert.deepEqual(await uids(), before);
  });

  await context.test('its password is changed while clients write: no failover', async () => {
    const pods = await uids();
    const [leader, epoch] = await Promise.all([sessions.leader(), sessions.epoch()]);
    const before = await sessions.password();
    await sessions.patch({ auth: { change: 'leaked' } });
    await sessions.until('there is another password', async () => {
      return (await sessions.password()) !== before;
    });
    await sessions.until('the one before is taken no more', async () => {
      return (await sessions.secret('previous')) === '';
    });
    await sessions.settled();
    for (const { member, group, ip } of await sessions.pods()) {
      const port = group === 'data' ? redisPort : sentinelPort;
      assert.equal(String(await sessions.ask(ip, port, 'PING')), 'PONG');
      await sessions.until(`${member} refuses the one before`, () =>
        sessions.ask(ip, port, 'AUTH', before).then(
          () => false,
          (error: unknown) => /WRONGPASS/.test(String(error)),
        ),
      );
    }
    assert.deepEqual(await uids(), pods);
    assert.deepEqual([await sessions.leader(), await sessions.epoch()], [leader, epoch]);
    assert.deepEqual(writer.failures, []);
    await home.nothingLost(context, 'password changed');
  });

  await context.test('a change rolls through all members, the leader hands over', async () => {
    const before = new Set(await uids());
    const leader = await sessions.leader();
    const old = (await sessions.pods()).find(({ ip }) => ip === leader);
    assert.ok(old);
    const began = performance.now();
    const stepsBefore = home.steps(sessions).length;
    writer.measure();
    await sessions.patch({ config: { appendonly: 'yes' } });
    await sessions.until('all pods are others', async () => {
      await sessions.lookForSentinels();
      const now = await uids();
      return now.length === 6 && now.every((uid) => !before.has(uid));
    });
    await sessions.settled();
    context.diagnostic(`rolled in ${Math.round(performance.now() - began)} ms`);
    const steps = home.steps(sessions).slice(stepsBefore);
    const handOvers = steps.filter((step) => step.startsWith('hand over '));
    // One that comes to nothing is done again.
    assert.deepEqual([...new Set(handOvers)], [`hand over from ${old.member}`]);
    const restart = steps.lastIndexOf(`restart ${old.member}`);
    assert.ok(steps.indexOf(`hand over from ${old.member}`) < restart, steps.join('\n'));
    context.diagnostic(`failed while it rolled: ${kindsOf(writer.failures)}`);
    assertHandedOver(writer.failures);
    await home.nothingLost(context, 'rolled');
  });
}

/**
 * One client writes after the other's answer: a hand-over closes its connection once, after its write was refused or held back.
 * Until the Sentinel that it asks has heard of it, which Sentinels tell each other within two seconds, it asks every 20 ms.
 */
function assertHandedOver(failures: readonly string[]): void {
  const isLookup = (text: string): boolean => text.startsWith('undefined:');
  const lookups = failures.filter(isLookup);
  const writes = failures.filter((text) => !isLookup(text));
  assert.ok(writes.length <= 3, `${writes.length} writes failed: ${writes.join('\n')}`);
  assert.ok(failures.length <= 100, `${lookups.length} times nobody led: ${lookups.join('\n')}`);
}

/** Without addresses: how often what was said. */
function kindsOf(failures: readonly string[]): string {
  const kinds = Map.groupBy(failures, (text) => text.replaceAll(/\d+\.\d+\.\d+\.\d+/g, 'HOST'));
  return [...kinds].map(([text, some]) => `${some.length} × ${text}`).join('; ');
}

export async function casesOfMembers(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions } = home;

  await context.test('servers and Sentinels are added and taken away', async () => {
    await sessions.patch({ groups: { data: { members: 2 }, sentinels: { members: 5 } } });
    await sessions.settled('7/7');
    await home.hasOneLeader('7/7');
    await home.nothingLost(context, 'one server less, two Sentinels more');
    await sessions.patch({ groups: { data: { members: 4 }, sentinels: { members: 3 } } });
    await sessions.settled('7/7');
    await home.hasOneLeader('7/7');
    await home.nothingLost(context, 'two servers more, two Sentinels less');
  });

  await context.test('what cannot be is refused with its field', async () => {
    for (const { spec, said } of [
      { spec: { groups: { sentinels: { members: 1 } } }, said: /spec\.groups\.sentinels\.members/ },
      { spec: { groups: { sentinels: { members: 4 } } }, said: /members.*must be odd/ },
      { spec: { groups: { data: { members: 9 } } }, said: /spec\.groups\.data\.members/ },
      { spec: { options: { downAfterMs: 1 } }, said: /spec\.options\.downAfterMs/ },
      { spec: { config: { appendonly: 'maybe' } }, said: /spec\.config\.appendonly/ },
      { spec: { version: '6.0' }, said: /spec\.version/ },
    ]) {
      const { code, stderr } = await home.tryKubectl([
        ...['patch', 'rsen', 'sessions', '--type=merge', '-p', JSON.stringify({ spec })],
      ]);
      assert.notEqual(code, 0, JSON.stringify(spec));
      assert.match(stderr, said);
    }
  });
}
