// A home on a real file system that fills up, and on one that refuses to write: what it says, what goes on, how it recovers.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { TestHome, until } from './support/home.ts';
import type { Outcome } from './support/kubectl.ts';

const run = promisify(execFile);

function map(name: string, bytes = 100_000): string {
  const metadata = { name };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { x: 'y'.repeat(bytes) },
  });
}

const create = (home: TestHome, name: string): Promise<Outcome> =>
  home.kubectl('1.35', ['create', '-f', '-'], map(name));

const ready = async (home: TestHome): Promise<string> => {
  const { stdout, stderr } = await home.kubectl('1.35', ['get', '--raw', '/readyz']);
  return `${stdout}${stderr}`;
};

test('a full disk: writes are refused, all else goes on, and room mends it without a restart', {
  timeout: 240_000,
}, async (context) => {
  assert.equal(process.getuid?.(), 0, 'mounting a small file system needs root');
  const folder = await mkdtemp(join(tmpdir(), 'tweendeck-full-'));
  context.after(() => rm(folder, { recursive: true }));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', folder]);
  try {
    await using home = await TestHome.open({ parent: folder });
    assert.equal((await create(home, 'first')).code, 0);
    const ballast = join(folder, 'ballast');
    const { bavail, bsize } = await statfs(folder);
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 512 * 1_024)));
    const refused = await until('a write is refused', async () => {
      const outcome = await create(home, `more-${performance.now().toFixed(0)}`);
      return outcome.code !== 0 && outcome;
    });
    assert.match(
      refused.stderr,
      /the store is full, so that nothing was changed; delete objects or free space on its disk/,
    );
    assert.match(await ready(home), /\[-\]store failed: the disk is full/);
    assert.equal((await home.kubectl('1.35', ['get', '--raw', '/livez'])).stdout, 'ok');
    assert.equal((await home.kubectl('1.35', ['get', 'configmap', 'first', '-o', 'name'])).code, 0);
    const deleted = await home.kubectl('1.35', ['delete', 'configmap', 'first']);
    assert.equal(deleted.code, 0, `deletes work: ${deleted.stderr}`);
    assert.notEqual((await create(home, 'still-not')).code, 0);
    await rm(ballast);
    await until('a write goes in again', async () => (await create(home, 'again')).code === 0);
    await until('it is ready', async () => (await ready(home)) === 'ok');
    assert.equal((await home.kubectl('1.35', ['get', 'configmap', 'again', '-o', 'name'])).code, 0);
    await home.stop();
    await home.start();
    assert.equal((await home.kubectl('1.35', ['get', 'configmap', 'again', '-o', 'name'])).code, 0);
  } finally {
    await run('umount', [folder]);
  }
});

test('a disk that fails to write ends all writing; what was told to be stored is there after a start', {
  timeout: 120_000,
}, async () => {
  await using home = await TestHome.open();
  assert.equal((await create(home, 'first')).code, 0);
  // The kernel refuses what would make a file larger than this: a failure in the middle of a write.
  await run('prlimit', [`--pid=${home.pid}`, '--fsize=65536:']);
  const outcome = await until('a write fails', async () => {
    const tried = await create(home, 'second');
    return tried.code !== 0 && tried;
  });
  assert.match(outcome.stderr, /disk I\/O error|the store stopped/);
  await run('prlimit', [`--pid=${home.pid}`, '--fsize=unlimited:']);
  assert.notEqual((await create(home, 'third')).code, 0, 'a later success would be no proof');
  assert.match(await ready(home), /\[-\]store failed: the disk failed/);
  assert.equal((await home.kubectl('1.35', ['get', 'configmap', 'first', '-o', 'name'])).code, 0);
  await home.stop('SIGKILL');
  await home.start();
  assert.equal((await home.kubectl('1.35', ['get', 'configmap', 'first', '-o', 'name'])).code, 0);
  assert.equal(
    (await home.kubectl('1.35', ['get', 'configmap', 'third', '--ignore-not-found'])).stdout,
    '',
  );
  assert.equal((await create(home, 'fourth')).code, 0);
});
