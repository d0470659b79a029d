// A mirror and an upstream behind TLS, client certificates and a token: what is reached, what is told where trust fails, and
// what a SIGHUP brings back.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CacheProcess, startCacheProcess } from './support/cache-process.ts';
import { type Certificate, makeCertificate } from './support/certificates.ts';
import { EditorClient, sameFiles, type UnityEntry } from './unity-clients.ts';

const token = 'mirrors-may-put';
const tokenSha256 = createHash('sha256').update(token).digest('hex');
let files = '';
let authority: Certificate;
let stranger: Certificate;
let server: Certificate;
let expired: Certificate;
let client: Certificate;

before(() => {
  files = mkdtempSync(join(tmpdir(), 'cache-mirror-tls-'));
  const host = 'DNS:cache.example';
  authority = makeCertificate(files, { name: 'authority' });
  stranger = makeCertificate(files, { name: 'stranger' });
  server = makeCertificate(files, { name: 'server', authority, host });
  expired = makeCertificate(files, { name: 'expired', authority, host, expired: true });
  client = makeCertificate(files, { name: 'client', authority });
  writeFileSync(join(files, 'token'), `${token}\n`);
  writeFileSync(join(files, 'other-token'), 'unknown\n');
});
after(() => rmSync(files, { recursive: true }));

const entryOf = (number: number): UnityEntry => ({
  guid: Buffer.alloc(16, number),
  hash: Buffer.alloc(16, 7),
});
const filesOf = (number: number) => ({
  a: Buffer.alloc(number === 1 ? 3_000_000 : 3_000, number),
  i: Buffer.alloc(40, number),
});

/** The one that is mirrored to and asked: secured, and open on a second listener to look at it. */
const farDocument =
  (port: number, own: () => Certificate = () => server) =>
  (): object => ({
    namespaces: [
      {
        name: 'main',
        directory: 'main',
        storage: '64Mi',
        mirror: {},
        listen: [
          {
            address: `127.0.0.1:${port}`,
            tls: {
              certificate: own().certificateFile,
              key: own().keyFile,
              clientCa: authority.certificateFile,
            },
            tokens: [{ name: 'mirror', sha256: tokenSha256, put: true }],
            tokenRequired: true,
          },
          '127.0.0.1:0',
        ],
      },
    ],
    status: { address: '127.0.0.1:0' },
  });

interface Shown {
  readonly ca?: Certificate;
  readonly own?: Certificate | undefined;
  readonly tokenFile?: string;
  readonly serverName?: string;
}

/** One that mirrors, and one that asks, in a process. */
function nearDocument(port: number, shown: Shown = {}): object {
  const { ca = authority, own = client, tokenFile = 'token', serverName = 'cache.example' } = shown;
  const key = { certificate: own.certificateFile, key: own.keyFile };
  const far = {
    address: `127.0.0.1:${port}`,
    tls: { ca: ca.certificateFile, serverName, ...key },
    tokenFile: join(files, tokenFile),
  };
  const storage = '64Mi';
  const mirror = { targets: [far], retry: '50ms', retryMax: '60s' };
  const upstream = { ...far, absent: '0s', retry: '50ms', retryMax: '60s' };
  return {
    namespaces: [
      { name: 'main', directory: 'main', storage, listen: ['127.0.0.1:0'], mirror },
      { name: 'asks', directory: 'asks', storage, listen: ['127.0.0.1:0'], upstream },
    ],
    status: { address: '127.0.0.1:0' },
  };
}

interface NearStats {
  readonly namespaces: {
    readonly main: {
      readonly mirror: {
        readonly mirrors: readonly {
          readonly state: string;
          readonly lagTransactions: number;
          readonly lastFailure: string;
        }[];
      };
    };
    readonly asks: { readonly upstream: { readonly state: string; readonly lastFailure: string } };
  };
}

async function stateOf(cache: CacheProcess) {
  const { namespaces } = (await (await cache.ask('/stats')).json()) as NearStats; // its own
  const [mirror = assert.fail('no mirror')] = namespaces.main.mirror.mirrors;
  return { mirror, upstream: namespaces.asks.upstream };
}

async function store(port: number, number: number): Promise<void> {
  const editor = await EditorClient.connect('127.0.0.1', port);
  await editor.store(entryOf(number), filesOf(number));
  assert.ok(sameFiles(await editor.find(entryOf(number)), filesOf(number)));
  editor.close();
}

async function find(port: number, number: number) {
  const editor = await EditorClient.connect('127.0.0.1', port);
  const found = await editor.find(entryOf(number));
  editor.close();
  return found;
}

/** Reads the document again; resolves when that was logged. */
async function reload(cache: CacheProcess, document: object): Promise<void> {
  const count = (): number =>
    cache.lines.filter(({ message }) => String(message).startsWith('configuration ')).length;
  const before = count();
  cache.write(document);
  cache.signal('SIGHUP');
  await cache.until('read again', () => count() > before);
}

