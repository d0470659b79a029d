// A few thousand real files through the platform's cache: imported, read back, and read back again after kill -9.

import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestHome } from './support/home.ts';

const modules = join(import.meta.dirname, '..', 'node_modules');

test('an import of the repository’s own modules survives kill -9', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const server = `--server=127.0.0.1:${home.cachePort}`;
  const file = join(home.directory, 'export.json');
  const made = await home.tweendeck(['cache', 'export', modules, '-o', file, '--files-max=3000']);
  assert.equal(made.code, 0, made.stderr);
  const { transactions } = JSON.parse(await readFile(file, 'utf8'));
  assert.ok(transactions.length > 1_000, `${transactions.length} transactions`);

  const imported = await home.tweendeck(['cache', 'import', file, '--verify', server]);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match(
    imported.stdout,
    new RegExp(`${transactions.length} of ${transactions.length} transactions`),
  );

  await home.stop('SIGKILL');
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const again = await home.tweendeck(['cache', 'import', file, '--verify-only', server]);
  assert.equal(again.code, 0, again.stderr);
  const stats = JSON.parse((await home.tweendeck(['cache', 'stats', '-o', 'json'])).stdout);
  assert.ok(JSON.stringify(stats).includes('"keys":'));
});

test('an import that loses something says what, and ends with 1', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const server = `--server=127.0.0.1:${home.cachePort}`;
  const tree = join(home.directory, 'tree');
  await mkdir(tree);
  for (const name of ['kept', 'changed', 'missing'])
    await writeFile(join(tree, name), `content of ${name}`);
  const file = join(home.directory, 'export.json');
  assert.equal((await home.tweendeck(['cache', 'export', tree, '-o', file])).code, 0);
  await appendFile(join(tree, 'changed'), ' and more');
  await cp(join(tree, 'kept'), join(tree, 'other'));
  await rm(join(tree, 'missing'));
  // The export holds whole seconds: make sure that the change shows there.
  const { utimes } = await import('node:fs/promises');
  await utimes(join(tree, 'changed'), 1_000, 1_000);
  const outcome = await home.tweendeck(['cache', 'import', file, '--verify', server]);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /changed/);
  assert.match(outcome.stderr, /missing/);
  assert.match(outcome.stdout, /1 of 3 transactions/);
});
