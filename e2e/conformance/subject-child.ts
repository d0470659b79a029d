// The subject in a process of its own: the control plane of the embedded home as the product puts it together, with the
// built-in controllers. Nothing schedules and nobody runs pods, as on the reference's side.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  controllersUser,
  ensureCertificates,
  homeUser,
  kubeconfigText,
  listenHttps,
  openApiServer,
  openSigningKeys,
} from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { clockOf, createLogger, randomOf } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import {
  builtInControllers,
  builtInTasks,
  ensureSystemNamespaces,
  kubernetesService,
  schedulerName,
} from '@tweendeck/workloads';

const [directory = '', historySeconds = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const clock = clockOf(globalThis);
const log = createLogger({
  clock,
  format: 'text',
  level: 'warn',
  write: (line) => void process.stderr.write(`${line}\n`),
});
const tools = { clock, random: randomOf(globalThis.crypto), log };
const host = '127.0.0.1';
const certificates = await ensureCertificates(
  join(directory, 'certificates'),
  { ...tools, hosts: [host] },
  signal,
);
const store = await openSqliteStore({ path: join(directory, 'state.db'), ...tools }, signal);
const server = await openApiServer(
  {
    ...tools,
    store,
    serviceRange: '10.96.0.0/16',
    historyMs: Number(historySeconds) * 1_000,
    systemPolicy: true,
    serviceAccounts: {
      keys: await openSigningKeys(join(directory, 'signing-keys.pem')),
      authority: certificates.authority,
    },
  },
  signal,
);
const front = await listenHttps(server, { ...tools, host, port: 0, certificates }, signal);
const kubeconfig = join(directory, 'kubeconfig');
writeFileSync(kubeconfig, kubeconfigText(certificates, { server: front.address }), { mode: 0o600 });

const clientOf = (user: typeof homeUser): ReturnType<typeof createClient> =>
  createClient({ transport: server.transport(user), ...tools, userAgent: 'conformance/0.1.0' });
await ensureSystemNamespaces(clientOf(homeUser), signal);
void runManager(
  {
    client: clientOf(controllersUser),
    ...tools,
    controllers: builtInControllers({ rootCertificate: certificates.authority }),
    tasks: [
      ...builtInTasks().filter(({ name }) => name !== schedulerName),
      kubernetesService({ clusterIP: '10.96.0.1', address: host, port: front.port }),
    ],
  },
  signal,
);
process.send?.({ kubeconfig });
process.once('disconnect', () => process.exit());
