// Namespaces and listeners of one process, who may do what there, and what a reload changes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type ReplayResult, replayRecordings } from '@tweendeck/cacheserver';
import { clockOf, isPlatformError } from '@tweendeck/std';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import { RawConnection } from './support/cache-rig.ts';
import { type Certificate, makeCertificate } from './support/certificates.ts';
import { type ConfiguredCache, startConfigured } from './support/configured-cache.ts';

const files = mkdtempSync(join(tmpdir(), 'cache-access-'));
after(() => rmSync(files, { recursive: true }));
const authority = makeCertificate(files, { name: 'authority' });
const stranger = makeCertificate(files, { name: 'stranger' });
const own = makeCertificate(files, { name: 'cache', authority, host: 'IP:127.0.0.1' });
const next = makeCertificate(files, { name: 'cache-next', authority, host: 'IP:127.0.0.1' });
const builder = makeCertificate(files, { name: 'builder', authority });
const reader = makeCertificate(files, { name: 'reader', authority });

const id = Buffer.alloc(32, 0x31);
const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
const version = Buffer.from('000000fe');
const put = (text: string, key = id): Buffer =>
  bytesOf(unityCacheBegin(key), unityCachePut('a', text.length), text, 'te');
const hit = (text: string): Buffer =>
  bytesOf('+a', text.length.toString(16).padStart(16, '0'), id, text);
const miss = bytesOf('-a', id);

/** Puts and gets in one go: whether it was stored. */
async function stores(connection: RawConnection, text = 'x'): Promise<boolean> {
  await connection.send(bytesOf(version, put(text), unityCacheGet('a', id)));
  assert.equal((await connection.expect(8)).toString(), '000000fe');
  const first = (await connection.expect(2)).toString();
  if (first === '-a') assert.deepEqual(await connection.expect(32), id);
  else assert.deepEqual(bytesOf(first, await connection.expect(48 + text.length)), hit(text));
  connection.socket.destroy();
  return first === '+a';
}

/** Whether the server ended it without an answer of the protocol. */
async function isShut(connection: RawConnection): Promise<boolean> {
  const answer = await connection.untilClosed();
  return answer.length === 0;
}

async function openTls(port: number, options: ConnectionOptions = {}): Promise<RawConnection> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.cert, ...options });
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return RawConnection.over(socket);
}

const shown = ({ cert, key }: Certificate) => ({ cert, key });
const one = (...listen: readonly object[]): object => ({
  namespaces: [{ name: 'main', directory: 'main', storage: '64Mi', listen }],
  status: { address: '127.0.0.1:0' },
  drain: '50ms',
});
const local = { address: '127.0.0.1:0' };
const start = (...listen: readonly object[]): Promise<ConfiguredCache> =>
  startConfigured(() => one(...listen));

test('namespaces keep their values and figures apart', async () => {
  await using cache = await startConfigured(() => ({
    namespaces: ['left', 'right'].map((name) => ({
      name,
      directory: name,
      storage: '16Mi',
      listen: ['127.0.0.1:0'],
    })),
    status: { address: '127.0.0.1:0' },
  }));
  using left = await RawConnection.open(cache.port(0));
  using right = await RawConnection.open(cache.port(1));
  await left.send(bytesOf(version, put('left'), unityCacheGet('a', id)));
  assert.deepEqual(await left.expect(8 + 54), bytesOf(version, hit('left')));
  await right.send(bytesOf(version, unityCacheGet('a', id)));
  assert.deepEqual(await right.expect(42), bytesOf(version, miss));
  const { namespaces, server, store } = cache.running.server.stats();
  assert.equal(namespaces['left']?.store.keys, 1);
  assert.equal(namespaces['right']?.store.keys, 0);
  assert.deepEqual([server.hits.a, server.misses.a, store.keys], [1, 1, 1]);
  const metrics = await (await cache.ask('/metrics')).text();
  assert.match(metrics, /^tweendeck_cache_hits_total\{namespace="left",type="a"\} 1$/m);
  assert.match(metrics, /^tweendeck_cache_misses_total\{namespace="right",type="a"\} 1$/m);
  assert.match(
    metrics,
    /^tweendeck_cache_get_hit_duration_seconds_count\{namespace="left",type="a"\} 1$/m,
  );
});

