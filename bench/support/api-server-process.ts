// An API server over a real store and real HTTPS in a process of its own, as `tweendeck up` opens it but for its controllers.
// Over its channel it tells its parent where it listens, and how long its event loop stood still.

import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import {
  ensureCertificates,
  listenHttps,
  metadataPolicy,
  openApiServer,
  openAuditLog,
} from '@tweendeck/apiserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import type { Endpoint } from './load.ts';

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
const sink = openAuditLog({ path: join(directory, 'audit.jsonl'), log: silentLogger });
const audit = { policy: metadataPolicy, sink };
const server = await openApiServer({ ...tools, store, audit, systemPolicy: true }, signal);
const front = await listenHttps(server, { ...tools, host, port: 0, certificates }, signal);

const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
// Any message asks for the longest stall since the last one, in milliseconds.
process.on('message', () => {
  process.send?.(delays.max / 1e6);
  delays.reset();
});
process.once('disconnect', () => process.exit());

const endpoint: Endpoint = {
  address: front.address,
  ca: certificates.authority,
  cert: certificates.adminCertificate,
  key: certificates.adminKey,
};
process.send?.(endpoint);
