// The kind RedisCluster in the embedded home, on real redis-servers that speak TLS, with a client that writes all the time.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { TestHome, until } from './support/home.ts';
import { runProgram } from './support/kubectl.ts';
import { ClusterWriter } from './support/redis-cluster-writer.ts';
import { stepsIn } from './support/redis-steps.ts';

const kubectl = '1.35';
const patienceMs = 120_000;

// biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
type Anything = any;

test('a RedisCluster loses nothing that was acknowledged', {
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
  const patch = (spec: object): Promise<string> =>
    must(['patch', 'rc', 'shop', '--type=merge', '-p', JSON.stringify({ spec })]);
  const settled = (ready: string) =>
    until(
      `${ready} take part`,
      async () => {
        const { metadata, status } = await get('rc', 'shop');
        if (status?.observedGeneration !== metadata.generation) return undefined;
        return status.phase === 'Ready' && status.ready === ready && status;
      },
      patienceMs,
    );
  const pods = async (): Promise<readonly Anything[]> =>
    (await get('pods', '-l', 'app.kubernetes.io/instance=shop')).items;
  const addresses = async (): Promise<readonly string[]> =>
    (await pods()).flatMap(({ status }) => (status.podIP ? [status.podIP] : []));
  const secretOf = async (key: string): Promise<string> => {
    const { data } = await get('secret', 'shop-auth');
    return Buffer.from(data[key] ?? '', 'base64').toString();
  };
  const password = (): Promise<string> => secretOf('password');
  const authority = async (): Promise<string> => {
    const { data } = await get('secret', 'shop-tls');
    return Buffer.from(data['ca.crt'], 'base64').toString();
  };
  const files = new Map<string, Promise<string>>();
  /** Written once: several programs read it at the same time. */
  const fileOf = (pem: string): Promise<string> => {
    const path = join(home.directory, `shop-ca-${files.size}.crt`);
    const file = files.get(pem) ?? writeFile(path, pem).then(() => path);
    files.set(pem, file);
    return file;
  };
  const cli = async (...args: readonly string[]) => {
    const file = await fileOf(await authority());
    return runProgram('redis-cli', ['--no-auth-warning', '--tls', '--cacert', file, ...args]);
  };
  const isClean = () =>
    until(
      'redis-cli finds nothing wrong',
      async () => {
        const [host = ''] = await addresses();
        const check = ['--cluster', 'check', `${host}:6379`];
        const { code, stdout } = await cli('-a', await password(), ...check);
        return code === 0 && /All 16384 slots covered/.test(stdout);
      },
      patienceMs,
    );
  await using writer = new ClusterWriter(addresses, password, async () => ({
    ...{ ca: await authority(), servername: 'shop.default.svc' },
  }));
  const nothingLost = async (): Promise<void> => {
    const before = writer.writes;
    await until('writes go on', async () => writer.writes > before + 50);
    assert.deepEqual(await writer.lost(), []);
  };

  await context.test('it is made of members that know each other', async () => {
    const auth = { mode: 'password', keepPreviousSeconds: 1 };
    const groups = { data: { storage: { size: '64Mi' } } };
    const tls = { mode: 'required' };
    const services = { byShard: true };
    const spec = { auth, tls, groups, services, options: { nodeTimeoutMs: 2_000 } };
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster' };
    await must(
      ['apply', '-f', '-'],
      JSON.stringify({ ...object, metadata: { name: 'shop' }, spec }),
    );
    const status = await settled('6/6');
    const roles = status.members.map(({ role }: Anything) => role).sort();
    assert.deepEqual(roles, [...Array(3).fill('follower'), ...Array(3).fill('leader')]);
    await isClean();
    writer.start(500);
    await until('every key was written', async () => writer.acknowledged.size === 500);
    assert.ok(writer.failures.every((failure) => failure.includes('NOAUTH')));
  });

  await context.test('without its password nobody is let in', async () => {
    const [host = ''] = await addresses();
    assert.match((await cli('-h', host, 'DBSIZE')).stdout, /NOAUTH/);
    const { code } = await runProgram('redis-cli', ['-h', host, 'DBSIZE']);
    assert.notEqual(code, 0, 'without TLS neither');
  });

  await context.test(
    'the Service of a shard leads to its members, and to nobody else',
    async () => {
      const { clusterIP } = (await get('service', 'shop-shard-1')).spec;
      const word = await password();
      const idAt = async (host: string): Promise<string> =>
        (await cli('-h', host, '-a', word, 'CLUSTER', 'MYID')).stdout.trim();
      const { items } = await get('pods', '-l', 'tweendeck.io/shard=1');
      const ids = new Set(
        await Promise.all(items.map(({ status }: Anything) => idAt(status.podIP))),
      );
      assert.equal(ids.size, 2);
      const met = new Set<string>();
      await until(
        'both were met',
        async () => {
          met.add(await idAt(clusterIP));
          return ids.isSubsetOf(met);
        },
        patienceMs,
      );
      assert.deepEqual(met, ids);
    },
  );

  await context.test('its certificate is made anew, and shown without a restart', async () => {
    const shown = async (): Promise<ReadonlySet<string>> => {
      const all = (await addresses()).map(async (host) => {
        const servername = 'shop.default.svc';
        const socket = connect({ host, port: 6_379, ca: await authority(), servername });
        await once(socket, 'secureConnect');
        const { fingerprint256 = '' } = socket.getPeerX509Certificate() ?? {};
        socket.destroy();
        return fingerprint256;
      });
      return new Set(await Promise.all(all));
    };
    const uids = new Set((await pods()).map(({ metadata }) => metadata.uid));
    const [before = '', ...others] = await shown();
    assert.deepEqual(others, []);
    await must(['delete', 'secret', 'shop-tls']);
    await must(['annotate', 'rc', 'shop', 'example.com/look=now']);
    await until(
      'there is another one',
      () => home.kubectl(kubectl, ['get', 'secret', 'shop-tls']).then(({ code }) => code === 0),
      patienceMs,
    );
    await until(
      'all show it',
      async () => {
        const now = await shown();
        return now.size === 1 && !now.has(before);
      },
      patienceMs,
    );
    await settled('6/6');
    await nothingLost();
    assert.deepEqual(new Set((await pods()).map(({ metadata }) => metadata.uid)), uids);
  });

  await context.test('its password is changed while clients write', async () => {
    const before = await password();
    const pids = new Set((await pods()).map(({ metadata }) => metadata.uid));
    const failuresBefore = writer.failures.length;
    await patch({ auth: { change: 'leaked' } });
    const changed = await until('there is another password', async () => {
      const now = await password();
      return now !== before && now;
    });
    await until('the one before is taken no more', async () => (await secretOf('previous')) === '');
    await settled('6/6');
    for (const host of await addresses()) {
      const ask = async (word: string): Promise<string> => {
        return (await cli('-h', host, '-a', word, 'PING')).stdout;
      };
      assert.match(await ask(changed), /PONG/);
      await until(`${host} refuses it`, async () => !/PONG/.test(await ask(before)), patienceMs);
    }
    await isClean();
    await nothingLost();
    assert.deepEqual(new Set((await pods()).map(({ metadata }) => metadata.uid)), pids);
    assert.equal(writer.failures.length, failuresBefore);
  });

  await context.test('a leader that is killed is followed by its replica', async () => {
    const { status } = await get('rc', 'shop');
    const leader = status.members.find(({ role }: Anything) => role === 'leader').name;
    const before = (await pods()).find(({ metadata }) => metadata.name === `${leader}-0`);
    await must(['delete', 'pod', `${leader}-0`, '--grace-period=0', '--force']);
    await until('another pod is there', async () =>
      (await pods()).some(
        ({ metadata }) => metadata.name === `${leader}-0` && metadata.uid !== before.metadata.uid,
      ),
    );
    await settled('6/6');
    await isClean();
    await nothingLost();
  });

  await context.test('settings that may be chosen are those of the server', async () => {
    const generator = join(import.meta.dirname, '../tools/generate/redis-parameters.ts');
    const { code, stderr } = await runProgram(process.execPath, [generator, '--check']);
    assert.equal(code, 0, stderr);
  });

  await context.test('settings change while members run, and go back', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
    const ask = async (name: string): Promise<ReadonlySet<string>> => {
      const word = await password();
      const answers = (await addresses()).map(async (host) => {
        return (await cli('-h', host, '-a', word, 'CONFIG', 'GET', name)).stdout.trim();
      });
      return new Set(await Promise.all(answers));
    };
    const config = { 'maxmemory-policy': 'allkeys-lru', 'repl-backlog-size': '2mb', hz: 20 };
    await patch({ config });
    const { settings } = await settled('6/6');
    assert.deepEqual(settings, { ...config, hz: '20' });
    assert.deepEqual(await ask('maxmemory-policy'), new Set(['maxmemory-policy\nallkeys-lru']));
    assert.deepEqual(await ask('repl-backlog-size'), new Set(['repl-backlog-size\n2097152']));
    await patch({ config: null });
    await until('every member has its own again', async () => {
      const values = await ask('maxmemory-policy');
      return values.size === 1 && values.has('maxmemory-policy\nnoeviction');
    });
    const after = await settled('6/6');
    assert.deepEqual(after.settings ?? {}, {});
    assert.deepEqual(new Set((await pods()).map(({ metadata }) => metadata.uid)), before);
    await nothingLost();
  });

  await context.test('volumes grow while members use them', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
    await patch({ groups: { data: { storage: { size: '96Mi' } } } });
    await settled('6/6');
    const { items } = await get('pvc', '-l', 'app.kubernetes.io/instance=shop');
    const sizes = items.map(({ status }: Anything) => status.capacity.storage);
    assert.deepEqual(sizes, Array(6).fill('96Mi'));
    assert.deepEqual(new Set((await pods()).map(({ metadata }) => metadata.uid)), before);
  });

  await context.test('a change rolls through all members, leaders hand over', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
    const failuresBefore = writer.failures.length;
    const handedOver = (): readonly string[] =>
      stepsIn(home.stderr, 'shop').flatMap(
        (step) => /^hand over from (\S+) to/.exec(step)?.slice(1) ?? [],
      );
    const { status } = await get('rc', 'shop');
    const leaders = status.members.filter(({ role }: Anything) => role === 'leader');
    const handedOverBefore = handedOver().length;
    await patch({ config: { 'tcp-backlog': 256 } });
    await until(
      'all pods are others',
      async () => {
        const now = await pods();
        return now.length === 6 && now.every(({ metadata }) => !before.has(metadata.uid));
      },
      patienceMs,
    );
    await settled('6/6');
    await isClean();
    await nothingLost();
    // One that comes to nothing is tried again.
    assert.deepEqual(
      new Set(handedOver().slice(handedOverBefore)),
      new Set(leaders.map(({ name }: Anything) => name)),
    );
    const failures = writer.failures.slice(failuresBefore);
    context.diagnostic(`${failures.length} writes failed while it rolled`);
    assert.ok(failures.length <= 10, failures.join('\n'));
  });

  await context.test('shards are added and taken away while clients write', async () => {
    await patch({ groups: { data: { shards: 4 } } });
    await settled('8/8');
    await isClean();
    await nothingLost();
    await must(['get', 'service', 'shop-shard-3']);
    await patch({ groups: { data: { shards: 3 } } });
    await settled('6/6');
    await until('members and their pods are gone', async () => (await pods()).length === 6);
    await isClean();
    await nothingLost();
    await until(
      'its Service is gone',
      async () => (await home.kubectl(kubectl, ['get', 'service', 'shop-shard-3'])).code !== 0,
      patienceMs,
    );
  });

  await context.test('the whole home is killed and comes back', async () => {
    await home.stop('SIGKILL');
    const before = writer.writes;
    await until('writes go on without it', async () => writer.writes > before + 500, patienceMs);
    await home.start();
    await settled('6/6');
    await isClean();
    await nothingLost();
  });

  await context.test('what cannot be is refused with its field', async () => {
    for (const { spec, said } of [
      { spec: { groups: { data: { shards: 2 } } }, said: /spec\.groups\.data\.shards/ },
      { spec: { options: { nodeTimeoutMs: 1 } }, said: /spec\.options\.nodeTimeoutMs/ },
      { spec: { config: { 'maxmemory-policy': 'some' } }, said: /spec\.config\.maxmemory-policy/ },
      { spec: { version: '6.0' }, said: /spec\.version/ },
      { spec: { tls: { mode: 'off' } }, said: /spec\.tls\.mode.*keeps it/ },
      {
        spec: { groups: { data: { storage: { size: '64Mi' } } } },
        said: /spec\.groups\.data\.storage\.size.*volumes grow/,
      },
      { spec: { groups: { data: { storage: null } } }, said: /spec\.groups\.data\.storage/ },
    ]) {
      const { code, stderr } = await home.kubectl(kubectl, [
        ...['patch', 'rc', 'shop', '--type=merge', '-p', JSON.stringify({ spec })],
      ]);
      assert.notEqual(code, 0);
      assert.match(stderr, said);
    }
  });

  await context.test('deleted, it leaves nothing', async () => {
    await writer.stop();
    await must(['delete', 'rc', 'shop']);
    await until('nothing is left', async () => (await pods()).length === 0, patienceMs);
  });
  context.diagnostic(`${writer.writes} writes, ${writer.failures.length} failed`);
});