test('one namespace has a listener that takes puts and one that only reads', async () => {
  await using cache = await start(local, { ...local, readOnly: true });
  using readOnly = await RawConnection.open(cache.port(1));
  assert.equal(await stores(readOnly), false);
  using open = await RawConnection.open(cache.port(0));
  assert.equal(await stores(open), true);
  using again = await RawConnection.open(cache.port(1));
  assert.equal(await stores(again), true, 'what another stored is there to read');
  assert.equal(cache.running.server.stats().server.transactions['not-permitted'], 2);
});

for (const { putFrom, stored } of [
  { putFrom: ['127.0.0.0/8'], stored: true },
  { putFrom: ['::ffff:127.0.0.1'], stored: true },
  { putFrom: ['10.0.0.0/8', '::1'], stored: false },
]) {
  test(`a client of 127.0.0.1 ${stored ? 'may' : 'may not'} put from ${putFrom.join(', ')}`, async () => {
    await using cache = await start({ ...local, putFrom });
    using connection = await RawConnection.open(cache.port(0));
    assert.equal(await stores(connection), stored);
  });
}

test('a client of ::1 is told apart from one of 127.0.0.1 on the same listener', async () => {
  await using cache = await start({ address: '[::]:0', putFrom: ['::1'] });
  using v4 = await RawConnection.open(cache.port(0));
  assert.equal(await stores(v4), false);
  const socket = connectTcp({ host: '::1', port: cache.port(0), allowHalfOpen: true });
  using v6 = RawConnection.over(socket);
  assert.equal(await stores(v6), true);
});

const proxied = { ...local, proxyProtocol: { trusted: ['127.0.0.0/8'] }, putFrom: ['10.0.0.0/8'] };
const v1 = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 10.0.0.9 1234 8126\r\n`);
const v2 = (command: number, address: readonly number[]): Buffer =>
  bytesOf(
    '\r\n\r\n\0\r\nQUIT\n',
    Buffer.from([command, 0x11, 0, 15, ...address, 1, 2, 3, 4, 0, 1, 0, 2, 4, 0, 0]),
  );

for (const { name, header, stored } of [
  { name: 'version 1 from an address that may put', header: v1('10.1.2.3'), stored: true },
  { name: 'version 1 from one that may not', header: v1('11.1.2.3'), stored: false },
  { name: 'version 1 UNKNOWN', header: Buffer.from('PROXY UNKNOWN\r\n'), stored: false },
  {
    name: 'version 2 with a TLV from an address that may put',
    header: v2(0x21, [10, 1, 2, 3]),
    stored: true,
  },
  { name: 'version 2 from one that may not', header: v2(0x21, [11, 1, 2, 3]), stored: false },
  { name: 'version 2 LOCAL', header: v2(0x20, [10, 1, 2, 3]), stored: false },
]) {
  test(`class 4: PROXY ${name}, in one packet and byte by byte`, async () => {
    await using cache = await start(proxied);
    for (const bytes of [header.length, 1]) {
      using connection = await RawConnection.open(cache.port(0));
      for (let at = 0; at < header.length; at += bytes) {
        await connection.send(header.subarray(at, at + bytes));
        if (bytes === 1) await new Promise(setImmediate);
      }
      assert.equal(await stores(connection, `body${bytes}`), stored);
    }
    using whole = await RawConnection.open(cache.port(0));
    await whole.send(bytesOf(header, version, unityCacheGet('r', Buffer.alloc(32, 1))));
    assert.equal((await whole.expect(42)).toString('latin1', 8, 10), '-r');
  });
}

for (const { name, sent } of [
  { name: 'nothing of the kind', sent: bytesOf(version, put('x')) },
  { name: 'HTTP', sent: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
  { name: 'a bad address', sent: Buffer.from('PROXY TCP4 10.1.2.300 10.0.0.9 1 2\r\n') },
  { name: 'a line without end', sent: Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`) },
  {
    name: 'a version that is not there',
    sent: bytesOf('\r\n\r\n\0\r\nQUIT\n', Buffer.from([0x11, 0x11, 0, 0])),
  },
  {
    name: 'a length beyond all bounds',
    sent: bytesOf('\r\n\r\n\0\r\nQUIT\n', Buffer.from([0x21, 0x11, 0xff, 0xff])),
  },
]) {
  test(`class 4: where a PROXY header is due, ${name} ends the connection without an answer`, async () => {
    await using cache = await start(proxied);
    for (const packets of [
      [sent],
      Array.from(sent.subarray(0, 120), (_, at) => sent.subarray(at, at + 1)),
    ]) {
      using connection = await RawConnection.open(cache.port(0));
      await connection.send(...packets);
      assert.ok(await isShut(connection));
    }
    assert.equal(cache.closings('proxy-malformed'), 2);
  });
}

