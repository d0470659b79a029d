// What would lose data of Redis waits for a person, and a name that is taken stays whose it is: in the embedded home.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { askRedis } from './support/redis-caller.ts';

const patienceMs = 120_000;

interface Said {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly phase?: string;
    readonly ready?: string;
    readonly spentApprovals?: readonly string[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

test('what would lose data of a RedisSentinel waits for a person', async (context) => {
  await using home = await TestHome.open({ quickstart: 'none' });
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const declare = (kind: string, name: string, spec: object): Promise<string> => {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind, metadata: { name }, spec };
    return must(['create', '-f', '-'], JSON.stringify(object));
  };
  const patch = (spec: object): Promise<string> =>
    must(['patch', 'rsen', 'sessions', '--type=merge', '-p', JSON.stringify({ spec })]);
  /** Undefined until it is about the present spec. */
  const statusOf = async (...what: readonly string[]): Promise<Said['status']> => {
    const { metadata, status }: Said = JSON.parse(await must(['get', ...what, '-o', 'json']));
    return status?.observedGeneration === metadata.generation ? status : undefined;
  };
  const told = (reason: string, ...what: readonly string[]): Promise<string> =>
    until(`${reason} is told`, async () => {
      const { conditions = [] } = (await statusOf(...what)) ?? {};
      const degraded = conditions.find(({ type }) => type === 'Degraded');
      return degraded?.status === 'True' && degraded.reason === reason && degraded.message;
    });
  const settled = (phase: string, ...what: readonly string[]) =>
    until(`it is ${phase}`, async () => (await statusOf(...what))?.phase === phase, patienceMs);
  const uids = async (instance: string): Promise<string> =>
    must([
      ...['get', 'pods', '-l', `app.kubernetes.io/instance=${instance}`],
      ...['-o', 'jsonpath={.items[*].metadata.uid}'],
    ]);
  const ask = async (...command: readonly string[]): Promise<string> => {
    const path = 'jsonpath={.items[0].status.podIP}';
    const host = await must(['get', 'pods', '-l', 'tweendeck.io/role=leader', '-o', path]);
    return String(await askRedis(host, 6_379, ...command));
  };
  const sessions = ['rsen', 'sessions'] as const;

  await declare('RedisSentinel', 'sessions', {
    ...{ auth: { mode: 'none' }, groups: { data: { members: 2 } } },
  });
  await settled('Ready', ...sessions);
  const before = await uids('sessions');

  await context.test('less memory than its servers use restarts nobody', async () => {
    await patch({ groups: { data: { resources: { limits: { memory: '1Mi' } } } } });
    const message = await told('NoRoom', ...sessions);
    assert.match(message, /sessions-data-\d uses \d+ MiB.*leaves 1 MiB for it/);
    await patch({ groups: { data: { resources: { limits: { memory: '256Mi' } } } } });
    await settled('Ready', ...sessions);
    assert.equal(await uids('sessions'), before);
  });

  await context.test('settings of servers are set while they run', async () => {
    const config = { 'slowlog-log-slower-than': 5_000, 'notify-keyspace-events': 'KEA' };
    await patch({ config });
    await until('they have them', async () => {
      const said = await must(['get', ...sessions, '-o', 'jsonpath={.status.settings}']);
      return said.includes('5000') && said.includes('KEA');
    });
    assert.equal(
      await ask('CONFIG', 'GET', 'slowlog-log-slower-than'),
      'slowlog-log-slower-than,5000',
    );
    await settled('Ready', ...sessions);
    assert.equal(await uids('sessions'), before);
  });

  await context.test(
    'it is stopped with keys on no volume only when that is approved',
    async () => {
      await ask('SET', 'k', 'v');
      await patch({ suspend: true });
      const message = await told('ApprovalNeeded', ...sessions);
      assert.match(message, /"stop sessions" may lose data/);
      assert.equal(await uids('sessions'), before);
      assert.equal(await ask('GET', 'k'), 'v');
      await must(['annotate', ...sessions, 'tweendeck.io/approve=stop sessions']);
      await settled('Stopped', ...sessions);
      assert.equal(await uids('sessions'), '');
      assert.deepEqual((await statusOf(...sessions))?.spentApprovals, ['stop sessions']);
    },
  );

  await context.test(
    'without keys it is stopped at once, and nothing is approved of for good',
    async () => {
      await patch({ suspend: false });
      await settled('Ready', ...sessions);
      await patch({ suspend: true });
      await settled('Stopped', ...sessions);
    },
  );

  await context.test('another kind does not touch what a namesake is made of', async () => {
    await declare('Memcached', 'cache', {});
    await settled('Ready', 'mc', 'cache');
    const service = await must(['get', 'service', 'cache', '-o', 'json']);
    await declare('RedisCluster', 'cache', {});
    const message = await told('NameTaken', 'rc', 'cache');
    assert.match(message, /there is a Service cache that belongs to Memcached cache/);
    assert.equal(await must(['get', 'service', 'cache', '-o', 'json']), service);
    const sets = namesOf(await must(['get', 'statefulsets', '-o', 'name']));
    assert.equal(sets, 'cache-servers-0');
    await settled('Ready', 'mc', 'cache');
  });
});

function namesOf(list: string): string {
  const names = list
    .trim()
    .split('\n')
    .map((name) => name.slice(name.indexOf('/') + 1));
  return names.filter((name) => !name.startsWith('sessions-')).join(' ');
}
