// Backups of a RedisCluster and what becomes of them, on real redis-servers, with a client that writes all the time.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { startS3Server } from './s3/server.ts';
import { TestHome, until } from './support/home.ts';
import { runProgram } from './support/kubectl.ts';
import { askRedis, RedisCaller } from './support/redis-caller.ts';
import { ClusterWriter } from './support/redis-cluster-writer.ts';

const kubectl = '1.35';
const patienceMs = 120_000;
const apiVersion = 'tweendeck.io/v1alpha1';
/** Of each shard, so that reading takes a while. */
const bulk = { tags: ['{a}', '{b}', '{c}'], keys: 3_000, bytes: 4_000, keysAtOnce: 500 };

// biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
type Anything = any;

test('a RedisCluster comes back from its backup', { timeout: 900_000 }, async (context) => {
  await using home = await TestHome.open({ quickstart: 'none' });
  const directory = join(home.directory, 'backups');
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const apply = (kind: string, name: string, spec: object): Promise<string> =>
    must(['apply', '-f', '-'], JSON.stringify({ apiVersion, kind, metadata: { name }, spec }));
  const get = async (...what: readonly string[]): Promise<Anything> =>
    JSON.parse(await must(['get', ...what, '-o', 'json']));
  const addressesOf = async (name: string): Promise<readonly string[]> => {
    const labels = `app.kubernetes.io/instance=${name},app.kubernetes.io/name=redis-cluster`;
    const { items } = await get('pods', '-l', labels);
    return items.flatMap(({ status }: Anything) => (status.podIP ? [status.podIP] : []));
  };
  const passwordOf = async (name: string): Promise<string> => {
    const { data } = await get('secret', `${name}-auth`);
    return Buffer.from(data.password, 'base64').toString();
  };
  const ready = (name: string) =>
    until(
      `${name} is ready`,
      async () => (await get('rc', name)).status?.phase === 'Ready',
      patienceMs,
    );
  const backed = (name: string) =>
    until(
      `${name} is complete`,
      async () => {
        const { status } = await get('bkp', name);
        assert.notEqual(status?.phase, 'Failed', JSON.stringify(status));
        return status?.phase === 'Complete' && status;
      },
      patienceMs,
    );
  // Three clusters are there at once, on one machine.
  const resources = { limits: { cpu: '50m', memory: '256Mi' } };
  const specWith = (members: number, more: object = {}): object => ({
    ...{ options: { nodeTimeoutMs: 2_000 }, groups: { data: { members, resources } } },
    ...more,
  });
  const to = { directory };
  const cluster = { kind: 'RedisCluster', name: 'shop' };
  const connections = new Map<string, Promise<readonly string[]>>();
  const connectionTo = async (name: string): Promise<readonly string[]> => {
    const [host = ''] = await addressesOf(name);
    return ['--no-auth-warning', '-a', await passwordOf(name), '-c', '-h', host];
  };
  /** By redis-cli, which follows redirections; of a cluster whose members are there. */
  const ask = async (name: string, ...command: readonly string[]): Promise<string> => {
    const connection = connections.get(name) ?? connectionTo(name);
    connections.set(name, connection);
    return (await runProgram('redis-cli', [...(await connection), ...command])).stdout.trim();
  };
  /** The process of a Job's program, if it runs. */
  const jobProcess = async (command: string): Promise<number | undefined> => {
    for (const pid of await home.podProcesses()) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // ended meanwhile
      if (line.includes(`cluster-backup\0${command}`)) return pid;
    }
    return undefined;
  };
  const files = (): Promise<readonly string[]> =>
    readdir(join(directory, 'default', 'first')).catch(() => []);
  await using writer = new ClusterWriter(
    () => addressesOf('shop'),
    () => passwordOf('shop'),
  );
  const others = [
    ['SET', 'soon', 'gone', 'EX', '5000'],
    ['RPUSH', 'list', 'a', 'b', '3'],
    ['SADD', 'set', '1', '2'],
    ['ZADD', 'sorted', '1.5', 'a', '-inf', 'b'],
    ['HSET', 'hash', 'field', 'value'],
    ['XADD', 'stream', '5-1', 'field', 'value'],
    ['PFADD', 'about', 'a', 'b'],
  ] as const;
  let acknowledged = new Map<string, string>();
  let dumps: readonly string[] = [];
  const dumpsOf = (name: string): Promise<readonly string[]> =>
    Promise.all(others.map(([, key]) => ask(name, 'DUMP', key)));

  await context.test('one is taken while clients write, and its Job is killed once', async () => {
    await apply('RedisCluster', 'shop', specWith(2));
    await ready('shop');
    writer.start(300);
    await until('every key was written', async () => writer.acknowledged.size === 300, patienceMs);
    for (const command of others) await ask('shop', ...command);
    const fill = `for i=ARGV[1],ARGV[2] do redis.call('SET', KEYS[1]..i, string.rep('x', ${bulk.bytes})..i) end`;
    for (const tag of bulk.tags) {
      // A script that takes long looks like a server that is gone.
      for (let from = 1; from <= bulk.keys; from += bulk.keysAtOnce) {
        const range = [String(from), String(from + bulk.keysAtOnce - 1)];
        assert.equal(await ask('shop', 'EVAL', fill, '1', tag, ...range), '');
      }
    }
    dumps = await dumpsOf('shop');
    await until('nothing is under way', async () => !(await get('rc', 'shop')).status.step);
    acknowledged = new Map(writer.acknowledged);
    await apply('Backup', 'first', { cluster, to });
    const pid = await until('its Job runs', () => jobProcess('take'), patienceMs);
    const endsMs = performance.now() + 2_000;
    const isWriting = async () => (await files()).some((name) => name.endsWith('.part'));
    while (performance.now() < endsMs && !(await isWriting())) await setImmediate();
    process.kill(pid, 'SIGKILL');
    const status = await backed('first');
    assert.equal(status.attempts, 2);
    assert.equal(status.files.length, 3);
    assert.equal(status.keys, 300 + others.length + bulk.tags.length * bulk.keys);
    assert.ok(status.files.every(({ member }: Anything) => member.startsWith('shop-data-')));
    const roles = new Map(
      (await get('rc', 'shop')).status.members.map(({ name, role }: Anything) => [name, role]),
    );
    for (const { member } of status.files) assert.equal(roles.get(member), 'follower');
    assert.deepEqual((await files()).toSorted(), [
      'manifest.json',
      ...[0, 1, 2].map((shard) => `shard-${shard}.rdb`),
    ]);
    const events = await must(['get', 'events', '--field-selector=reason=AttemptFailed']);
    assert.match(events, /signal 9/);
  });

  await context.test('all of it is in another cluster, though filling it broke off', async () => {
    await writer.stop();
    await must(['delete', 'rc', 'shop']);
    await apply('RedisCluster', 'again', specWith(2, { restore: { backup: 'first' } }));
    const pid = await until('it is being filled', () => jobProcess('fill'), patienceMs);
    await until(
      'some of it is there',
      async () => Number(await ask('again', 'DBSIZE')) > 0,
      patienceMs,
    );
    const isMidway = await jobProcess('fill');
    if (isMidway === pid) process.kill(pid, 'SIGKILL');
    await ready('again');
    const { status } = await get('rc', 'again');
    context.diagnostic(`filled in ${status.restore.attempts} attempts`);
    assert.equal(status.restore.phase, 'Complete');
    await using reader = new ClusterWriter(
      () => addressesOf('again'),
      () => passwordOf('again'),
    );
    for (const [key, value] of acknowledged) reader.acknowledged.set(key, value);
    await reader.logIn();
    assert.deepEqual(await reader.lost(), []);
    assert.deepEqual(await dumpsOf('again'), dumps);
    const seconds = Number(await ask('again', 'TTL', 'soon'));
    assert.ok(seconds > 4_000 && seconds <= 5_000, String(seconds));
    for (const tag of bulk.tags)
      assert.match(await ask('again', 'GET', `${tag}${bulk.keys}`), /^x+3000$/);
  });

  await context.test('files that are not what was written are refused by their name', async () => {
    const file = join(directory, 'default', 'first', 'shard-1.rdb');
    const bytes = await readFile(file);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const restore = { from: { directory, folder: 'default/first' } };
    await apply('RedisCluster', 'broken', specWith(1, { restore }));
    const message = await until(
      'it is refused',
      async () => {
        const { status } = await get('rc', 'broken');
        return status?.restore?.phase === 'Failed' && status.restore.message;
      },
      patienceMs,
    );
    assert.match(message, /shard-1\.rdb is not what was written/);
    const told = await until('its cluster says so', async () =>
      (await get('rc', 'broken')).status.conditions.find(
        ({ type, reason }: Anything) => type === 'Degraded' && reason === 'RestoreFailed',
      ),
    );
    assert.match(told.message, /shard-1/);
    assert.equal(await ask('broken', 'DBSIZE'), '0');
    await must(['delete', 'rc', 'broken']);
    await truncate(file, 1_000);
  });

  await context.test('what cannot be is refused with its field', async () => {
    const patch = (...words: readonly string[]) =>
      home.kubectl(kubectl, ['patch', '--type=merge', '-p', ...words]);
    for (const { words, said } of [
      { words: ['{"spec":{"to":{"directory":"/else"}}}', 'bkp', 'first'], said: /spec\.to/ },
      { words: ['{"spec":{"restore":{"backup":"b"}}}', 'rc', 'again'], said: /filled once/ },
    ]) {
      const { code, stderr } = await patch(...words);
      assert.notEqual(code, 0);
      assert.match(stderr, said);
    }
    const two = { directory, claim: { name: 'one' } };
    for (const { place, said } of [
      { place: two, said: /name one place/ },
      { place: { directory: '/a/../b' }, said: /must not contain/ },
      { place: {}, said: /name one place/ },
    ]) {
      await assert.rejects(apply('Backup', 'odd', { cluster, to: place }), { message: said });
    }
  });

  await context.test('its files go with it, unless they are to be kept', async () => {
    await apply('Backup', 'kept', {
      ...{ cluster: { ...cluster, name: 'again' }, keepFiles: true },
      to: { directory },
    });
    const claim = {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'files' } },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } },
      },
    };
    await must(['apply', '-f', '-'], JSON.stringify(claim));
    await apply('Backup', 'claimed', {
      cluster: { ...cluster, name: 'again' },
      to: { claim: { name: 'files', path: 'of/redis' } },
    });
    await backed('kept');
    await backed('claimed');
    await must(['delete', 'bkp', 'first', 'kept', 'claimed']);
    assert.deepEqual(await readdir(join(directory, 'default')), ['kept']);
    const { size } = await stat(join(directory, 'default', 'kept', 'manifest.json'));
    assert.ok(size > 0);
  });

  await context.test('in a namespace that goes, files stay', async () => {
    await must(['create', 'namespace', 'going']);
    const object = { apiVersion, kind: 'Backup', metadata: { name: 'last', namespace: 'going' } };
    await must(['apply', '-f', '-'], JSON.stringify({ ...object, spec: { cluster, to } }));
    const status = JSON.stringify({ status: { phase: 'Complete', attempts: 1 } });
    const patch = ['patch', 'bkp', 'last', '--subresource=status', '--type=merge', '-p', status];
    await must([...patch, '-n', 'going']);
    await must(['delete', 'namespace', 'going', '--timeout=60s']);
  });

  await context.test('a RedisSentinel goes to S3 on its schedule, and comes back', async () => {
    await must(['delete', 'rc', '--all', '--wait=false']);
    await using s3 = await startS3Server();
    const { endpoint, bucket, credentials } = s3;
    const secret = (name: string, stringData: object): Promise<string> =>
      must(
        ['apply', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData }),
      );
    await secret('s3', credentials);
    await secret('wrong', { ...credentials, secretAccessKey: 'guessed' });
    const place = (more: object = {}) => ({
      s3: { endpoint, bucket, prefix: 'redis/e2e', secretName: 's3', ...more },
    });
    const setSpec = (more: object): object => {
      const limits = { cpu: '50m', memory: '256Mi' };
      const data = { members: 2, resources: { limits } };
      return { groups: { data, sentinels: { resources: { limits } } }, ...more };
    };
    const setReady = (name: string) =>
      until(
        `${name} is ready`,
        async () => (await get('rsen', name)).status?.phase === 'Ready',
        patienceMs,
      );
    const leaderOf = async (name: string): Promise<string> => {
      const labels = `app.kubernetes.io/instance=${name},tweendeck.io/role=leader`;
      return (await get('pods', '-l', labels)).items[0].status.podIP;
    };
    const backup = { schedule: '@every 2s', to: place(), keep: 2 };
    await apply('RedisSentinel', 'sessions', setSpec({}));
    await setReady('sessions');
    // Beyond what is sent in one part.
    const large = randomBytes(9 * 2 ** 20).toString('base64');
    const host = await leaderOf('sessions');
    const caller = new RedisCaller(host, 6_379);
    caller.logIn(await passwordOf('sessions'));
    assert.equal(await caller.call('SET', 'large', large), 'OK');
    caller.close();
    await must([
      'patch',
      'rsen',
      'sessions',
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { backup } }),
    ]);
    const seen = new Set<string>();
    const { last } = await until(
      'four of them were complete',
      async () => {
        const { status } = await get('rsen', 'sessions');
        if (status.backup?.last) seen.add(status.backup.last);
        return seen.size >= 4 && status.backup;
      },
      patienceMs,
    );
    const { conditions } = (await get('rsen', 'sessions')).status;
    const recent = conditions.find(({ type }: Anything) => type === 'BackupRecent');
    assert.equal(recent.status, 'True');
    await must(['patch', 'rsen', 'sessions', '--type=merge', '-p', '{"spec":{"backup":null}}']);
    await until(
      'two of them are left, with their files',
      async () => {
        const { items } = await get('bkp', '-l', 'tweendeck.io/scheduled=true');
        const names = items.map(({ metadata }: Anything) => `redis/e2e/default/${metadata.name}`);
        const files = names.flatMap((name: string) => [
          `${name}/data.rdb`,
          `${name}/manifest.json`,
        ]);
        const found = await s3.objects();
        const settled = items.every(({ status }: Anything) => status.phase === 'Complete');
        return settled && items.length <= 3 && found.join() === files.toSorted().join();
      },
      patienceMs,
    );
    const { status } = await get('bkp', last);
    assert.ok(status.bytes > large.length && status.keys === 1, JSON.stringify(status));
    for (const { name, to: where, said } of [
      { name: 'refused', to: place({ secretName: 'wrong' }), said: /403: SignatureDoesNotMatch/ },
      { name: 'nowhere', to: place({ bucket: 'missing' }), said: /404: NoSuchBucket/ },
    ]) {
      const of = { kind: 'RedisSentinel', name: 'sessions' };
      await apply('Backup', name, { cluster: of, to: where, keepFiles: true });
      const failed = await until(
        `${name} says why`,
        async () => {
          const found = (await get('bkp', name)).status?.conditions ?? [];
          return found.find(({ reason }: Anything) => reason === 'AttemptFailed');
        },
        patienceMs,
      );
      assert.match(failed.message, said);
      await must(['delete', 'bkp', name]);
    }
    await must(['delete', 'rsen', 'sessions', '--wait=false']);
    const restore = { from: { ...place(), folder: `default/${last}` } };
    await apply('RedisSentinel', 'later', setSpec({ restore, auth: { mode: 'none' } }));
    await setReady('later');
    const back = await askRedis(await leaderOf('later'), 6_379, 'GET', 'large');
    assert.ok(back instanceof Uint8Array && Buffer.from(back).equals(Buffer.from(large)));
  });
});
