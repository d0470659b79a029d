// What the network and the operator do to a data plane: classes 31, 32, 39 to 42 as far as they are its own, and 45.

import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import { type CacheProcess, startCacheProcess } from './support/cache-process.ts';
import { RawConnection, startCacheRig } from './support/cache-rig.ts';
import { EditorClient } from './unity-clients.ts';

const id = Buffer.alloc(32, 0x41);
const entry = { guid: Buffer.alloc(16, 0x61), hash: Buffer.alloc(16, 0x62) };
const files = { a: Buffer.alloc(300_000, 1), i: Buffer.alloc(50, 2), r: Buffer.alloc(70_000, 3) };
const version = Buffer.from('000000fe');
const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
const local = { address: '127.0.0.1:0' };
const document = (more: object = {}): object => ({
  namespaces: [
    { name: 'main', directory: 'main', storage: '128Mi', memory: '8Mi', listen: [local] },
  ],
  status: { address: '127.0.0.1:0' },
  ...more,
});
const portOf = (cache: CacheProcess): number => cache.ports[0] ?? 0;

test('class 31: a reader and an uploader of a few bytes a second are cut, others go on', async () => {
  await using rig = await startCacheRig({
    readerTimeoutMs: 1_000,
    uploadTimeoutMs: 1_000,
    uploadBytesMin: 100,
  });
  const witness = await EditorClient.connect('127.0.0.1', rig.port);
  await witness.store(entry, files);
  using filler = await RawConnection.open(rig.port);
  await filler.send(
    bytesOf(
      version,
      unityCacheBegin(id),
      unityCachePut('a', 8_000_000),
      Buffer.alloc(8_000_000),
      'te',
      unityCacheGet('i', id),
    ),
  );
  await filler.expect(8 + 34);
  using uploader = await RawConnection.open(rig.port);
  await uploader.send(
    bytesOf(version, unityCacheBegin(Buffer.alloc(32, 9)), unityCachePut('a', 1_000)),
  );
  using reader = await RawConnection.open(rig.port);
  reader.socket.pause();
  await reader.send(bytesOf(version, ...Array.from({ length: 10 }, () => unityCacheGet('a', id))));
  let dripping = true;
  const drip = (async () => {
    while (dripping) {
      if (!uploader.socket.destroyed) uploader.socket.write('x');
      reader.socket.read(1);
      await sleep(50);
    }
  })();
  try {
    await rig.until(
      'both cut',
      () => rig.closings('slow-upload') === 1 && rig.closings('stalled-reader') === 1,
    );
  } finally {
    dripping = false;
    await drip;
  }
  assert.deepEqual(await witness.find(entry), files);
  witness.close();
  filler.socket.destroy();
  await rig.assertNothingLeft();
});

test('class 32: 10 000 idle connections cost little, and a client among them is served', async () => {
  await using cache = await startCacheProcess(() => document());
  const before = cache.residentBytes();
  const sockets: Socket[] = [];
  try {
    const openOne = async (): Promise<void> => {
      const socket = connect({ host: '127.0.0.1', port: portOf(cache) });
      sockets.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('data', () => resolve());
        socket.write(version);
      });
    };
    for (let opened = 0; opened < 10_000; opened += 500) {
      await Promise.all(Array.from({ length: 500 }, openOne)); // a storm of its own
    }
    const client = await EditorClient.connect('127.0.0.1', portOf(cache));
    await client.store(entry, files);
    assert.deepEqual(await client.find(entry), files);
    assert.equal((await cache.stats()).server.connectionsOpen, 10_001);
    const each = (cache.residentBytes() - before) / 10_000;
    assert.ok(each < 24 * 1_024, `${Math.round(each)} bytes for an idle connection`);
    client.close();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await cache.until('all gone', async () => (await cache.stats()).server.connectionsOpen === 0);
});

