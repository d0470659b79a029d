// The program as its user meets it: start, refuse, stop, crash, come back.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, TestHome, until } from './support/home.ts';
import { runProgram } from './support/kubectl.ts';

test('a first start makes keys of its own, private to the user, and says where everything is', async () => {
  await using home = await TestHome.open();
  const ready = await home.message('ready');
  assert.match(String(ready['apiServer']), /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(ready['kubeconfig'], home.kubeconfig);
  assert.equal((await stat(home.kubeconfig)).mode & 0o777, 0o600);
  const { stdout } = await home.tweendeck(['kubeconfig', `--data-dir=${home.directory}`]);
  assert.match(stdout, /client-certificate-data: /);
  const kinds = await home.tweendeck(['get', 'crds', '-o', 'name']);
  assert.match(kinds.stdout, /customresourcedefinition\/cacheservers\.tweendeck\.io/);
});

test('the API has its Service: its endpoint leads to the server, and its address does where the port may be used', async (t) => {
  await using home = await TestHome.open({ quickstart: 'none' });
  const json = async (what: string) => {
    const { stdout } = await home.kubectl('1.35', ['get', what, 'kubernetes', '-o', 'json']);
    return JSON.parse(stdout);
  };
  const { spec } = await until('the service is there', () => json('service'));
  const { endpoints, ports } = await until('its endpoint too', () => json('endpointslice'));
  const { apiServer } = await home.message('ready');
  assert.equal(`https://${endpoints[0].addresses[0]}:${ports[0].port}`, apiServer);
  if (process.getuid?.() !== 0) {
    t.diagnostic('not looked at: the address itself, whose port only root may listen on');
    return;
  }
  const server = `--server=https://${spec.clusterIP}:443`;
  const asked = await home.kubectl('1.35', [server, 'get', 'namespace', 'default', '-o', 'name']);
  assert.equal(asked.stdout.trim(), 'namespace/default', asked.stderr);
});

test('a second program on the same data directory is refused and changes nothing', async () => {
  await using home = await TestHome.open();
  const second = await home.tweendeck([
    'up',
    `--data-dir=${home.directory}`,
    '--port=0',
    '--quickstart=none',
  ]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /STORE_IN_USE/);
  assert.match(second.stderr, new RegExp(`\\b${home.pid}\\b`), 'names the holder');
  assert.equal((await home.tweendeck(['get', 'namespaces'])).code, 0);
});

test('a taken port of the API server is refused, naming its holder', async () => {
  await using home = await TestHome.open();
  const holder = createServer().listen(0, '127.0.0.1');
  try {
    await once(holder, 'listening');
    const address = holder.address();
    assert.ok(typeof address === 'object' && address);
    await home.stop();
    home.spawn({ port: address.port });
    const ended = await home.exited();
    assert.equal(ended.code, 1);
    assert.match(home.stderr, /HOME_PORT_TAKEN/);
    assert.match(home.stderr, new RegExp(`process ${process.pid} `));
  } finally {
    holder.close();
  }
});

test("a taken port of the quickstart's CacheServer is refused, naming its holder", async () => {
  const cachePort = await freePort();
  const holder = createServer().listen(cachePort, '127.0.0.1');
  try {
    await once(holder, 'listening');
    await using home = await TestHome.open({ quickstart: 'cacheserver', cachePort });
    const ended = await home.exited();
    assert.equal(ended.code, 1);
    assert.match(home.stderr, /HOME_PORT_TAKEN/);
    assert.match(home.stderr, new RegExp(`process ${process.pid} `));
  } finally {
    holder.close();
  }
});

test('Ctrl-C stops everything cleanly, and the next start finds state and cache', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  const served = await home.message('cacheserver ready');
  assert.equal(served['endpoint'], `127.0.0.1:${home.cachePort}`);
  const server = `--server=127.0.0.1:${home.cachePort}`;
  const key = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210'];
  const stored = await readFile(home.kubeconfig); // its port changes at the next start
  const put = await home.tweendeck(['cache', 'put', ...key, '--asset', home.kubeconfig, server]);
  assert.equal(put.code, 0, put.stderr);
  assert.equal((await home.podProcesses()).length, 1);

  assert.deepEqual(await home.stop('SIGINT'), { code: 0, signal: null });
  assert.deepEqual(await home.podProcesses(), [], 'no process is left');

  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const got = await home.tweendeck(['cache', 'get', ...key, server]);
  assert.equal(got.code, 0, got.stderr);
  assert.match(got.stdout, new RegExp(`asset\\s+${stored.length}\\b`));
  const copy = join(home.directory, 'copy');
  assert.equal((await home.tweendeck(['cache', 'get', ...key, '--asset', copy, server])).code, 0);
  assert.deepEqual(await readFile(copy), stored);
  const missed = [key[1], key[0], '--asset', copy, server] as string[];
  assert.equal((await home.tweendeck(['cache', 'get', ...missed])).code, 3, 'a miss');
  assert.deepEqual(await readFile(copy), stored, 'a miss writes nothing');
});

