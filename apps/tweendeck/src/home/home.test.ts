// Tables for the folder of a home and for the holders of ports.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PlatformError, seededRandom } from '@tweendeck/std';
import {
  freshIdentity,
  homeDirectory,
  isDiskRefusal,
  makeHomeDirectory,
  openIdentity,
  replacePrivate,
} from './home-directory.ts';
import { listeners } from './port-holder.ts';
import { limitStop } from './stop-limit.ts';

for (const { name, given, environment, path } of [
  {
    name: 'the one that was named',
    given: '/a/b',
    environment: { XDG_STATE_HOME: '/x' },
    path: '/a/b',
  },
  {
    name: 'the XDG state directory',
    given: undefined,
    environment: { XDG_STATE_HOME: '/x' },
    path: '/x/tweendeck',
  },
  {
    name: 'below the home directory',
    given: undefined,
    environment: {},
    path: '/home/u/.local/state/tweendeck',
  },
  {
    name: 'below it when XDG is empty',
    given: undefined,
    environment: { XDG_STATE_HOME: '' },
    path: '/home/u/.local/state/tweendeck',
  },
]) {
  test(`the data directory is ${name}`, () => {
    const environmentMap: Readonly<Record<string, string>> = { ...environment };
    assert.equal(homeDirectory(given, environmentMap, '/home/u').path, path);
  });
}

test('a fresh identity has ranges of its own, pods and services apart', () => {
  for (let seed = 0; seed < 50; seed++) {
    const { podRange, serviceRange } = freshIdentity(seededRandom(seed));
    assert.match(podRange, /^127\.(6[4-9]|[78]\d|9[0-5])\.\d+\.0\/24$/);
    assert.match(serviceRange, /^127\.(9[6-9]|1[01]\d|12[0-7])\.\d+\.0\/24$/);
  }
});

test('only listening sockets of the very port are found', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1FBE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:1FBE 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:1FBF 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  assert.deepEqual(listeners(table, 8_126), [{ address: '0100007F', inode: '111' }]);
  assert.deepEqual(listeners('', 8_126), []);
});

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-home-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

for (const { name, content } of [
  { name: 'nothing', content: '' },
  { name: 'no object', content: '[]' },
  { name: 'an empty id', content: '{"id":"","podRange":"127.64.0.0/24","serviceRange":"x"}' },
  { name: 'no range', content: '{"id":"x","podRange":"127.64.0.0/24"}' },
]) {
  test(`an identity that holds ${name} is damaged, and stays as it is`, () =>
    inDirectory(async (directory) => {
      const home = homeDirectory(directory, {}, '/');
      await writeFile(join(directory, 'home.json'), content);
      await assert.rejects(openIdentity(home, seededRandom(1)), { code: 'HOME_DAMAGED' });
      assert.deepEqual(await readdir(directory), ['home.json']);
    }));
}

test('an identity that may not be read is not called damaged', () =>
  inDirectory(async (directory) => {
    await mkdir(join(directory, 'home.json'));
    const home = homeDirectory(directory, {}, '/');
    await assert.rejects(openIdentity(home, seededRandom(1)), { code: 'HOME_UNWRITABLE' });
  }));

test("a data directory is made with its parents, and is nobody else's business", () =>
  inDirectory(async (directory) => {
    const home = homeDirectory(join(directory, 'a', 'b'), {}, '/');
    await makeHomeDirectory(home);
    await makeHomeDirectory(home);
    assert.deepEqual(await readdir(home.path), ['agent', 'certificates']);
    assert.equal((await stat(home.path)).mode & 0o777, 0o711, 'others may pass, and see nothing');
    assert.equal((await stat(home.certificates)).mode & 0o777, 0o700);
  }));

for (const path of ['/proc/none/of/these', '/dev/null', '/dev/null/x']) {
  test(`a data directory that cannot be made, ${path}, is refused`, async () => {
    await assert.rejects(makeHomeDirectory(homeDirectory(path, {}, '/')), {
      code: 'HOME_UNWRITABLE',
    });
  });
}

test('a file that cannot be replaced leaves no half of it behind', () =>
  inDirectory(async (directory) => {
    await mkdir(join(directory, 'kubeconfig'));
    await assert.rejects(replacePrivate(join(directory, 'kubeconfig'), 'text'), { code: 'EISDIR' });
    assert.deepEqual(await readdir(directory), ['kubeconfig']);
  }));

for (const { name, error, refusal } of [
  { name: 'a full disk', error: system('ENOSPC'), refusal: true },
  { name: 'a file of somebody else', error: system('EPERM'), refusal: true },
  {
    name: 'a full store, as the API server tells it',
    error: new Error('Internal error occurred: /h/state.db: database or disk is full'),
    refusal: true,
  },
  { name: 'a taken port', error: system('EADDRINUSE'), refusal: false },
  { name: 'a bug', error: new TypeError('x is not a function'), refusal: false },
  {
    name: 'what has a hint of its own',
    error: new PlatformError('STORE_FULL', '/h/state.db: full', { hint: 'Free space.' }),
    refusal: false,
  },
]) {
  test(`${name} is ${refusal ? '' : 'not '}a refusal of the disk`, () => {
    assert.equal(isDiskRefusal(error, { database: '/h/state.db' }), refusal);
  });
}

function system(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test('a stop that hangs is broken off, and does not keep a stopped process waiting', () => {
  const said: string[] = [];
  const timers: { readonly keepAlive: boolean | undefined; readonly run: () => void }[] = [];
  limitStop({
    clock: {
      nowMs: () => 0,
      monotonicMs: () => 0,
      sleep: () => Promise.reject(new Error('nobody sleeps here')),
      timer: (_delayMs, run, options) => {
        timers.push({ run, keepAlive: options?.keepAlive });
        return { fired: false, [Symbol.dispose]: () => undefined };
      },
    },
    writeError: (line) => said.push(line),
    endNow: () => said.push('ended'),
  });
  assert.deepEqual(said, []);
  assert.equal(timers[0]?.keepAlive, false);
  timers[0]?.run();
  assert.match(said.join(), /not stopped within 75 s.*,ended$/);
});