test('class 4: half a PROXY header is waited for as long as a version, and a stranger is never believed', async () => {
  const [listen] = [{ ...proxied, proxyProtocol: { trusted: ['192.0.2.1'] } }];
  await using cache = await startConfigured(() => ({
    ...one(proxied, listen),
    limits: { handshakeTimeout: '100ms' },
  }));
  using partial = await RawConnection.open(cache.port(0));
  await partial.send('PROXY TCP4 10.');
  assert.ok(await isShut(partial));
  assert.equal(cache.closings('handshake-timeout'), 1);
  using untrusted = await RawConnection.open(cache.port(1));
  await untrusted.send(v1('10.1.2.3'));
  assert.ok(await isShut(untrusted));
  assert.equal(cache.closings('proxy-untrusted'), 1);
  using left = await RawConnection.open(cache.port(0));
  await left.send('PROXY');
  left.socket.end();
  assert.ok(await isShut(left));
  await cache.until('all gone', () => cache.running.server.stats().server.connectionsOpen === 0);
});

test('who has just come through a proxy is served while the server stops, and nobody waits for who says nothing', async () => {
  await using cache = await start(proxied);
  using coming = await RawConnection.open(cache.port(0));
  using silent = await RawConnection.open(cache.port(0));
  const header = v1('10.1.2.3');
  await coming.send(header.subarray(0, 9));
  const { server } = cache.running;
  await cache.until('both are at the gate', () => server.stats().server.connectionsOpen === 2);
  const drained = server.drain(5_000);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  await coming.send(header.subarray(9));
  assert.equal(await stores(coming), true);
  assert.ok(await isShut(silent));
  await drained;
  assert.equal(cache.closings('drained'), 1);
});

const tls = { certificate: own.certificateFile, key: own.keyFile };
const withClients = { ...tls, clientCa: authority.certificateFile };

test('TLS: whole sessions, answers behind FIN, and large values', async () => {
  await using cache = await start({ ...local, tls });
  using connection = await openTls(cache.port(0));
  assert.equal(await stores(connection), true);
  using large = await openTls(cache.port(0));
  const body = Buffer.alloc(5_000_000, 7);
  await large.send(
    bytesOf(
      version,
      unityCacheBegin(id),
      unityCachePut('a', body.length),
      body,
      'te',
      unityCacheGet('a', id),
      unityCacheGet('a', id),
    ),
  );
  large.socket.end();
  const answer = await large.expect(8 + 2 * (50 + body.length));
  assert.ok(answer.subarray(58, 58 + body.length).equals(body));
  assert.ok(answer.subarray(-body.length).equals(body));
  using small = await openTls(cache.port(0));
  await small.send(
    bytesOf(version, ...Array.from({ length: 5_000 }, () => unityCacheGet('i', id))),
  );
  const misses = await small.expect(8 + 5_000 * 34);
  assert.ok(misses.subarray(-32).equals(id));
});

test('TLS: what is no handshake, a version that is too old and a client that falls silent are cut', async () => {
  await using cache = await startConfigured(() => ({
    ...one({ ...local, tls: { ...tls, minVersion: '1.3' } }),
    limits: { handshakeTimeout: '200ms' },
  }));
  using plain = await RawConnection.open(cache.port(0));
  await plain.send(bytesOf(version, put('x')));
  await plain.untilClosed();
  await assert.rejects(openTls(cache.port(0), { maxVersion: 'TLSv1.2' }));
  using silent = await RawConnection.open(cache.port(0));
  assert.ok(await isShut(silent));
  await cache.until(
    'all counted',
    () => cache.closings('tls-failed') === 2 && cache.closings('handshake-timeout') === 1,
  );
  using fine = await openTls(cache.port(0));
  assert.equal(await stores(fine), true);
});

