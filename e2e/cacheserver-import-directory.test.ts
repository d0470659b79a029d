// A directory as Unity's own cache server leaves it, brought into a real data plane.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CacheClient, importDirectory } from '@tweendeck/cacheserver';
import { clockOf } from '@tweendeck/std';
import { startCacheRig } from './support/cache-rig.ts';

const clock = clockOf(globalThis);
const signal = new AbortController().signal;
const host = '127.0.0.1';

/** A guid as the peer names it: each byte of `bytes` with its two digits swapped. */
function peerGuid(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .map(([high, low]) => `${low}${high}`)
    .join('');
}

function idOf(number: number): Buffer {
  const id = Buffer.alloc(32, 0x1f);
  id.writeUInt32BE(number * 0x01010101, 0);
  id.writeUInt32BE(number, 28);
  return id;
}

/** The peer's path of a file: folder, guid with swapped digits, plain hash. */
function pathOf(id: Buffer, ending: 'bin' | 'info' | 'resource'): string {
  const guid = peerGuid(id.subarray(0, 16));
  return join(guid.slice(0, 2), `${guid}-${id.toString('hex', 16)}.${ending}`);
}

function tree(
  files: Readonly<Record<string, Buffer | string>>,
): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'peer-cache-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test('a directory of the peer comes over whole, and what is no value is told', async () => {
  await using rig = await startCacheRig();
  const files: Record<string, Buffer | string> = {
    'cache.db': '{}',
    '8f14e45f-ceea-467f-a9ed-2b2f1a2b3c4d': 'half an upload',
    'notes.txt': 'mine',
    '.unreliable/x/y/z.bin': 'old',
    'ab/readme': 'mine too',
  };
  for (let key = 1; key <= 40; key++) {
    files[pathOf(idOf(key), 'bin')] = Buffer.alloc(key * 9_000, key);
    if (key % 2 === 0) files[pathOf(idOf(key), 'info')] = Buffer.alloc(key, key);
    if (key % 5 === 0) files[pathOf(idOf(key), 'resource')] = Buffer.alloc(key * 2, key);
  }
  const misplaced = join('ab', pathOf(idOf(41), 'bin').slice(3));
  files[misplaced] = Buffer.from('nobody finds it');
  using source = tree(files);
  const folders: string[] = [];
  const result = await importDirectory(
    {
      directory: source.root,
      host,
      port: rig.port,
      verify: 'content',
      onFolder: ({ folder }) => folders.push(folder),
      clock,
    },
    signal,
  );
  assert.deepEqual(result.losses, []);
  assert.deepEqual([result.transactions, result.storedTransactions], [40, 40]);
  assert.equal(result.sentFiles, 40 + 20 + 8);
  assert.deepEqual(folders, [...folders].sort());
  assert.deepEqual(
    Object.fromEntries(result.leftovers.map(({ path, leftover }) => [path, leftover])),
    {
      'cache.db': 'books',
      '8f14e45f-ceea-467f-a9ed-2b2f1a2b3c4d': 'unfinished-upload',
      'notes.txt': 'foreign',
      '.unreliable': 'unreliable-version',
      'ab/readme': 'foreign',
      [misplaced]: 'misplaced',
    },
  );
  using client = await CacheClient.connect({ host, port: rig.port, clock }, signal);
  for (let key = 1; key <= 40; key++) {
    const id = idOf(key);
    assert.deepEqual(await client.get({ id, type: 'a' }, signal), Buffer.alloc(key * 9_000, key));
    const info = await client.get({ id, type: 'i' }, signal);
    assert.deepEqual(info, key % 2 === 0 ? Buffer.alloc(key, key) : undefined);
  }
});

test('an import of a directory goes on where another ended, and says what is lost', async () => {
  await using rig = await startCacheRig();
  using source = tree({
    [pathOf(idOf(1), 'bin')]: 'one',
    [pathOf(idOf(2), 'bin')]: 'two',
    [pathOf(idOf(2), 'info')]: '',
    [pathOf(idOf(3), 'bin')]: 'three',
  });
  const folderOf = (key: number): string => pathOf(idOf(key), 'bin').slice(0, 2);
  const options = { directory: source.root, host, port: rig.port, clock };
  const rest = await importDirectory({ ...options, from: folderOf(2) }, signal);
  assert.equal(rest.transactions, 2);
  assert.deepEqual(
    rest.losses.map(({ guid, reason, path }) => [guid, reason, path]),
    [[peerGuid(idOf(2).subarray(0, 16)), 'empty', join(source.root, pathOf(idOf(2), 'info'))]],
  );
  using client = await CacheClient.connect({ host, port: rig.port, clock }, signal);
  assert.equal(await client.get({ id: idOf(1), type: 'a' }, signal), undefined);
  assert.equal(await client.get({ id: idOf(2), type: 'a' }, signal), undefined);
  assert.deepEqual(await client.get({ id: idOf(3), type: 'a' }, signal), Buffer.from('three'));
});

test('a directory that is not there is told, and a server that ends loses what it did not keep', async () => {
  const options = { directory: '/nonexistent', host, port: 1, clock };
  await assert.rejects(importDirectory(options, signal), { code: 'CACHE_IMPORT_UNREADABLE' });
  using source = tree({ [pathOf(idOf(1), 'bin')]: 'one' });
  await assert.rejects(importDirectory({ ...options, directory: source.root }, signal), {
    code: 'CACHE_CONNECT_FAILED',
  });
});
