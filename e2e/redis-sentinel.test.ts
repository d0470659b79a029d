// The kind RedisSentinel in the embedded home, on real redis-servers, with a client that writes all the time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { askRedis, SentinelWriter } from './support/redis-sentinel-writer.ts';

const kubectl = '1.35';
const patienceMs = 120_000;
const masterName = 'default.sessions';

// biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
type Anything = any;

test('a RedisSentinel loses nothing that was acknowledged', {
  timeout: 900_000,
}, async (context) => {
  await using home = await TestHome.open({ quickstart: 'none' });
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const get = async (...what: readonly string[]): Promise<Anything> =>
    JSON.parse(await must(['get', ...what, '-o', 'json']));
  const settled = (ready = '6/6') =>
    until(
      `${ready} take part`,
      async () => {
        const { metadata, status } = await get('rsen', 'sessions');
        if (status?.observedGeneration !== metadata.generation) return undefined;
        return status.phase === 'Ready' && status.ready === ready && status;
      },
      patienceMs,
    );
  const pods = async (group?: string): Promise<readonly Anything[]> => {
    const labels = ['app.kubernetes.io/instance=sessions'];
    if (group) labels.push(`tweendeck.io/group=${group}`);
    return (await get('pods', '-l', labels.join(','))).items;
  };
  let sentinels: readonly string[] = [];
  await using writer = new SentinelWriter({ masterName, sentinels: async () => sentinels });
  const named = async (): Promise<readonly string[]> => {
    const found = await pods('sentinels');
    sentinels = found.flatMap(({ status }) => (status.podIP ? [status.podIP] : []));
    return Promise.all(
      sentinels.map(async (host) => {
        const name = await askRedis(
          host,
          26_379,
          'SENTINEL',
          'GET-MASTER-ADDR-BY-NAME',
          masterName,
        );
        return Array.isArray(name) ? String(name[0]) : '';
      }),
    );
  };

  await context.test('it is made, and all Sentinels know its leader', async () => {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisSentinel' };
    const spec = { options: { downAfterMs: 1_000 } };
    const began = performance.now();
    await must(
      ['apply', '-f', '-'],
      JSON.stringify({ ...object, metadata: { name: 'sessions' }, spec }),
    );
    const status = await settled();
    context.diagnostic(`ready after ${Math.round(performance.now() - began)} ms`);
    const roles = status.members.map(({ role }: Anything) => role).sort();
    assert.deepEqual(roles, ['follower', 'follower', 'leader', 'peer', 'peer', 'peer']);
    const [leader] = await pods('data');
    assert.deepEqual(new Set(await named()), new Set([leader.status.podIP]));
    writer.start(500);
    await until('every key was written', async () => writer.acknowledged.size === 500);
    assert.deepEqual(writer.failures, []);
  });

  await context.test('what cannot be is refused with its field', async () => {
    for (const { spec, said } of [
      { spec: { groups: { sentinels: { members: 1 } } }, said: /spec\.groups\.sentinels\.members/ },
      { spec: { groups: { sentinels: { members: 4 } } }, said: /members.*must be odd/ },
      { spec: { groups: { data: { members: 9 } } }, said: /spec\.groups\.data\.members/ },
      { spec: { options: { downAfterMs: 1 } }, said: /spec\.options\.downAfterMs/ },
      { spec: { config: { appendonly: 'maybe' } }, said: /spec\.config\.appendonly/ },
      { spec: { config: { replicaof: 'me' } }, said: /replicaof/ },
      { spec: { version: '6.0' }, said: /spec\.version/ },
    ]) {
      const { code, stderr } = await home.kubectl(kubectl, [
        ...['patch', 'rsen', 'sessions', '--type=merge', '-p', JSON.stringify({ spec })],
      ]);
      assert.notEqual(code, 0, JSON.stringify(spec));
      assert.match(stderr, said);
    }
  });

  await context.test('deleted, it leaves nothing', async () => {
    await writer.stop();
    await must(['delete', 'rsen', 'sessions']);
    await until('nothing is left', async () => (await pods()).length === 0, patienceMs);
  });
  context.diagnostic(`${writer.writes} writes`);
});
