// Opens a real listener on a free port of this machine, with certificates in a temporary directory.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { listenHttps } from './https-front.ts';
import { type ApiCertificates, ensureCertificates } from './pki/certificates.ts';
import { kubeconfigText } from './pki/kubeconfig.ts';
import { TestServer } from './testing/test-server.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const signal = new AbortController().signal;
const options = { clock, random, hosts: ['127.0.0.1', 'localhost', '::1'] };

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-pki-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Call {
  readonly certificates: ApiCertificates;
  readonly anonymous?: boolean;
}

function fetchText(
  url: string,
  { certificates, anonymous = false }: Call,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const identity = anonymous
      ? {}
      : { cert: certificates.adminCertificate, key: certificates.adminKey };
    const sent = httpsRequest(
      url,
      { ca: certificates.authority, agent: false, ...identity },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('HTTPS answers who shows a certificate of ours, and ends watches when it closes', () =>
  inDirectory(async (directory) => {
    const certificates = await ensureCertificates(directory, options, signal);
    await using server = await TestServer.open();
    await using front = await listenHttps(
      server.server,
      { host: '127.0.0.1', port: 0, certificates, log: silentLogger },
      signal,
    );
    const list = await fetchText(`${front.address}/api/v1/namespaces`, { certificates });
    assert.deepEqual([list.status, JSON.parse(list.text).kind], [200, 'NamespaceList']);
    const stranger = await fetchText(`${front.address}/api/v1/namespaces`, {
      certificates,
      anonymous: true,
    });
    assert.equal(stranger.status, 403);
    const version = await fetchText(`${front.address}/version`, { certificates, anonymous: true });
    assert.equal(version.status, 200);
    const watch = fetchText(`${front.address}/api/v1/namespaces?watch=true`, { certificates });
    await fetchText(`${front.address}/livez`, { certificates });
    await front[Symbol.asyncDispose]();
    const events = await watch.catch(() => ({ status: 200, text: '' })); // cut before it began is fine too
    assert.equal(events.status, 200);
  }));

test('certificates are made once, kept private, and renewed when they end or the hosts change', () =>
  inDirectory(async (directory) => {
    const first = await ensureCertificates(directory, options, signal);
    for (const name of await readdir(directory)) {
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
    }
    const serving = new X509Certificate(first.servingCertificate);
    assert.equal(serving.checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(serving.checkIP('::1'), '::1');
    assert.equal(serving.checkHost('localhost'), 'localhost');
    assert.deepEqual(await ensureCertificates(directory, options, signal), first);
    const hosts = [...options.hosts, 'box.local'];
    const second = await ensureCertificates(directory, { ...options, hosts }, signal);
    assert.equal(second.authority, first.authority);
    assert.notEqual(second.servingCertificate, first.servingCertificate);
    const later = { nowMs: () => clock.nowMs() + 340 * 24 * 60 * 60 * 1_000 };
    const third = await ensureCertificates(directory, { ...options, hosts, clock: later }, signal);
    assert.equal(third.authority, first.authority);
    assert.notEqual(third.adminCertificate, second.adminCertificate);
    assert.match(
      kubeconfigText(third, { server: 'https://127.0.0.1:1' }),
      /^current-context: tweendeck$/m,
    );
  }));