test('TLS: a reader that stops is cut, and holds little meanwhile', async () => {
  await using cache = await startConfigured(() => ({
    ...one({ ...local, tls }),
    limits: { readerTimeout: '500ms' },
  }));
  using filler = await openTls(cache.port(0));
  assert.equal(await stores(filler, 'y'.repeat(4_000_000)), true);
  const before = process.memoryUsage().rss;
  using stopped = await openTls(cache.port(0));
  stopped.socket.pause();
  await stopped.send(
    bytesOf(version, ...Array.from({ length: 100 }, () => unityCacheGet('a', id))),
  );
  await cache.until('cut', () => cache.closings('stalled-reader') === 1);
  assert.ok(process.memoryUsage().rss - before < 100_000_000);
});

test('TLS: only clients with a certificate of the CA come in, and those of the list may put', async () => {
  await using cache = await start(
    { ...local, tls: { ...withClients, putNames: ['builder'] } },
    { ...local, tls: { ...withClients, clientCertificates: 'optional', putNames: ['builder'] } },
  );
  const closedWithout = async (options: ConnectionOptions): Promise<void> => {
    // With TLS 1.3 the client learns of its refusal only after its handshake.
    using refused = await openTls(cache.port(0), options);
    await refused.send(version);
    assert.ok(await isShut(refused));
  };
  await closedWithout({});
  await closedWithout(shown(stranger));
  await cache.until('both counted', () => cache.closings('tls-failed') === 2);
  for (const port of [cache.port(0), cache.port(1)]) {
    using other = await openTls(port, shown(reader));
    await other.send(
      bytesOf(version, put('z', Buffer.alloc(32, 5)), unityCacheGet('a', Buffer.alloc(32, 5))),
    );
    assert.equal((await other.expect(42)).toString('latin1', 8, 10), '-a');
  }
  using anybody = await openTls(cache.port(1));
  assert.equal(await stores(anybody), false);
  using unknown = await openTls(cache.port(1), shown(stranger));
  assert.equal(await stores(unknown), false);
  using permitted = await openTls(cache.port(0), shown(builder));
  assert.equal(await stores(permitted), true);
});

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
const tokens = [
  { name: 'ci', sha256: digest('let-me-put'), put: true },
  { name: 'editors', sha256: digest('let-me-read') },
];

test('a token is a line inside TLS; what it may counts, and a wrong one ends the connection', async () => {
  await using cache = await start(
    { ...local, tls, tokens },
    { ...local, tls, tokens, tokenRequired: true },
  );
  const say = async (at: number, line: string): Promise<RawConnection> => {
    const connection = await openTls(cache.port(at));
    await connection.send(line);
    return connection;
  };
  for (const port of [0, 1]) {
    using editor = await say(port, 'TWEENDECK-TOKEN let-me-read\n');
    assert.equal(await stores(editor), false);
    using wrong = await say(port, 'TWEENDECK-TOKEN let-me-putt\n');
    assert.ok(await isShut(wrong));
    using long = await say(port, `TWEENDECK-TOKEN ${'x'.repeat(300)}`);
    assert.ok(await isShut(long));
  }
  assert.equal(cache.closings('token-refused'), 4);
  using without = await say(0, '');
  assert.equal(await stores(without), false);
  using missing = await say(1, '000000fe');
  assert.ok(await isShut(missing));
  assert.equal(cache.closings('token-missing'), 1);
  using bytes = await openTls(cache.port(1));
  for (const letter of 'TWEENDECK-TOKEN let-me-put\n') await bytes.send(letter);
  assert.equal(await stores(bytes), true);
});

test('TLS behind a proxy: the header comes first, in the clear', async () => {
  await using cache = await start({ ...proxied, tls });
  const raw = (header: string): Socket => {
    const socket = connectTcp({ host: '127.0.0.1', port: cache.port(0) });
    socket.write(header);
    return socket;
  };
  for (const [address, stored] of [
    ['11.1.2.3', false],
    ['10.1.2.3', true],
  ] as const) {
    const socket = raw(`PROXY TCP4 ${address} 10.0.0.9 1 2\r\n`);
    using connection = await openTls(0, { socket });
    assert.equal(await stores(connection, address), stored);
  }
});