test('the second Ctrl-C ends the program at once, even when a disk does not answer', async () => {
  await using home = await TestHome.open();
  await home.stop('SIGINT');
  const identity = join(home.directory, 'home.json');
  await rename(identity, `${identity}.aside`);
  await runProgram('mkfifo', [identity]); // reading it waits for ever, as on a server that is gone
  home.spawn();
  // Opening the writing end succeeds once somebody opens the reading one; as long as it is held, the read waits.
  const flags = constants.O_WRONLY | constants.O_NONBLOCK;
  await using _held = await until('the home reads its identity', () =>
    open(identity, flags).catch(() => false as const),
  );
  process.kill(home.pid, 'SIGINT');
  await until('the first signal was taken', async () => {
    const status = await readFile(`/proc/${home.pid}/status`, 'utf8');
    return /^ShdPnd:\s+0+$/m.test(status);
  });
  assert.deepEqual(await home.stop('SIGINT'), { code: null, signal: 'SIGINT' });
  await rm(identity);
  await rename(`${identity}.aside`, identity);
});

test('a home whose output nobody reads any more runs on, and stops in good order', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  home.closeOutput();
  await until('the CacheServer serves', async () => {
    const caches = await home.tweendeck(['get', 'cacheservers']);
    return /Ready/.test(caches.stdout);
  });
  assert.deepEqual(await home.stop('SIGHUP'), { code: 0, signal: null });
  assert.deepEqual(await home.podProcesses(), [], 'no process is left');
});

test('SIGKILL leaves no orphan: the next start ends what was left and runs every pod once', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const [before] = await home.podProcesses();
  assert.deepEqual(await home.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const after = await until('one process runs the pod', async () => {
    const pids = await home.podProcesses();
    return pids.length === 1 && pids[0] !== before && pids;
  });
  assert.equal(after.length, 1);
  const pods = await home.tweendeck(['get', 'pods', '-o', 'name']);
  assert.equal(pods.stdout.trim().split('\n').length, 1);
});

for (const { name, args, code, says } of [
  { name: 'an unknown command', args: ['frobnicate'], code: 2, says: /no command "frobnicate"/ },
  { name: 'an unknown option', args: ['up', '--datadir=x'], code: 2, says: /--datadir/ },
  { name: 'a port out of range', args: ['up', '--port=70000'], code: 2, says: /--port takes/ },
  {
    name: 'a quickstart that is not there',
    args: ['up', '--quickstart=redis'],
    code: 2,
    says: /cacheserver, none/,
  },
  {
    name: 'no home to speak to',
    args: ['get', 'pods', '--data-dir=/nonexistent'],
    code: 1,
    says: /CLI_NO_HOME/,
  },
]) {
  test(`the command line refuses ${name}`, async () => {
    const program = new URL('../apps/tweendeck/bin/tweendeck.cjs', import.meta.url).pathname;
    const outcome = await runProgram(process.execPath, [program, ...args]);
    assert.equal(outcome.code, code);
    assert.match(outcome.stderr, says);
  });
}

test('every command explains itself', async () => {
  const { commands } = await import('../apps/tweendeck/src/command-table.ts');
  const program = new URL('../apps/tweendeck/bin/tweendeck.cjs', import.meta.url).pathname;
  const all = await runProgram(process.execPath, [program, '--help']);
  for (const command of commands) {
    assert.ok(all.stdout.includes(`  ${command.name} `), command.name);
    const one = await runProgram(process.execPath, [program, ...command.name.split(' '), '--help']);
    assert.equal(one.code, 0);
    for (const option of Object.keys(command.options))
      assert.ok(one.stdout.includes(`--${option}`), option);
  }
});
