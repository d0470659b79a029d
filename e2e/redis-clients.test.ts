// Clients of the field on one RedisCluster of the embedded home, while it is killed, rolled and scaled beneath them.
//
// What is asserted of acknowledged writes: none is lost by what the platform does (rolling changes, shards added and taken
// away), nor by the death of a leader, but for those that were acknowledged within the second before. Redis copies to
// replicas after it answered: what a leader had not sent when it died is nobody's. How many there were is told; with
// redis-servers that are killed on one machine it is none as a rule.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientOutcome, RedisClientProgram } from './redis-clients/client.ts';
import { redisClients } from './redis-clients/programs.ts';
import { TestHome, until } from './support/home.ts';
import { runProgram } from './support/kubectl.ts';
import { killRedisAt } from './support/redis-processes.ts';

const kubectl = '1.35';
const patienceMs = 120_000;
/** Before the death of a leader: what it acknowledged then may be lost. */
const atRiskMs = 1_000;
/** Of a client, of all leaders that died: what was on its way to their replicas. */
const atRiskMax = 10;

// biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
type Anything = any;

test('clients of the field lose nothing that was acknowledged', {
  timeout: 600_000,
}, async (context) => {
  const programs = redisClients();
  await using home = await TestHome.open({ quickstart: 'none' });
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const get = async (...what: readonly string[]): Promise<Anything> =>
    JSON.parse(await must(['get', ...what, '-o', 'json']));
  const pods = async (): Promise<readonly Anything[]> =>
    (await get('pods', '-l', 'app.kubernetes.io/instance=shop')).items;
  const podOf = async (member: string): Promise<Anything> =>
    (await pods()).find(({ metadata }) => metadata.name === `${member}-0`);
  const patch = (spec: object): Promise<string> =>
    must(['patch', 'rc', 'shop', '--type=merge', '-p', JSON.stringify({ spec })]);
  /** One kubectl that watches: many that ask would take the processor from what they ask about. */
  const told = (path: string, value: string): Promise<string> =>
    must(['wait', 'rc/shop', `--for=jsonpath={.status.${path}}=${value}`, '--timeout=50s']);
  const settled = (ready: string): Promise<Anything> =>
    until(
      `${ready} take part`,
      async () => {
        const { metadata } = await get('rc', 'shop');
        await told('observedGeneration', String(metadata.generation));
        await told('ready', ready);
        await told('phase', 'Ready');
        const { status } = await get('rc', 'shop');
        return status.phase === 'Ready' && status.ready === ready && status;
      },
      patienceMs,
    );
  const isClean = () =>
    until(
      'redis-cli finds nothing wrong',
      async () => {
        const [{ status }] = await pods();
        const check = ['--cluster', 'check', `${status.podIP}:6379`];
        const logIn = ['--no-auth-warning', '-a', await password()];
        const { code, stdout } = await runProgram('redis-cli', [...logIn, ...check]);
        return code === 0 && /All 16384 slots covered/.test(stdout);
      },
      patienceMs,
    );
  const password = async (): Promise<string> => {
    const { data } = await get('secret', 'shop-auth');
    return Buffer.from(data.password, 'base64').toString();
  };
  const someLeader = async (): Promise<string> => {
    const { members } = (await get('rc', 'shop')).status;
    return members.find(({ role }: Anything) => role === 'leader').name;
  };

  const spec = { auth: { mode: 'password' }, options: { nodeTimeoutMs: 2_000 } };
  const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster' };
  await must(['apply', '-f', '-'], JSON.stringify({ ...object, metadata: { name: 'shop' }, spec }));
  await settled('6/6');
  const { clusterIP } = (await get('service', 'shop')).spec;
  await using stack = new AsyncDisposableStack();
  const service = { host: clusterIP, password: await password() };
  const clients = programs.map((program) => stack.use(new RedisClientProgram(program, service)));
  /** The cluster is whole again, and every client writes. */
  const goesOn = async (ready: string): Promise<void> => {
    await settled(ready);
    await isClean();
    await Promise.all(clients.map((client) => client.goesOn()));
  };
  const deaths: number[] = [];
  const event = (name: string, run: () => Promise<void>): Promise<void> =>
    context.test(name, async (part) => {
      const before = clients.map(({ failed }) => failed);
      await run();
      const failed = clients.map((one, at) => `${one.name} ${one.failed - (before[at] ?? 0)}`);
      part.diagnostic(`writes that failed: ${failed.join(', ')}`);
    });

  await event('they write', () => goesOn('6/6'));

  await event("a leader's process is killed, and starts again in its pod", async () => {
    const leader = await someLeader();
    const { status } = await podOf(leader);
    deaths.push(Date.now());
    killRedisAt(status.podIP);
    await until('it was started again', async () => {
      const now = await podOf(leader);
      return now.status.containerStatuses?.[0]?.restartCount > 0;
    });
    await goesOn('6/6');
  });

  await event("a leader's pod is lost with all it has", async () => {
    const leader = await someLeader();
    const before = await podOf(leader);
    deaths.push(Date.now());
    killRedisAt(before.status.podIP);
    await must(['delete', 'pod', `${leader}-0`, '--grace-period=0', '--force']);
    await until('another pod is there', async () => {
      const now = await podOf(leader);
      return now !== undefined && now.metadata.uid !== before.metadata.uid;
    });
    await goesOn('6/6');
  });

  await event('a change rolls through all members', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
    await patch({ config: { timeout: 3_600 }, restart: 'once' });
    await until(
      'all pods are others',
      async () => {
        const now = await pods();
        return now.length === 6 && now.every(({ metadata }) => !before.has(metadata.uid));
      },
      patienceMs,
    );
    await goesOn('6/6');
  });

  await event('a shard is added', async () => {
    await patch({ groups: { data: { shards: 4 } } });
    await goesOn('8/8');
  });

  await event('a shard is taken away', async () => {
    await patch({ groups: { data: { shards: 3 } } });
    await until('its members are gone', async () => (await pods()).length === 6, patienceMs);
    await goesOn('6/6');
  });

  for (const client of clients) {
    await context.test(`${client.name} reads back what it wrote`, async (part) => {
      const outcome = await client.finish();
      part.diagnostic(toldOf(outcome));
      const excused = ({ atMs }: { readonly atMs: number }): boolean =>
        deaths.some((deathMs) => atMs >= deathMs - atRiskMs && atMs <= deathMs + atRiskMs);
      const atRisk = outcome.lost.filter(excused).length;
      if (atRisk > 0) part.diagnostic(`${atRisk} acknowledged as a leader died are lost`);
      assert.ok(atRisk <= atRiskMax, `${atRisk} acknowledged as a leader died are lost`);
      assert.deepEqual(
        outcome.lost.filter((write) => !excused(write)),
        [],
      );
      assert.ok(outcome.read > 1_000, `only ${outcome.read} keys were read back`);
    });
  }
});

function toldOf({ writes, failed, read, failures }: ClientOutcome): string {
  const words = Object.entries(failures).map(([text, count]) => `${count} × ${text}`);
  return [`${writes} writes, ${failed} failed, ${read} keys read back`, ...words].join('; ');
}