test('a reload changes who may do what for those who are there, and certificates for those who come', async () => {
  await using cache = await start({ ...local, tls });
  using there = await openTls(cache.port(0));
  await there.send(version);
  await there.expect(8);
  const kept = await cache.reload(
    one({
      ...local,
      readOnly: true,
      tls: { certificate: next.certificateFile, key: next.keyFile },
    }),
  );
  assert.deepEqual(kept, []);
  await there.send(bytesOf(put('late'), unityCacheGet('a', id)));
  assert.deepEqual(await there.expect(34), miss);
  const socket = connectTls({ host: '127.0.0.1', port: cache.port(0), ca: authority.cert });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  assert.equal(socket.getPeerCertificate().subject.CN, 'cache-next');
  socket.destroy();
});

test('a reload opens and closes listeners; clients of one that goes finish', async () => {
  await using cache = await start(local);
  const old = cache.port(0);
  using busy = await RawConnection.open(old);
  await busy.send(bytesOf(version, unityCacheBegin(id), unityCachePut('a', 3), 'ab'));
  await busy.expect(8);
  using idle = await RawConnection.open(old);
  await idle.send(version);
  await idle.expect(8);
  await cache.reload(one({ address: 'localhost:0', readOnly: true }));
  assert.notEqual(cache.port(0), old);
  await assert.rejects(
    new Promise((resolve, reject) =>
      connectTcp(old, '127.0.0.1', () => resolve(true)).on('error', reject),
    ),
  );
  await idle.untilClosed();
  await busy.send(bytesOf('cte', unityCacheGet('a', id)));
  assert.deepEqual(await busy.expect(53), hit('abc'));
  await busy.untilClosed();
  assert.equal(cache.closings('drained'), 2);
});

test('class 45: a reload that cannot be changes nothing, and says why', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const taken = typeof address === 'object' ? address?.port : 0;
  try {
    await using cache = await start(local);
    const before = cache.port(0);
    for (const { document, code, told } of [
      {
        document: one({ address: `127.0.0.1:${taken}` }),
        code: 'CACHE_LISTEN_FAILED',
        told: /EADDRINUSE|127\.0\.0\.1/,
      },
      {
        document: one({ ...local, tls: { certificate: 'no.crt', key: 'no.key' } }),
        code: 'CACHE_TLS_UNUSABLE',
        told: /no\.crt/,
      },
      {
        document: one({ ...local, tls: { certificate: own.certificateFile, key: next.keyFile } }),
        code: 'CACHE_TLS_UNUSABLE',
        told: /certificate/,
      },
      {
        document: one({ ...local, putFrom: ['x'] }),
        code: 'CACHE_CONFIG_INVALID',
        told: /namespaces\[0\]\.listen\[0\]\.putFrom\[0\]/,
      },
    ]) {
      await assert.rejects(
        async () => cache.reload(document),
        (error) => isPlatformError(error, code) && told.test(error.message),
      );
      assert.equal(cache.port(0), before);
    }
    await assert.rejects(
      start({ address: `127.0.0.1:${taken}` }),
      (error) =>
        isPlatformError(error, 'CACHE_LISTEN_FAILED') && error.message.includes(String(taken)),
    );
    using connection = await RawConnection.open(before);
    assert.equal(await stores(connection), true);
  } finally {
    holder.close();
  }
});

test('a reload tells what it keeps until the next start', async () => {
  await using cache = await start(local);
  const kept = await cache.reload({
    namespaces: [
      { name: 'main', directory: 'elsewhere', storage: '128Mi', listen: [local] },
      { name: 'more', directory: 'more', listen: [{ address: '127.0.0.1:0' }] },
    ],
    status: { address: '127.0.0.1:1' },
  });
  assert.equal(kept.length, 4, kept.join('; '));
  assert.ok(kept.some((what) => /namespace more comes up at the next start/.test(what)));
});