test('class 32: with few descriptors clients are turned away before files are, and come in when others leave', async () => {
  await using cache = await startCacheProcess(() => document(), { descriptorsMax: 120 });
  const witness = await EditorClient.connect('127.0.0.1', portOf(cache));
  await witness.store(entry, files);
  assert.deepEqual(await witness.find(entry), files);
  const sockets: Socket[] = [];
  let refused = 0;
  for (let count = 0; count < 200; count++) {
    const socket = connect({ host: '127.0.0.1', port: portOf(cache) });
    socket.on('error', () => refused++);
    socket.on('end', () => refused++);
    sockets.push(socket);
  }
  await cache.until('many refused', async () => {
    const { closings } = (await cache.stats()).server;
    return refused > 50 && (closings['too-many-connections'] ?? 0) > 50;
  });
  assert.deepEqual(await witness.find(entry), files);
  for (let number = 0; number < 20; number++) {
    const small = { guid: entry.guid, hash: Buffer.alloc(16, number + 1) };
    await witness.store(small, { a: Buffer.alloc(100, number) });
    assert.equal((await witness.find(small)).a?.[0], number);
  }
  const large = { guid: entry.guid, hash: Buffer.alloc(16, 99) };
  await witness.store(large, { a: Buffer.alloc(3_000_000, 9) });
  assert.equal((await witness.find(large)).a?.length, 3_000_000);
  assert.deepEqual(await witness.find(entry), files);
  for (const socket of sockets) socket.destroy();
  await cache.until('served again', async () => {
    try {
      const late = await EditorClient.connect('127.0.0.1', portOf(cache));
      const found = await late.find(entry);
      late.close();
      return found.a?.length === files.a.length;
    } catch {
      return false;
    }
  });
  witness.close();
});

