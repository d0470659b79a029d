// The subject in a process of its own: the embedded API server over a store on disk, alone or with the built-in controllers.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ensureCertificates,
  kubeconfigText,
  listenHttps,
  openApiServer,
  systemUser,
} from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks, ensureSystemNamespaces } from '@tweendeck/workloads';

const [directory = '', set = 'bare'] = process.argv.slice(2);
const { signal } = new AbortController();
const tools = {
  clock: clockOf(globalThis),
  random: randomOf(globalThis.crypto),
  log: silentLogger,
};
const host = '127.0.0.1';
const certificates = await ensureCertificates(
  join(directory, 'certificates'),
  { ...tools, hosts: [host] },
  signal,
);
const store = await openSqliteStore({ path: join(directory, 'state.db'), ...tools }, signal);
// The range that the reference draws from.
const server = await openApiServer({ ...tools, store, serviceRange: '10.96.0.0/16' }, signal);
const front = await listenHttps(server, { ...tools, host, port: 0, certificates }, signal);
const kubeconfig = join(directory, 'kubeconfig');
writeFileSync(kubeconfig, kubeconfigText(certificates, { server: front.address }), { mode: 0o600 });

if (set === 'controllers') {
  const client = createClient({
    transport: server.transport(systemUser('system:tweendeck:controllers')),
    ...tools,
    userAgent: 'tweendeck-controllers/0.1.0',
  });
  await ensureSystemNamespaces(client, signal);
  const controllers = builtInControllers({ rootCertificate: certificates.authority });
  void runManager({ client, ...tools, controllers, tasks: builtInTasks() }, signal);
}
process.send?.({ kubeconfig });
process.once('disconnect', () => process.exit());