const isWell = async (cache: CacheProcess): Promise<boolean> => {
  const { mirror } = await stateOf(cache);
  return mirror.state === 'idle' && mirror.lagTransactions === 0;
};

/** Both sides of it: what is told where, while one side does not trust the other. */
async function assertTold(cache: CacheProcess, from: number, told: RegExp): Promise<void> {
  await cache.until('mistrust', async () => {
    const { mirror, upstream } = await stateOf(cache);
    return mirror.state === 'untrusted' && upstream.state === 'untrusted';
  });
  const { mirror, upstream } = await stateOf(cache);
  assert.match(mirror.lastFailure, told);
  assert.match(upstream.lastFailure, told);
  const metrics = await (await cache.ask('/metrics')).text();
  for (const line of [
    /^tweendeck_cache_mirror_untrusted\{namespace="main",mirror="127.0.0.1:\d+"\} 1$/m,
    /^tweendeck_cache_mirror_up\{namespace="main",mirror="127.0.0.1:\d+"\} 0$/m,
    /^tweendeck_cache_upstream_untrusted\{namespace="asks"\} 1$/m,
    /^tweendeck_cache_upstream_up\{namespace="asks"\} 0$/m,
  ]) {
    assert.match(metrics, line);
  }
  for (const message of ['cache mirror fails', 'cache upstream fails']) {
    const line = cache.lines.slice(from).find((one) => one['message'] === message);
    assert.match(JSON.stringify(line), told, message);
  }
}

test('a mirror and an upstream are reached by TLS, a certificate and a token', async () => {
  const port = await freePort();
  await using far = await startCacheProcess(farDocument(port));
  await using near = await startCacheProcess(() => nearDocument(port));
  const [main = 0, asks = 0] = near.ports;
  for (const number of [1, 2, 3]) await store(main, number);
  await near.until('mirrored', () => isWell(near));
  for (const number of [1, 2, 3]) {
    assert.ok(sameFiles(await find(far.ports[1] ?? 0, number), filesOf(number)), 'mirrored');
    assert.ok(sameFiles(await find(asks, number), filesOf(number)), 'asked for');
  }
  const { mirror, upstream } = await stateOf(near);
  assert.deepEqual([mirror.lastFailure, upstream.lastFailure], ['', '']);
});

test('mistrust on either side is told in log, figures and stats, and ends with a SIGHUP', async (context) => {
  const port = await freePort();
  await using far = await startCacheProcess(farDocument(port));
  await using near = await startCacheProcess(() => nearDocument(port));
  const [main = 0, asks = 0] = near.ports;
  await store(main, 1);
  await near.until('mirrored', () => isWell(near));
  let number = 1;
  for (const { name, shown, told } of [
    { name: 'a CA of others', shown: { ca: stranger }, told: /unable to verify|self.signed/ },
    { name: 'another name', shown: { serverName: 'other.example' }, told: /other\.example/ },
    {
      name: 'an unknown token',
      shown: { tokenFile: 'other-token' },
      told: /before its first word|RESET/,
    },
    { name: 'a certificate of others', shown: { own: stranger }, told: /alert|RESET|first word/ },
  ]) {
    await context.test(name, async () => {
      const from = near.lines.length;
      number++;
      await reload(near, nearDocument(port, shown));
      await store(main, number);
      assert.deepEqual(await find(asks, 99), {});
      await assertTold(near, from, told);
      await reload(near, nearDocument(port));
      await near.until('mirrored', () => isWell(near));
      assert.ok(sameFiles(await find(far.ports[1] ?? 0, number), filesOf(number)));
      assert.ok(sameFiles(await find(asks, number), filesOf(number)));
    });
  }
  await context.test('a file that is not there', async () => {
    await reload(near, nearDocument(port, { tokenFile: 'nowhere' }));
    const line = near.lines.findLast(({ message }) => message === 'configuration not reloaded');
    assert.match(JSON.stringify(line), /CACHE_TLS_UNUSABLE/);
    await store(main, 50);
    await near.until('mirrored as before', () => isWell(near));
  });
});

test('a certificate that expired is told, and its renewal is noticed', async () => {
  const port = await freePort();
  await using far = await startCacheProcess(farDocument(port, () => expired));
  await using near = await startCacheProcess(() => nearDocument(port));
  const [main = 0, asks = 0] = near.ports;
  await store(main, 1);
  assert.deepEqual(await find(asks, 99), {});
  await assertTold(near, 0, /certificate has expired/);
  const coded = near.lines.filter((line) => /CACHE_SERVER_UNTRUSTED/.test(String(line['error'])));
  assert.ok(coded.length >= 2, JSON.stringify(near.lines));
  await reload(far, farDocument(port)());
  await reload(near, nearDocument(port));
  await near.until('mirrored', () => isWell(near));
  assert.ok(sameFiles(await find(asks, 1), filesOf(1)));
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
