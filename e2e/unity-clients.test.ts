// Unity's own clients against a CacheServer that the platform runs: filled by a build and by an editor, read by both,
// over a restart of the platform and over its death.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestHome } from './support/home.ts';
import { BuildPipelineClient, EditorClient, type UnityEntry } from './unity-clients.ts';

const count = 2_000;

function entryOf(number: number, kind: number): UnityEntry {
  const guid = Buffer.alloc(16, kind);
  guid.writeUInt32LE(number, 4);
  return { guid, hash: Buffer.alloc(16, kind + 1) };
}

const infoOf = (number: number): Buffer => Buffer.alloc(600 + (number % 7), number % 251);
const resourceOf = (number: number): Buffer => Buffer.alloc(3_000 + (number % 11), number % 241);
const assetOf = (number: number): Buffer => Buffer.alloc(50_000 + number, number % 239);

/** Everything is asked for at once, answered in order, and equal to the byte. */
async function checkAll(port: number): Promise<void> {
  const build = await BuildPipelineClient.connect('127.0.0.1', port);
  const answers = await build.download(
    Array.from({ length: count }, (_, number) => entryOf(number, 3)),
  );
  for (const [number, { i, r }] of answers.entries()) {
    assert.ok(i?.equals(infoOf(number)), `info ${number}`);
    assert.ok(r?.equals(resourceOf(number)), `resource ${number}`);
  }
  build.close();
  const editor = await EditorClient.connect('127.0.0.1', port);
  for (let number = 0; number < 50; number++) {
    const found = await editor.find(entryOf(number, 5));
    assert.ok(found.a?.equals(assetOf(number)), `asset ${number}`);
    assert.ok(found.i?.equals(infoOf(number)), `info ${number}`);
  }
  assert.deepEqual(await editor.find(entryOf(count + 1, 5)), {});
  editor.close();
}

test('a Unity build and an editor fill and read a cache that the platform runs', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  const build = await BuildPipelineClient.connect('127.0.0.1', home.cachePort);
  for (let number = 0; number < count; number++) {
    build.upload(entryOf(number, 3), infoOf(number), resourceOf(number));
  }
  await build.download([entryOf(count + 1, 3)]); // behind all uploads
  build.close();
  const editor = await EditorClient.connect('127.0.0.1', home.cachePort);
  for (let number = 0; number < 50; number++) {
    await editor.store(entryOf(number, 5), { a: assetOf(number), i: infoOf(number) });
  }
  editor.close();
  await checkAll(home.cachePort);

  assert.deepEqual(await home.stop('SIGINT'), { code: 0, signal: null });
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  await checkAll(home.cachePort);

  await home.stop('SIGKILL');
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  await checkAll(home.cachePort);
});
