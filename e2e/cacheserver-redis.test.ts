// Several data planes on one redis-server, as clients of the protocol and operators meet them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unityGuidText, unityHashText } from '@tweendeck/wire';
import { makeCertificate } from './support/certificates.ts';
import { startConfigured } from './support/configured-cache.ts';
import { freePort, until } from './support/home.ts';
import { startRedis } from './support/redis.ts';
import { BuildPipelineClient, type UnityEntry } from './unity-clients.ts';

function entryOf(number: number): UnityEntry {
  const guid = Buffer.alloc(16, 3);
  guid.writeUInt32LE(number, 4);
  return { guid, hash: Buffer.alloc(16, 7) };
}

const listen = ['127.0.0.1:0'];

test('what a build uploads to one plane, builds on the others have at once, over TLS', async () => {
  const certificates = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  const authority = makeCertificate(certificates, { name: 'authority' });
  const host = 'IP:127.0.0.1';
  const own = makeCertificate(certificates, { name: 'redis', authority, host });
  const client = makeCertificate(certificates, { name: 'plane', authority });
  const tlsPort = await freePort();
  await using _server = await startRedis(
    ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'yes'],
    ...['--tls-cert-file', own.certificateFile, '--tls-key-file', own.keyFile],
    ...['--tls-ca-cert-file', authority.certificateFile, '--requirepass', 'secret'],
  );
  const passwordFile = join(certificates, 'password');
  writeFileSync(passwordFile, 'secret\n');
  const redis = {
    address: `127.0.0.1:${tlsPort}`,
    prefix: 'build:',
    passwordFile,
    tls: {
      ca: authority.certificateFile,
      certificate: client.certificateFile,
      key: client.keyFile,
    },
  };
  const document = { namespaces: [{ name: 'main', listen, store: { redis } }] };
  await using first = await startConfigured(() => document);
  await using second = await startConfigured(() => document);
  const count = 300;
  const infoOf = (number: number): Buffer => Buffer.alloc(600, number % 256);
  const resourceOf = (number: number): Buffer =>
    Buffer.alloc(number % 50 === 0 ? 700_000 : 3_000, number % 256);
  const uploader = await BuildPipelineClient.connect('127.0.0.1', first.port(0));
  for (let number = 0; number < count; number++) {
    uploader.upload(entryOf(number), infoOf(number), resourceOf(number));
  }
  await uploader.download([entryOf(count)]); // behind all uploads
  uploader.close();
  const reader = await BuildPipelineClient.connect('127.0.0.1', second.port(0));
  const answers = await reader.download(
    Array.from({ length: count + 1 }, (_, number) => entryOf(number)),
  );
  reader.close();
  for (const [number, { i, r }] of answers.entries()) {
    assert.equal(i?.equals(infoOf(number)) ?? false, number < count, `info ${number}`);
    assert.equal(r?.equals(resourceOf(number)) ?? false, number < count, `resource ${number}`);
  }
  rmSync(certificates, { recursive: true });
});

test('keys are looked up and purged on any plane, figures tell of the server, and a change of the store waits', async () => {
  await using server = await startRedis();
  const redis = { address: `127.0.0.1:${server.port}`, prefix: 'control:', ttl: '1h' };
  const document = (directory: string, changes: object = {}): object => {
    writeFileSync(join(directory, 'token'), 'let-me');
    return {
      namespaces: [{ name: 'main', listen, store: { redis: { ...redis, ...changes } } }],
      status: { address: '127.0.0.1:0', controlTokenFile: 'token' },
    };
  };
  await using first = await startConfigured(document);
  await using second = await startConfigured(document);
  const uploader = await BuildPipelineClient.connect('127.0.0.1', first.port(0));
  uploader.upload(entryOf(1), Buffer.alloc(10, 1), Buffer.alloc(500_000, 2));
  await uploader.download([entryOf(1)]);
  const { guid, hash } = entryOf(1);
  const query = `guid=${unityGuidText(guid)}&hash=${unityHashText(hash)}`;
  const lookup = await second.ask(`/control/lookup?${query}`);
  assert.equal(lookup.status, 200, await lookup.clone().text());
  const metrics = await (await first.ask('/metrics')).text();
  assert.match(metrics, /tweendeck_cache_redis_up\{namespace="main"\} 1/);
  assert.match(metrics, /tweendeck_cache_keys\{namespace="main"\} 1/);
  const purge = { method: 'POST', body: JSON.stringify({ token: 'let-me' }) };
  const purged = await second.ask('/control/purge?all=true', purge);
  assert.deepEqual([purged.status, await purged.json()], [200, { removedKeys: 1 }]);
  const [gone] = await uploader.download([entryOf(1)]);
  assert.equal(gone?.r, undefined);
  assert.deepEqual(await first.reload(document(first.directory, { ttl: '2h' })), [
    'the store of namespace main stays until the next start',
  ]);
  await server.kill();
  const [away] = await uploader.download([entryOf(1)]);
  assert.equal(away?.r, undefined);
  uploader.upload(entryOf(2), Buffer.alloc(10, 1), Buffer.alloc(500_000, 2));
  await uploader.download([entryOf(2)]);
  await until('told', async () => {
    const text = await (await first.ask('/metrics')).text();
    return (
      text.includes('redis_up{namespace="main"} 0') &&
      /transactions_total\{[^}]*store-away[^}]*\} 1/.test(text)
    );
  });
  uploader.close();
});
