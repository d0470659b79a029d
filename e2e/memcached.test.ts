// The kind Memcached in the embedded home, on real memcached servers: the smallest engine of the framework.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';

const kubectl = '1.35';
const port = 11_211;

function manifest(spec: object, name = 'sessions'): string {
  const metadata = { name };
  return JSON.stringify({ apiVersion: 'tweendeck.io/v1alpha1', kind: 'Memcached', metadata, spec });
}

/** Sends lines to a server and gives what it says until `end`. */
async function talk(host: string, lines: string, end: string): Promise<string> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    socket.write(lines);
    let text = '';
    for await (const part of socket) {
      text += String(part);
      if (text.endsWith(end)) break;
    }
    return text;
  } finally {
    socket.destroy();
  }
}

test('a Memcached is made, changed, scaled, healed, stopped and started', async (context) => {
  await using home = await TestHome.open({ quickstart: 'none' });
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
  const get = async (...what: readonly string[]): Promise<any> =>
    JSON.parse(await must(['get', ...what, '-o', 'json']));
  const settled = (generation?: number) =>
    until('it is settled', async () => {
      const { metadata, status } = await get('memcached', 'sessions');
      if (generation !== undefined && metadata.generation < generation) return undefined;
      if (status?.observedGeneration !== metadata.generation) return undefined;
      return status.phase === 'Ready' ? status : undefined;
    });
  const pods = async () =>
    (await get('pods', '-l', 'app.kubernetes.io/instance=sessions')).items.map(
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      ({ metadata, status }: any) => ({ ...metadata, ip: status.podIP }),
    );

  await context.test('applied, it serves at its Service', async () => {
    await must(['apply', '-f', '-'], manifest({ groups: { servers: { members: 3 } } }));
    const status = await settled();
    assert.equal(status.ready, '3/3');
    assert.match(status.version, /^1\./);
    assert.equal(status.endpoint, `sessions.default.svc:${port}`);
    const service = await get('service', 'sessions');
    const said = await talk(service.spec.clusterIP, 'set k 0 0 5\r\nhello\r\n', 'STORED\r\n');
    assert.equal(said, 'STORED\r\n');
    const table = await must(['get', 'mc']);
    assert.match(table, /^NAME +PHASE +READY +VERSION +ENDPOINT +AGE\nsessions +Ready +3\/3 /);
  });

  await context.test('a setting rolls its members one after another', async () => {
    const before = new Set((await pods()).map(({ uid }: { uid: string }) => uid));
    await must([
      'patch',
      'mc',
      'sessions',
      '--type=merge',
      '-p',
      '{"spec":{"config":{"threads":2}}}',
    ]);
    await settled(2);
    for (const { uid, ip } of await pods()) {
      assert.ok(!before.has(uid));
      assert.match(await talk(ip, 'stats settings\r\n', 'END\r\n'), /STAT num_threads 2\r\n/);
    }
    const events = await must(['events', '--for=memcached/sessions']);
    for (const member of ['0', '1', '2'])
      assert.match(events, new RegExp(`restart sessions-servers-${member}`));
  });

  await context.test('fewer members are fewer', async () => {
    await must([
      'patch',
      'mc',
      'sessions',
      '--type=merge',
      '-p',
      '{"spec":{"groups":{"servers":{"members":1}}}}',
    ]);
    const status = await settled(3);
    assert.equal(status.ready, '1/1');
    await until('the others are gone', async () => (await pods()).length === 1);
    const sets = await get('statefulsets');
    assert.equal(sets.items.length, 1);
  });

  await context.test('a member that is killed comes back', async () => {
    const [{ uid }] = await pods();
    await must(['delete', 'pod', 'sessions-servers-0-0', '--grace-period=0', '--force']);
    await until('another pod serves', async () => {
      const [pod] = await pods();
      const { status } = await get('memcached', 'sessions');
      return pod !== undefined && pod.uid !== uid && status.phase === 'Ready';
    });
  });

  await context.test('it stops and starts', async () => {
    await must(['patch', 'mc', 'sessions', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
    await until('it is stopped', async () => {
      const { status } = await get('memcached', 'sessions');
      return status.phase === 'Stopped' && (await pods()).length === 0;
    });
    await must(['patch', 'mc', 'sessions', '--type=merge', '-p', '{"spec":{"suspend":false}}']);
    assert.equal((await settled(5)).ready, '1/1');
  });

  await context.test('what cannot be is refused with its field', async () => {
    for (const { spec, said } of [
      { spec: { groups: { servers: { members: 0 } } }, said: /spec\.groups\.servers\.members/ },
      { spec: { version: '9' }, said: /spec\.version: Unsupported value: "9"/ },
      { spec: { config: { threads: 0 } }, said: /spec\.config\.threads/ },
      { spec: { config: { thread: 1 } }, said: /unknown field "spec\.config\.thread"/ },
    ]) {
      const { code, stderr } = await home.kubectl(
        kubectl,
        ['create', '-f', '-'],
        manifest(spec, 'bad'),
      );
      assert.notEqual(code, 0);
      assert.match(stderr, said);
    }
    const long = 'n'.repeat(41);
    const { stderr } = await home.kubectl(kubectl, ['create', '-f', '-'], manifest({}, long));
    assert.match(stderr, /names have at most 40 characters/);
  });

  await context.test('a name that somebody has is left alone, and told', async () => {
    const theirs = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'taken' } },
      spec: { selector: { app: 'theirs' }, ports: [{ port: 1 }] },
    });
    await must(['create', '-f', '-'], theirs);
    await must(['apply', '-f', '-'], manifest({}, 'taken'));
    const told = await until('it is told', async () => {
      const { status } = await get('memcached', 'taken');
      return status?.phase === 'Degraded' && status;
    });
    const ready = told.conditions.find(({ type }: { type: string }) => type === 'Ready');
    assert.equal(ready.reason, 'NameTaken');
    assert.deepEqual((await get('service', 'taken')).spec.selector, { app: 'theirs' });
    assert.equal(
      (await get('statefulsets', '-l', 'app.kubernetes.io/instance=taken')).items.length,
      0,
    );
    await must(['delete', 'service', 'taken']);
    await until('it is made then', async () => {
      const { status } = await get('memcached', 'taken');
      return status.phase === 'Ready';
    });
    await must(['delete', 'mc', 'taken']);
  });

  await context.test('deleted, it leaves nothing', async () => {
    await must(['delete', 'mc', 'sessions']);
    await until('nothing is left', async () => {
      const left = await must(['get', 'pods,statefulsets,services,pdb', '-o', 'name']);
      return left.trim() === 'service/kubernetes';
    });
  });
});
