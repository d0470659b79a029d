// The kind RedisSentinel in the embedded home, on real redis-servers, with a client that writes all the time and asks
// Sentinels where to.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { RedisCaller } from './support/redis-caller.ts';
import { SentinelWriter } from './support/redis-sentinel-writer.ts';

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
  const patch = (spec: object): Promise<string> =>
    must(['patch', 'rsen', 'sessions', '--type=merge', '-p', JSON.stringify({ spec })]);
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
  /** The process of a member, by the address that its title has. */
  const processAt = async (host: string): Promise<number> => {
    for (const name of await readdir('/proc')) {
      const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''); // none, or ended
      if (line.includes(`redis-server ${host}:`)) return Number(name);
    }
    throw new Error(`nobody runs at ${host}`);
  };
  // What clients know of Sentinels; asked for anew where all have other addresses.
  let sentinels: readonly string[] = [];
  const lookForSentinels = async (): Promise<void> => {
    const found = await pods('sentinels');
    sentinels = found.flatMap(({ status }) => (status.podIP ? [status.podIP] : []));
  };
  const secretOf = async (name: string, key: string): Promise<string> =>
    Buffer.from((await get('secret', name)).data[key] ?? '', 'base64').toString();
  // Remembered as clients do: it may be asked for while the home is away.
  let word = '';
  const password = async (): Promise<string> => {
    word = await secretOf('sessions-auth', 'password').catch(() => word);
    return word;
  };
  const ask = async (host: string, port: number, ...command: readonly string[]) => {
    const caller = new RedisCaller(host, port);
    caller.logIn(word);
    try {
      return await caller.call(...command);
    } finally {
      caller.close();
    }
  };
  await using writer = new SentinelWriter({
    ...{ masterName, password },
    sentinels: async () => sentinels,
  });
  const namedBy = async (sentinel: string): Promise<string> => {
    const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName];
    const name = await ask(sentinel, 26_379, ...question);
    return Array.isArray(name) ? String(name[0]) : '';
  };
  const leader = (): Promise<string> => {
    const [first = ''] = sentinels;
    return namedBy(first);
  };
  /** Once Sentinels name another leader than this one. */
  const labelFollows = async (what: string): Promise<void> => {
    const began = performance.now();
    const labels = 'tweendeck.io/role=leader,app.kubernetes.io/instance=sessions';
    await until(
      'the label of the leader says who it is',
      async () => {
        const [one, ...more] = (await get('pods', '-l', labels)).items;
        return more.length === 0 && one?.status.podIP === (await leader());
      },
      patienceMs,
    );
    context.diagnostic(
      `leader ${what}: its label ${Math.round(performance.now() - began)} ms later`,
    );
  };
  const nothingLost = async (what: string): Promise<void> => {
    const before = writer.writes;
    await until('writes go on', async () => writer.writes > before + 50, patienceMs);
    assert.deepEqual(await writer.lost(), []);
    const gap = Math.round(writer.longestGapMs);
    context.diagnostic(`${what}: ${gap} ms without writes, ${writer.failures.length} failed`);
    writer.measure();
  };

  await context.test('it is made, and all Sentinels know its leader', async () => {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisSentinel' };
    const storage = { size: '1Gi' };
    const groups = { data: { storage }, sentinels: { storage } };
    const config = { appendonly: 'no' };
    const auth = { keepPreviousSeconds: 1 };
    const spec = { groups, config, auth, options: { downAfterMs: 1_000 } };
    const began = performance.now();
    await must(
      ['apply', '-f', '-'],
      JSON.stringify({ ...object, metadata: { name: 'sessions' }, spec }),
    );
    const status = await settled();
    await password();
    context.diagnostic(`ready after ${Math.round(performance.now() - began)} ms`);
    const roles = status.members.map(({ role }: Anything) => role).sort();
    assert.deepEqual(roles, ['follower', 'follower', 'leader', 'peer', 'peer', 'peer']);
    await lookForSentinels();
    const [first] = await pods('data');
    const named = await Promise.all(sentinels.map(namedBy));
    assert.deepEqual(named, Array(3).fill(first.status.podIP));
    writer.start(500);
    await until('every key was written', async () => writer.acknowledged.size === 500, patienceMs);
    assert.deepEqual(writer.failures, []);
    writer.measure();
  });

  await context.test('without its password nobody is let in', async () => {
    for (const [host = '', port] of [
      [await leader(), 6_379],
      [sentinels[0], 26_379],
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

  await context.test('a leader that comes back without its data overwrites nobody', async () => {
    const old = await leader();
    process.kill(await processAt(old), 'SIGKILL');
    await until('another one leads', async () => (await leader()) !== old, patienceMs);
    await labelFollows('killed');
    await nothingLost('leader without a log killed');
    await settled();
  });

  await context.test(
    'a leader that is frozen is replaced, and takes no writes when it goes on',
    async () => {
      const old = await leader();
      const pid = await processAt(old);
      // Clients that know nothing of Sentinels.
      await using stale = new StaleClients();
      await stale.open(old, 20, word);
      process.kill(pid, 'SIGSTOP');
      await until('another one leads', async () => (await leader()) !== old, patienceMs);
      await labelFollows('frozen');
      const before = writer.writes;
      await until('writes go on', async () => writer.writes > before + 50, patienceMs);
      process.kill(pid, 'SIGCONT');
      // What was on its way to it when it was frozen is taken with its first breath.
      await ask(old, 6_379, 'PING');
      stale.write();
      await until(
        'it follows',
        async () => String([await ask(old, 6_379, 'ROLE')].flat()[0]) === 'slave',
        patienceMs,
      );
      context.diagnostic(`stale writes accepted: ${stale.accepted}, refused: ${stale.refused}`);
      assert.equal(stale.accepted, 0);
      await nothingLost('leader frozen');
      await settled();
    },
  );

  await context.test('what a server takes while it runs restarts nobody', async () => {
    const before = (await pods()).map(({ metadata }) => metadata.uid);
    await patch({ config: { 'maxmemory-policy': 'allkeys-lru' }, options: { downAfterMs: 1_500 } });
    const now = await until(
      'it is set',
      async () => {
        const policy = await ask(await leader(), 6_379, 'CONFIG', 'GET', 'maxmemory-policy');
        return String(policy) === 'maxmemory-policy,allkeys-lru' && (await settled());
      },
      patienceMs,
    );
    assert.equal(now.ready, '6/6');
    writer.measure();
    assert.deepEqual(
      (await pods()).map(({ metadata }) => metadata.uid),
      before,
    );
  });

  await context.test('its password is changed while clients write: no failover', async () => {
    const epoch = async (): Promise<string> => {
      const [first = ''] = sentinels;
      const words = [await ask(first, 26_379, 'SENTINEL', 'MASTER', masterName)].flat().map(String);
      return words[words.indexOf('config-epoch') + 1] ?? '';
    };
    const uids = (await pods()).map(({ metadata }) => metadata.uid);
    const before = { word: await password(), leader: await leader(), epoch: await epoch() };
    await patch({ auth: { change: 'leaked' } });
    await until(
      'there is another password',
      async () => (await password()) !== before.word,
      patienceMs,
    );
    await until(
      'the one before is taken no more',
      async () => (await secretOf('sessions-auth', 'previous')) === '',
      patienceMs,
    );
    await settled();
    for (const { metadata, status } of await pods()) {
      const port = metadata.labels['tweendeck.io/group'] === 'data' ? 6_379 : 26_379;
      assert.equal(String(await ask(status.podIP, port, 'PING')), 'PONG');
      const refuses = async (): Promise<boolean> => {
        const answer = ask(status.podIP, port, 'AUTH', before.word);
        return answer.then(
          () => false,
          (error: unknown) => /WRONGPASS/.test(String(error)),
        );
      };
      await until(`${metadata.name} refuses the one before`, refuses, patienceMs);
    }
    assert.deepEqual(
      (await pods()).map(({ metadata }) => metadata.uid),
      uids,
    );
    assert.deepEqual(
      { leader: await leader(), epoch: await epoch() },
      {
        ...{ leader: before.leader, epoch: before.epoch },
      },
    );
    assert.deepEqual(writer.failures, []);
    await nothingLost('password changed');
  });

  await context.test('a change rolls through all members, the leader hands over', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
    const began = performance.now();
    await patch({ config: { appendonly: 'yes' } });
    await until(
      'all pods are others',
      async () => {
        await lookForSentinels();
        const now = await pods();
        return now.length === 6 && now.every(({ metadata }) => !before.has(metadata.uid));
      },
      patienceMs,
    );
    await settled();
    context.diagnostic(`rolled in ${Math.round(performance.now() - began)} ms`);
    await nothingLost('rolled');
  });

  await context.test(
    'a leader that comes back with its data leads, if nobody else does yet',
    async () => {
      process.kill(await processAt(await leader()), 'SIGKILL');
      await nothingLost('leader with a log killed');
      await settled();
    },
  );

  await context.test('all members are killed at once', async () => {
    for (const { status } of await pods()) process.kill(await processAt(status.podIP), 'SIGKILL');
    await nothingLost('all killed');
    await settled();
  });

  await context.test('the home is killed while Sentinels choose', async () => {
    const old = await leader();
    process.kill(await processAt(old), 'SIGKILL');
    await home.stop('SIGKILL');
    try {
      await until('Sentinels choose without it', async () => (await leader()) !== old, patienceMs);
      const before = writer.writes;
      await until('writes go on', async () => writer.writes > before + 50, patienceMs);
    } finally {
      await home.start(); // which also ends what the killed one left
    }
    await settled();
    await lookForSentinels();
    await nothingLost('home killed during a failover');
  });

  await context.test('all members come back at other addresses', async () => {
    const labels = 'app.kubernetes.io/instance=sessions';
    await must(['delete', 'pods', '-l', labels, '--grace-period=0', '--force']);
    await settled();
    await lookForSentinels();
    await nothingLost('all pods deleted');
  });

  await context.test('servers and Sentinels are added and taken away', async () => {
    await patch({ groups: { data: { members: 2 }, sentinels: { members: 5 } } });
    await settled('7/7');
    await lookForSentinels();
    assert.equal(new Set(await Promise.all(sentinels.map(namedBy))).size, 1);
    await nothingLost('one server less, two Sentinels more');
    await patch({ groups: { data: { members: 4 }, sentinels: { members: 3 } } });
    await settled('7/7');
    await lookForSentinels();
    await nothingLost('two servers more, two Sentinels less');
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

  await context.test('over TLS a leader that is killed is followed, too', async () => {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisSentinel' };
    const spec = { tls: { mode: 'required' }, options: { downAfterMs: 1_000 } };
    await must(
      ['apply', '-f', '-'],
      JSON.stringify({ ...object, metadata: { name: 'tls' }, spec }),
    );
    /** Not this pod; the member whose pod it was may lead again with another. */
    const leads = (gone?: string) =>
      until(
        'somebody leads, and all take part',
        async () => {
          const { status } = await get('rsen', 'tls');
          if (status?.phase !== 'Ready' || status.ready !== '6/6') return undefined;
          const { name } = status.members.find(({ role }: Anything) => role === 'leader') ?? {};
          const { metadata } = await get('pod', `${name}-0`);
          return metadata.uid !== gone && name;
        },
        patienceMs,
      );
    const first = await leads();
    const { uid } = (await get('pod', `${first}-0`)).metadata;
    const { data } = await get('secret', 'tls-tls');
    const ca = Buffer.from(data['ca.crt'], 'base64').toString();
    const tls = { ca, servername: 'tls.default.svc' };
    const own = await secretOf('tls-auth', 'password');
    const askMember = async (member: string, port: number, ...command: readonly string[]) => {
      const { podIP } = (await get('pod', `${member}-0`)).status;
      const caller = new RedisCaller(podIP, port, tls);
      caller.logIn(own);
      try {
        return String(await caller.call(...command));
      } finally {
        caller.close();
      }
    };
    assert.equal(await askMember(first, 6_379, 'SET', 'a', '1'), 'OK');
    assert.match(
      await askMember('tls-sentinels-0', 26_379, 'SENTINEL', 'CKQUORUM', 'default.tls'),
      /^OK/,
    );
    assert.equal(await askMember(first, 6_379, 'WAIT', '2', '2000'), '2');
    await must(['delete', 'pod', `${first}-0`, '--grace-period=0', '--force']);
    // What the status says may be of before.
    const second = await until(
      'it says so itself',
      async () => {
        const name = await leads(uid);
        const role = await askMember(name, 6_379, 'ROLE').catch(() => '');
        return role.startsWith('master') && name;
      },
      patienceMs,
    );
    assert.equal(await askMember(second, 6_379, 'GET', 'a'), '1');
    await must(['delete', 'rsen', 'tls']);
  });
  context.diagnostic(`${writer.writes} writes`);
});

/** Clients that stay with one server and write to it as soon as it goes on. */
class StaleClients implements AsyncDisposable {
  accepted: number = 0;
  refused: number = 0;
  readonly #callers: RedisCaller[] = [];
  #work: Promise<unknown> = Promise.resolve();

  async open(host: string, count: number, password: string): Promise<void> {
    for (let number = 0; number < count; number++) {
      const caller = new RedisCaller(host, 6_379);
      caller.logIn(password);
      await caller.call('PING');
      this.#callers.push(caller);
    }
  }

  /** Until they are closed. */
  write(): void {
    this.#work = Promise.all(
      this.#callers.map(async (caller, number) => {
        while (!caller.isGone) {
          try {
            await caller.call('SET', `stale-${number}`, 'written');
            this.accepted++;
          } catch {
            this.refused++;
          }
        }
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await this.#work;
  }
}
