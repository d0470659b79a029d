// A home is backed up while it is written to, and goes on elsewhere and in its own place; what is wrong is told, and changes nothing.

import assert from 'node:assert/strict';
import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestHome } from './support/home.ts';
import type { Outcome } from './support/kubectl.ts';

function map(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
}

const secret = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'word' },
  stringData: { is: 'sesame' },
});

async function names(home: TestHome): Promise<readonly string[]> {
  const { stdout } = await home.kubectl('1.35', ['get', 'configmap', '-o', 'name']);
  return stdout.split('\n').filter((line) => /\/made-/.test(line));
}

function refused(outcome: Outcome, code: string): void {
  assert.equal(outcome.code, 1, outcome.stdout);
  assert.match(outcome.stderr, new RegExp(`\\(${code}\\)\\n {2}\\S`));
}

const maps = '/api/v1/namespaces/default/configmaps';

async function revisionOf(home: TestHome): Promise<number> {
  const { stdout } = await home.kubectl('1.35', ['get', '--raw', maps]);
  return Number(JSON.parse(stdout).metadata.resourceVersion);
}

test('a home goes on from its backup', { timeout: 180_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'tweendeck-backup-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'home.tar');
  const damaged = join(folder, 'damaged.tar');
  await using home = await TestHome.open();
  await home.kubectl('1.35', ['apply', '-f', '-'], map('made-1'));
  await home.kubectl('1.35', ['apply', '-f', '-'], secret);

  await context.test('which is taken while it runs', async () => {
    const outcome = await home.tweendeck(['backup', file]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    refused(await home.tweendeck(['backup', file]), 'BACKUP_EXISTS');
    const check = await home.tweendeck(['backup', '--check', file]);
    assert.equal(check.code, 0, check.stderr);
    assert.match(check.stdout, /revision {3}\d+\n {2}objects {4}\d+\n {2}keys {7}with$/m);
    const left = (await readdir(home.directory)).filter((name) => name.startsWith('.backup'));
    assert.deepEqual(left, [], 'the copy is removed');
  });

  await context.test('whose damage is found', async () => {
    for (const { code, damage } of [
      { code: 'BACKUP_DAMAGED', damage: () => truncate(damaged, 100_000) },
      {
        code: 'BACKUP_DAMAGED',
        damage: async () => {
          const bytes = await readFile(damaged);
          bytes[150_000] = (bytes[150_000] ?? 0) ^ 1;
          await writeFile(damaged, bytes);
        },
      },
      { code: 'BACKUP_UNKNOWN', damage: () => copyFile(home.kubeconfig, damaged) },
      { code: 'CLI_FILE_UNREADABLE', damage: () => rm(damaged) },
    ]) {
      await copyFile(file, damaged);
      await damage().catch((error: unknown) => assert.fail(String(error)));
      const target = join(folder, 'target');
      const outcome = await home.tweendeck(['restore', damaged, `--data-dir=${target}`]);
      const known = code === 'BACKUP_UNKNOWN' ? /BACKUP_(UNKNOWN|DAMAGED)/ : new RegExp(code);
      assert.equal(outcome.code, 1);
      assert.match(outcome.stderr, known);
      const left = (await readdir(target)).filter(
        (name) => !['agent', 'certificates'].includes(name),
      );
      assert.deepEqual(left, [], 'nothing half-done');
    }
  });

  await context.test('in its own place, with what it was kept beside', async () => {
    const watchedRevision = await revisionOf(home);
    await home.kubectl('1.35', ['apply', '-f', '-'], map('made-2'));
    refused(
      await home.tweendeck(['restore', file, '--force', `--data-dir=${home.directory}`]),
      'STORE_IN_USE',
    );
    assert.equal((await names(home)).length, 2);
    const lastRevision = await revisionOf(home);
    await home.stop();
    refused(
      await home.tweendeck(['restore', file, `--data-dir=${home.directory}`]),
      'HOME_NOT_EMPTY',
    );
    const outcome = await home.tweendeck([
      'restore',
      file,
      '--force',
      `--data-dir=${home.directory}`,
    ]);
    assert.equal(outcome.code, 0, outcome.stderr);
    await home.start();
    assert.deepEqual(await names(home), ['configmap/made-1']);
    assert.ok((await revisionOf(home)) > lastRevision + 1e8, 'versions go on far above');
    const watch = await home.kubectl('1.35', [
      'get',
      '--raw',
      `/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=2&resourceVersion=${watchedRevision}`,
    ]);
    assert.match(watch.stdout, /"code":410/, 'who watched is told to begin anew');
    assert.ok((await readdir(join(home.directory, 'replaced-1'))).includes('state.db'));
    const word = await home.kubectl('1.35', ['get', 'secret', 'word', '-o', 'jsonpath={.data.is}']);
    assert.equal(Buffer.from(word.stdout, 'base64').toString(), 'sesame');
  });

  await context.test('taken while it does not run, and without keys', async () => {
    await home.stop();
    const keyless = join(folder, 'keyless.tar');
    const target = `--data-dir=${home.directory}`;
    const outcome = await home.tweendeck(['backup', keyless, '--without-keys', target]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /Without keys/);
    const text = (await readFile(keyless)).toString('latin1');
    assert.ok(!text.includes('PRIVATE KEY') && !text.includes('sesame'));
    const restored = await home.tweendeck(['restore', keyless, '--force', target]);
    assert.equal(restored.code, 0, restored.stderr);
    await home.start();
    assert.deepEqual(
      await names(home),
      ['configmap/made-1'],
      'the keys that were there are still used',
    );
  });

  await context.test('but not from one that was cut short', async () => {
    await home.stop();
    await writeFile(join(home.directory, 'restore-unfinished'), `${home.directory}/replaced-1\n`);
    home.spawn();
    assert.equal((await home.exited()).code, 1);
    assert.match(home.stderr, /HOME_RESTORE_UNFINISHED/);
    const again = await home.tweendeck(['restore', file, `--data-dir=${home.directory}`]);
    assert.equal(again.code, 0, again.stderr);
    await home.start();
    assert.deepEqual(await names(home), ['configmap/made-1']);
  });
});

test('a home with a damaged record says which, and starts without it when told to', {
  timeout: 120_000,
}, async () => {
  await using home = await TestHome.open();
  await home.kubectl('1.35', ['apply', '-f', '-'], map('made-1'));
  await home.kubectl('1.35', ['apply', '-f', '-'], map('made-2'));
  await home.stop();
  const path = join(home.directory, 'state.db');
  const bytes = await readFile(path);
  const at = bytes.lastIndexOf('"name":"made-2"');
  assert.ok(at > 0);
  bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 4;
  await writeFile(path, bytes);
  home.spawn();
  assert.equal((await home.exited()).code, 1);
  assert.match(
    home.stderr,
    /configmaps\/default\/made-2 \(revision \d+\)[\s\S]*STORE_RECORDS_DAMAGED[\s\S]*set/,
  );
  await home.start({ args: ['--set-aside-damaged'] });
  assert.deepEqual(await names(home), ['configmap/made-1']);
  await home.stop();
  await home.start();
  assert.deepEqual(await names(home), ['configmap/made-1']);
});