/** Stands between client and server and cuts what it passes into pieces of another length. */
async function startRecutter(
  target: number,
  pieceBytes: number,
): Promise<{ server: Server; port: number }> {
  const pipe = (from: Socket, to: Socket): void => {
    let held = Buffer.alloc(0);
    from.on('data', (chunk: Buffer) => {
      if (pieceBytes === 1) {
        for (const byte of chunk.subarray(0, 3_000)) to.write(Buffer.from([byte]));
        if (chunk.length > 3_000) to.write(chunk.subarray(3_000));
        return;
      }
      held = Buffer.concat([held, chunk]);
      for (; held.length >= pieceBytes; held = held.subarray(pieceBytes))
        to.write(held.subarray(0, pieceBytes));
      setImmediate(() => {
        if (held.length === 0) return;
        to.write(held);
        held = Buffer.alloc(0);
      });
    });
    from.on('end', () => setImmediate(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroySoon());
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({
      host: '127.0.0.1',
      port: target,
      noDelay: true,
      allowHalfOpen: true,
    });
    pipe(client, upstream);
    pipe(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

for (const pieceBytes of [1, 65_536]) {
  test(`class 42: a proxy that cuts packets anew to ${pieceBytes} bytes changes nothing`, async () => {
    await using rig = await startCacheRig();
    const { server, port } = await startRecutter(rig.port, pieceBytes);
    try {
      for (let round = 0; round < 3; round++) {
        const client = await EditorClient.connect('127.0.0.1', port);
        const key = { guid: entry.guid, hash: Buffer.alloc(16, round + 1) };
        await client.store(key, files);
        assert.deepEqual(await client.find(key), files);
        assert.deepEqual(await client.find({ guid: entry.guid, hash: Buffer.alloc(16, 77) }), {});
        client.close();
      }
    } finally {
      server.close();
    }
    await rig.assertNothingLeft();
  });
}

test('class 42: who shut only one side gets its answers; whoever is silent is watched by the kernel', async () => {
  await using cache = await startCacheProcess(() => document());
  using half = await RawConnection.open(portOf(cache));
  await half.send(bytesOf(version, unityCacheGet('a', id), unityCacheGet('i', id)));
  half.socket.end();
  assert.equal((await half.untilClosed()).length, 8 + 68);
  using idle = await RawConnection.open(portOf(cache));
  await idle.send(version);
  await idle.expect(8);
  const { execFileSync } = await import('node:child_process');
  const sockets = execFileSync('ss', [
    '-Htno',
    'state',
    'established',
    `sport = :${portOf(cache)}`,
  ]).toString();
  assert.match(sockets, /timer:\(keepalive/);
});

test('class 45: SIGTERM lets a download and an upload finish, ends the idle, and has a deadline', async () => {
  await using cache = await startCacheProcess(() => document({ drain: '3s' }));
  const port = portOf(cache);
  const client = await EditorClient.connect('127.0.0.1', port);
  const large = { guid: entry.guid, hash: Buffer.alloc(16, 5) };
  await client.store(large, { a: Buffer.alloc(20_000_000, 8) });
  await client.find(entry);
  const download = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const largeId = Buffer.concat([large.guid, large.hash]);
  download.pause();
  download.write(bytesOf(version, unityCacheGet('a', largeId)));
  let downloaded = 0;
  download.on('data', (chunk: Buffer) => {
    downloaded += chunk.length;
  });
  download.pause();
  using upload = await RawConnection.open(port);
  await upload.send(bytesOf(version, unityCacheBegin(id), unityCachePut('a', 4), 'ab'));
  await upload.expect(8);
  using stuck = await RawConnection.open(port);
  await stuck.send(bytesOf(version, unityCacheBegin(id), unityCachePut('a', 4), 'ab'));
  await cache.until(
    'the download began',
    async () => (await cache.stats()).server.connectionsOpen === 4,
  );
  const told = performance.now();
  cache.signal('SIGTERM');
  await cache.until('not ready', async () => (await cache.ask('/readyz')).status === 503);
  await upload.send(bytesOf('cdte', unityCacheGet('a', id)));
  const answer = await upload.expect(54);
  assert.equal(answer.subarray(-4).toString(), 'abcd');
  download.resume();
  await new Promise((resolve) => download.once('end', resolve));
  download.destroy();
  assert.equal(downloaded, 8 + 50 + 20_000_000);
  assert.deepEqual(await cache.ended, { code: 0, signal: null });
  const tookMs = performance.now() - told;
  assert.ok(tookMs > 2_500 && tookMs < 20_000, `${tookMs} ms, with a client that is stuck`);
  client.close();
});

test('class 45: SIGHUP reads the document again, and keeps what was when it is wrong', async () => {
  await using cache = await startCacheProcess(() => document());
  using connection = await RawConnection.open(portOf(cache));
  await connection.send(
    bytesOf(version, unityCacheBegin(id), unityCachePut('i', 1), 'x', 'te', unityCacheGet('i', id)),
  );
  assert.equal((await connection.expect(8 + 51)).at(-1), 0x78);
  cache.write({ namespaces: 'none' });
  cache.signal('SIGHUP');
  const said = (message: string) => cache.lines.find((line) => line['message'] === message);
  await cache.until('the complaint', () => said('configuration not reloaded') !== undefined);
  assert.match(
    String(said('configuration not reloaded')?.['error']),
    /namespaces: "none" is no list/,
  );
  const readOnly = {
    name: 'main',
    directory: 'main',
    storage: '128Mi',
    memory: '8Mi',
    listen: [{ ...local, readOnly: true }],
  };
  cache.write(document({ namespaces: [readOnly] }));
  cache.signal('SIGHUP');
  await cache.until('the reload', () => said('configuration reloaded') !== undefined);
  await connection.send(
    bytesOf(unityCacheBegin(id), unityCachePut('i', 1), 'y', 'te', unityCacheGet('i', id)),
  );
  assert.equal((await connection.expect(51)).at(-1), 0x78, 'who is there may not put any more');
});

test('class 45: figures are told while clients load the server', async () => {
  await using cache = await startCacheProcess(() => document());
  let loading = true;
  const clients = Array.from({ length: 8 }, async (_, number) => {
    const client = await EditorClient.connect('127.0.0.1', portOf(cache));
    const key = { guid: entry.guid, hash: Buffer.alloc(16, number + 1) };
    let rounds = 0;
    for (; loading; rounds++) {
      await client.store(key, files);
      assert.deepEqual(await client.find(key), files);
    }
    client.close();
    return rounds;
  });
  for (let scrape = 0; scrape < 50; scrape++) {
    const asked = performance.now();
    const text = await (await cache.ask('/metrics')).text();
    assert.match(text, /tweendeck_cache_put_commit_duration_seconds_count/);
    assert.ok(performance.now() - asked < 5_000);
  }
  loading = false;
  const rounds = await Promise.all(clients);
  assert.ok(
    rounds.every((count) => count > 0),
    rounds.join(' '),
  );
});
