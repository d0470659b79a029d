import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findProgram, repositoryOf, standardCatalogue } from './catalogue.ts';

for (const [image, want] of [
  ['redis', 'redis'],
  ['redis:7.4', 'redis'],
  ['localhost:5000/a/redis', 'localhost:5000/a/redis'],
  ['localhost:5000/a/redis:7', 'localhost:5000/a/redis'],
  ['redis@sha256:abc', 'redis'],
  ['ghcr.io/x/y:1@sha256:abc', 'ghcr.io/x/y'],
] as const) {
  test(`the repository of ${image} is ${want}`, () => assert.equal(repositoryOf(image), want));
}

test('an image is looked up as one of ours, as a known one, and as a program of its name', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'catalogue-'));
  try {
    for (const name of ['redis-server', 'thing', 'data']) {
      await writeFile(join(directory, name), '#!/bin/sh\n');
      await chmod(join(directory, name), name === 'data' ? 0o644 : 0o755);
    }
    const own = { command: ['/own'] };
    const catalogue = standardCatalogue({
      path: `/nowhere:${directory}`,
      extra: { 'x.io/redis': own },
    });
    assert.equal(await catalogue.resolve('x.io/redis:1'), own);
    assert.deepEqual(await catalogue.resolve('docker.io/library/redis:7'), {
      command: [join(directory, 'redis-server')],
      args: ['--bind', '$(TWEENDECK_POD_IP)'],
    });
    assert.deepEqual(await catalogue.resolve('x.io/thing:1'), {
      command: [join(directory, 'thing')],
    });
    assert.deepEqual(await catalogue.resolve('nginx'), {
      missing: 'nginx',
      hint: 'apt-get install nginx-light',
    });
    assert.ok(
      'missing' in (await catalogue.resolve('data')),
      'a file that cannot be run is no program',
    );
    assert.ok('missing' in (await catalogue.resolve('constructor')));
    assert.equal(await findProgram(join(directory, 'thing'), ''), join(directory, 'thing'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
