// The client and the importer against real and against misbehaving servers.

import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CacheClient,
  type ExportFile,
  importTransactions,
  makeExport,
} from '@tweendeck/cacheserver';
import { clockOf } from '@tweendeck/std';
import { parseUnityCacheId } from '@tweendeck/wire';
import { startCacheRig } from './support/cache-rig.ts';

const clock = clockOf(globalThis);
const signal = new AbortController().signal;
const host = '127.0.0.1';

/** A directory with these files, removed when disposed. */
function tree(
  files: Readonly<Record<string, string | Buffer>>,
): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'cache-tree-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

/** A server that does `answer` with every connection. */
async function startFake(
  answer: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

test('an import of a tree is read back whole, byte for byte', async () => {
  await using rig = await startCacheRig();
  using source = tree({ 'a.txt': 'hello', 'b/c.bin': Buffer.alloc(700_000, 9), 'b/empty': '' });
  const file = await makeExport({ root: source.root }, signal);
  assert.deepEqual(
    file.transactions.map(({ assetPath }) => assetPath),
    ['a.txt', 'b/c.bin'],
  );
  const progress: number[] = [];
  const onProgress = ({ doneTransactions }: { doneTransactions: number }): unknown =>
    progress.push(doneTransactions);
  const options = { file, host, port: rig.port, clock, verify: 'content', onProgress } as const;
  const result = await importTransactions(options, signal);
  assert.deepEqual(result.losses, []);
  assert.deepEqual(
    [result.storedTransactions, result.sentFiles, result.sentBytes],
    [2, 2, 700_005],
  );
  assert.deepEqual(progress, [2]);
  const { guid = '', hash = '' } = file.transactions[1] ?? {};
  const id = parseUnityCacheId(guid, hash);
  assert.ok(id);
  const client = await CacheClient.connect({ host, port: rig.port, clock }, signal);
  assert.deepEqual(await client.get({ id, type: 'a' }, signal), Buffer.alloc(700_000, 9));
  assert.equal(await client.get({ id, type: 'r' }, signal), undefined);
  client.quit();
  await rig.assertNothingLeft();
});

test('an import says of each asset that it lost why, and stores the others', async () => {
  await using rig = await startCacheRig();
  using source = tree({ good: 'good', gone: 'gone', changed: 'changed', emptied: 'x', good2: 'z' });
  const made = await makeExport({ root: source.root }, signal);
  rmSync(join(source.root, 'gone'));
  utimesSync(join(source.root, 'changed'), 1_000, 1_000);
  writeFileSync(join(source.root, 'emptied'), '');
  const file: ExportFile = {
    ...made,
    transactions: [
      ...made.transactions,
      {
        assetPath: 'directory',
        guid: '1'.repeat(32),
        hash: '2'.repeat(32),
        files: [{ type: 'a', path: '.', ts: 0 }],
      },
      { assetPath: 'nothing', guid: '3'.repeat(32), hash: '2'.repeat(32), files: [] },
      {
        assetPath: 'zero',
        guid: '3'.repeat(32),
        hash: '0'.repeat(32),
        files: [{ type: 'a', path: 'good', ts: 0 }],
      },
    ],
  };
  const lost = async (ignoreTimestamps: boolean): Promise<Record<string, string>> => {
    const options = { file, host, port: rig.port, clock, ignoreTimestamps };
    const { losses, storedTransactions } = await importTransactions(options, signal);
    assert.equal(storedTransactions, file.transactions.length - losses.length);
    return Object.fromEntries(losses.map(({ assetPath, reason }) => [assetPath, reason]));
  };
  const always = { gone: 'missing', nothing: 'no-files', directory: 'unreadable' };
  assert.deepEqual(await lost(true), { ...always, emptied: 'empty', zero: 'not-stored' });
  utimesSync(join(source.root, 'emptied'), 2_000, 2_000);
  assert.deepEqual(await lost(false), {
    ...always,
    changed: 'changed',
    emptied: 'changed',
    zero: 'changed',
  });
  await rig.assertNothingLeft();
});

test('a file that grows while it is read is not stored', async () => {
  await using rig = await startCacheRig();
  using source = tree({ growing: Buffer.alloc(5_000_000, 1), other: 'other' });
  const file = await makeExport({ root: source.root }, signal);
  const timer = setInterval(() => appendFileSync(join(source.root, 'growing'), 'x'), 1);
  const result = await importTransactions(
    { file, host, port: rig.port, clock, ignoreTimestamps: true },
    signal,
  );
  clearInterval(timer);
  const reasons = result.losses.map(({ assetPath, reason }) => `${assetPath} ${reason}`);
  assert.deepEqual(reasons, ['growing changed-while-reading']);
  assert.equal(rig.store.stats().keys, 1);
  await rig.assertNothingLeft();
});

test('a server that goes away in the middle is reported, and what was behind it as well', async () => {
  using source = tree(
    Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`f${index}`, `${index}`])),
  );
  const file = await makeExport({ root: source.root }, signal);
  await using fake = await startFake((socket) => {
    socket.write('000000fe');
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received > 200) socket.destroy();
    });
  });
  const result = await importTransactions({ file, host, port: fake.port, clock }, signal);
  assert.equal(result.storedTransactions, 0);
  assert.equal(result.losses.length, 200);
  assert.ok(result.losses.every(({ reason }) => reason === 'connection'));
});

for (const { name, answer, code } of [
  { name: 'refuses the version', answer: '00000000', code: 'CACHE_VERSION_REFUSED' },
  { name: 'speaks something else', answer: 'HTTP/1.1', code: 'CACHE_VERSION_REFUSED' },
  { name: 'says nothing', answer: '', code: 'CACHE_TIMEOUT' },
  {
    name: 'answers what was not asked',
    answer: `000000fe-a${'x'.repeat(32)}`,
    code: 'CACHE_REPLY_MALFORMED',
  },
  { name: 'answers nonsense', answer: '000000fe?', code: 'CACHE_REPLY_MALFORMED' },
]) {
  test(`a client of a server that ${name} fails with ${code}`, async () => {
    await using fake = await startFake((socket) => socket.write(answer));
    const ask = async (): Promise<void> => {
      using client = await CacheClient.connect(
        { host, port: fake.port, timeoutMs: 200, clock },
        signal,
      );
      await client.get({ id: Buffer.alloc(32, 1), type: 'i' }, signal);
    };
    await assert.rejects(ask(), { code });
  });
}

test('a client of nobody fails at once, and an aborted one as told', async () => {
  await assert.rejects(CacheClient.connect({ host, port: 1, clock }, signal), {
    code: 'CACHE_CONNECT_FAILED',
  });
  await using fake = await startFake((socket) => socket.write('000000fe'));
  const controller = new AbortController();
  using client = await CacheClient.connect({ host, port: fake.port, clock }, signal);
  const answer = client.get({ id: Buffer.alloc(32, 1), type: 'i' }, controller.signal);
  controller.abort(new Error('enough'));
  await assert.rejects(answer, /enough/);
});
