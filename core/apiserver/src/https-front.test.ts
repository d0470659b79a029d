// Opens a real listener on a free port of this machine, with certificates in a temporary directory.

import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Clock, clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { bodyBytesMax } from './body.ts';
import { listenHttps } from './https-front.ts';
import { type ApiCertificates, ensureCertificates } from './pki/certificates.ts';
import { kubeconfigText } from './pki/kubeconfig.ts';
import { TestServer } from './testing/test-server.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const signal = new AbortController().signal;
/** The patience of a second is over at once. */
const hasty: Pick<Clock, 'timer'> = { timer: (_ms, run) => clock.timer(20, run) };
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
    await using server = await TestServer.open({ systemPolicy: true });
    await using front = await listenHttps(
      server.server,
      { host: '127.0.0.1', port: 0, certificates, clock, log: silentLogger },
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

/** Sends a request by hand. */
async function sendText(
  address: string,
  text: string,
  { authority, adminCertificate, adminKey }: ApiCertificates,
): Promise<TLSSocket> {
  const { hostname, port } = new URL(address);
  const identity = { ca: authority, cert: adminCertificate, key: adminKey };
  const socket = connectTls({ host: hostname, port: Number(port), ...identity });
  socket.on('error', () => undefined); // cut by the server is one of the ways it ends
  socket.write(text);
  await once(socket, 'secureConnect');
  return socket;
}

for (const { name, prepare } of [
  {
    name: 'a client that dropped its watch',
    prepare: async (address: string, certificates: ApiCertificates) => {
      const watch = 'GET /api/v1/namespaces?watch=true HTTP/1.1\r\nhost: x\r\n\r\n';
      const socket = await sendText(address, watch, certificates);
      await once(socket, 'data');
      socket.destroy();
      return socket;
    },
  },
  {
    name: 'a client that never says a word of TLS',
    prepare: async (address: string) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(address).port) });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    },
  },
  {
    name: 'a client that never sends the body it announced',
    prepare: async (address: string, certificates: ApiCertificates) => {
      const post = 'POST /api/v1/namespaces HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{';
      return sendText(address, post, certificates);
    },
  },
]) {
  test(`closing the front does not wait for ${name}`, () =>
    inDirectory(async (directory) => {
      const certificates = await ensureCertificates(directory, options, signal);
      await using server = await TestServer.open();
      const front = await listenHttps(
        server.server,
        { host: '127.0.0.1', port: 0, certificates, clock: hasty, log: silentLogger },
        signal,
      );
      const socket = await prepare(front.address, certificates);
      await fetchText(`${front.address}/livez`, { certificates }); // it has been heard of by now
      const closing = front[Symbol.asyncDispose]().then(() => 'closed');
      const late = new Promise((resolve) => setTimeout(resolve, 3_000, 'hangs').unref());
      assert.equal(await Promise.race([closing, late]), 'closed');
      socket.destroy();
    }));
}

test('a body that is too large is answered', () =>
  inDirectory(async (directory) => {
    const certificates = await ensureCertificates(directory, options, signal);
    await using server = await TestServer.open();
    await using front = await listenHttps(
      server.server,
      { host: '127.0.0.1', port: 0, certificates, clock, log: silentLogger },
      signal,
    );
    const { authority: ca, adminCertificate: cert, adminKey: key } = certificates;
    const sent = httpsRequest(`${front.address}/api/v1/namespaces`, {
      method: 'POST',
      ca,
      cert,
      key,
      agent: false,
    });
    sent.on('error', () => undefined); // the rest of the body is refused
    sent.write(Buffer.alloc(bodyBytesMax + 1, 0x20));
    const [response] = await once(sent, 'response');
    assert.equal(response.statusCode, 413);
    sent.destroy();
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

test('a certificate that a crash left beside another key is made again', () =>
  inDirectory(async (directory) => {
    const first = await ensureCertificates(directory, options, signal);
    for (const name of ['serving', 'admin', 'authority'] as const) {
      await copyFile(
        join(directory, `${name === 'admin' ? 'serving' : 'admin'}.key`),
        join(directory, `${name}.key`),
      );
      const made = await ensureCertificates(directory, options, signal);
      assert.equal(made.authority === first.authority, name !== 'authority');
      for (const [certificate, key] of [
        [made.servingCertificate, made.servingKey],
        [made.adminCertificate, made.adminKey],
      ] as const) {
        assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)), name);
      }
    }
  }));

for (const content of ['', 'garbage']) {
  for (const name of ['authority', 'serving', 'admin']) {
    test(`a key of ${name} that reads "${content}" is refused, with what to do`, () =>
      inDirectory(async (directory) => {
        await ensureCertificates(directory, options, signal);
        await writeFile(join(directory, `${name}.key`), content);
        await assert.rejects(ensureCertificates(directory, options, signal), {
          code: 'APISERVER_CERTIFICATES_UNREADABLE',
        });
      }));
  }
}