test('the ends of connections are logged as the document says, and what they used is ranked', async () => {
  await using cache = await startConfigured(() => ({ ...one(local), accessLog: { lines: 'all' } }));
  using connection = await RawConnection.open(cache.port(0));
  await connection.send(
    bytesOf(version, put('four'), unityCacheGet('a', id), unityCacheGet('i', id)),
  );
  await connection.expect(8 + 54 + 34);
  await connection.send('q');
  await connection.untilClosed();
  const lines = (): readonly Readonly<Record<string, unknown>>[] =>
    cache.lines.filter(({ message }) => message === 'connection ended');
  await cache.until('a line', () => lines().length === 1);
  const [line] = lines();
  const { client, namespace, reason, gets, hits, puts, receivedBytes, sentBytes } = line ?? {};
  assert.deepEqual(
    { client, namespace, reason, gets, hits, puts, receivedBytes, sentBytes },
    {
      client: '127.0.0.1',
      namespace: 'main',
      reason: 'quit',
      gets: 2,
      hits: 1,
      puts: 1,
      receivedBytes: 8 + 34 + 22 + 2 + 68 + 1,
      sentBytes: 96,
    },
  );
  const { topClients } = cache.running.server.stats().namespaces['main'] ?? {};
  assert.deepEqual(topClients?.byRequests, [{ client: '127.0.0.1', count: 3, excess: 0 }]);
  await cache.reload({ ...one(local), accessLog: { lines: 'faults' } });
  using quiet = await RawConnection.open(cache.port(0));
  await quiet.send('000000feq');
  await quiet.untilClosed();
  using loud = await RawConnection.open(cache.port(0));
  await loud.send('000000fe?');
  await loud.untilClosed();
  await cache.until('a line of the fault', () => lines().length === 2);
  assert.equal(lines()[1]?.['reason'], 'unknown-command');
});

test('what clients send is recorded within bounds, switched by a reload, and can be replayed', async () => {
  const recorder = { directory: 'recorded', connectionBytes: 200, connections: 2 };
  await using cache = await start(local);
  const recorded = join(cache.directory, 'recorded');
  const session = bytesOf(version, put('abc'), unityCacheGet('a', id), unityCacheGet('i', id));
  const visit = async (more = ''): Promise<void> => {
    using connection = await RawConnection.open(cache.port(0));
    await connection.send(bytesOf(session, more));
    await connection.expect(8 + 53 + 34);
    connection.socket.end('q');
    await connection.untilClosed();
  };
  await visit();
  await cache.reload({ ...one(local), recorder });
  await visit();
  await visit(unityCacheGet('r', id).toString('latin1').repeat(10));
  await visit();
  await cache.reload(one(local));
  await visit();
  const contents = (): readonly Buffer[] =>
    readdirSync(recorded)
      .sort()
      .map((name) => readFileSync(join(recorded, name)));
  await cache.until('two are on disk', () => contents()[1]?.length === 200);
  assert.equal(contents().length, 2);
  assert.deepEqual(contents()[0], bytesOf(session, 'q'));
  const replay = (port: number): Promise<ReplayResult> =>
    replayRecordings(
      {
        paths: [recorded],
        host: '127.0.0.1',
        port,
        connections: 2,
        rounds: 3,
        clock: clockOf(globalThis),
      },
      new AbortController().signal,
    );
  const { outcomes, tookMs, ...sum } = await replay(cache.port(0));
  assert.ok(tookMs > 0);
  assert.deepEqual(sum, {
    sessions: 6,
    gets: 3 * 5,
    hits: 6,
    misses: 9,
    transactions: 6,
    sentBytes: 3 * (session.length + session.length + 34),
    receivedBytes: 3 * (95 + 95 + 34),
    failures: [],
  });
  await using fresh = await start(local);
  assert.deepEqual(
    (await replay(fresh.port(0))).outcomes,
    outcomes,
    'the same from another server',
  );
  await using closed = await start({ ...local, readOnly: true });
  assert.notDeepEqual((await replay(closed.port(0))).outcomes, outcomes);
});

test('what is configured for a namespace works there, and changes with a reload', async () => {
  const document = (rules: object): object => ({
    namespaces: [
      {
        name: 'main',
        directory: 'main',
        storage: '64Mi',
        listen: [local],
        reliability: { threshold: 2 },
        ...rules,
      },
    ],
    status: { address: '127.0.0.1:0', controlTokenFile: 'token' },
  });
  await using cache = await startConfigured(() => document({}));
  using first = await RawConnection.open(cache.port(0));
  assert.equal(await stores(first), false, 'one upload is not believed');
  using second = await RawConnection.open(cache.port(0));
  assert.equal(await stores(second), true);
  const order = async (path: string): Promise<unknown> => {
    const body = JSON.stringify({ token: 'secret' });
    return (await cache.ask(`/control/${path}`, { method: 'POST', body })).json();
  };
  assert.match(JSON.stringify(await order('clean')), /nobody may/);
  writeFileSync(join(cache.directory, 'token'), 'secret\n');
  assert.match(JSON.stringify(await order('clean?dryRun=true')), /"objects":0,.*"dryRun":true/);
  assert.deepEqual(await cache.reload(document({ cleaner: { maxBytes: 0 } })), []);
  const cleaned = () => cache.running.server.stats().namespaces['main']?.cleaner?.objects;
  await cache.until('the cleaner keeps nothing', () => cleaned() === 1);
  assert.equal(cache.running.server.stats().store.keys, 0);
  const metrics = await (await cache.ask('/metrics')).text();
  for (const line of [
    /^tweendeck_cache_cleaned_keys_total\{namespace="main"\} 1$/m,
    /^tweendeck_cache_scrub_passes_total\{namespace="main"\} \d+$/m,
    /^tweendeck_cache_reliability_uploads_total\{namespace="main",state="keep"\} 1$/m,
  ]) {
    assert.match(metrics, line);
  }
  const kept = await cache.reload(document({ reliability: undefined }));
  assert.deepEqual(kept, ['high reliability of namespace main ends at the next start']);
});

