// An API server over a real store and real HTTPS in a process of its own, and beside it a bare HTTPS server that only answers.

import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { ensureCertificates, listenHttps, openApiServer } from '@tweendeck/apiserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';

/** What the process tells its parent once it listens. */
export interface Listening {
  readonly address: string;
  /** Of the bare server. */
  readonly echo: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const { signal } = new AbortController();
const directory = process.argv[2] ?? '';
const clock = clockOf(globalThis);
const tools = { clock, random: randomOf(globalThis.crypto), log: silentLogger };
const host = '127.0.0.1';
const certificates = await ensureCertificates(
  join(directory, 'certificates'),
  { ...tools, hosts: [host] },
  signal,
);
const store = await openSqliteStore({ path: join(directory, 'state.db'), ...tools }, signal);
const server = await openApiServer({ ...tools, store }, signal);
const front = await listenHttps(server, { ...tools, host, port: 0, certificates }, signal);

const echo = createServer(
  {
    ca: certificates.authority,
    cert: certificates.servingCertificate,
    key: certificates.servingKey,
    requestCert: true,
  },
  (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = chunks.length > 0 ? Buffer.concat(chunks) : Buffer.alloc(1_100, 0x20);
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      outgoing.end(body);
    });
  },
);
await new Promise<void>((resolve) => echo.listen(0, host, resolve));
// A listening TCP server has an address of this form.
const { port } = echo.address() as AddressInfo;
const listening: Listening = {
  address: front.address,
  echo: `https://${host}:${port}`,
  ca: certificates.authority,
  cert: certificates.adminCertificate,
  key: certificates.adminKey,
};
process.send?.(listening);
process.once('disconnect', () => process.exit());