test('a tunnel gives clients TLS and a token, and passes every end on', async () => {
  const document = one({ ...local, tls, tokens, tokenRequired: true });
  await using cache = await startConfigured(() => document);
  const tokenFile = join(files, 'token');
  writeFileSync(tokenFile, 'let-me-put\n');
  const program = join(import.meta.dirname, '../apps/tweendeck/bin/tweendeck.cjs');
  const args = ['cache', 'tunnel', '--listen=127.0.0.1:0', `--server=127.0.0.1:${cache.port(0)}`];
  const shows = [`--ca=${authority.certificateFile}`, `--token-file=${tokenFile}`];
  const child = spawn(process.execPath, [program, ...args, ...shows], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('exit', () => reject(new Error('the tunnel did not come up')));
    });
    const port = Number(/:(\d+)\s*$/.exec(line)?.[1]);
    using client = await RawConnection.open(port);
    assert.equal(await stores(client, 'through'), true);
    using finished = await RawConnection.open(port);
    await finished.send(
      bytesOf(version, ...Array.from({ length: 2_000 }, () => unityCacheGet('i', id))),
    );
    finished.socket.end();
    assert.equal((await finished.untilClosed()).length, 8 + 2_000 * 34);
    using wrong = await RawConnection.open(port);
    await wrong.send('000000fe?');
    await wrong.untilClosed();
    await cache.until(
      'nobody left',
      () => cache.running.server.stats().server.connectionsOpen === 0,
    );
    assert.equal(cache.closings('token-refused') + cache.closings('token-missing'), 0);
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
});

test('a tunnel tells why it does not trust a server, and shows it no token', async () => {
  await using cache = await startConfigured(() => one({ ...local, tls, tokens }));
  const tokenFile = join(files, 'untold-token');
  writeFileSync(tokenFile, 'let-me-put\n');
  const program = join(import.meta.dirname, '../apps/tweendeck/bin/tweendeck.cjs');
  const args = ['cache', 'tunnel', '--listen=127.0.0.1:0', `--server=127.0.0.1:${cache.port(0)}`];
  const shows = [`--ca=${authority.certificateFile}`, `--token-file=${tokenFile}`];
  const child = spawn(process.execPath, [program, ...args, ...shows, '--server-name=another'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('exit', () => reject(new Error('the tunnel did not come up')));
    });
    const told = new Promise<string>((resolve) => {
      child.stderr.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    using client = await RawConnection.open(Number(/:(\d+)\s*$/.exec(line)?.[1]));
    assert.equal((await client.untilClosed()).length, 0);
    assert.match(await told, /127\.0\.0\.1:\d+: .*another/);
    await cache.until('nobody', () => cache.running.server.stats().server.connectionsOpen === 0);
    assert.equal(cache.running.server.stats().server.transactions.stored ?? 0, 0);
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
});

test('a status port that takes the connection and says nothing is not waited for without end', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  assert.ok(address !== null && typeof address === 'object');
  const program = join(import.meta.dirname, '../apps/tweendeck/bin/tweendeck.cjs');
  const url = `http://127.0.0.1:${address.port}`;
  const child = spawn(process.execPath, [program, 'cache', 'stats', '--url', url, '--timeout=1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  silent.close();
  assert.equal(code, 1);
  assert.match(told, /CLI_STATUS_SILENT/);
  assert.match(told, new RegExp(`${url} did not answer /stats within 1 s`));
  assert.match(told, /Wait longer with --timeout/);
});
