// The subject in a process of its own: the embedded API server over a store on disk, alone or with the built-in controllers.

import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  controllersUser,
  ensureCertificates,
  kubeconfigText,
  listenHttps,
  openApiServer,
  openSigningKeys,
} from '@tweendeck/apiserver';
import { type Client, createClient } from '@tweendeck/client';
import { type ManagerOptions, runManager } from '@tweendeck/controller';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import {
  builtInControllers,
  builtInTasks,
  ensureSystemNamespaces,
  kubernetesService,
  schedulerName,
} from '@tweendeck/workloads';

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
const server = await openApiServer(
  {
    ...tools,
    store,
    serviceRange: '10.96.0.0/16', // the reference draws from the same
    // As in an embedded home.
    systemPolicy: true,
    serviceAccounts: {
      keys: await openSigningKeys(join(directory, 'signing-keys')),
      authority: certificates.authority,
    },
  },
  signal,
);
const front = await listenHttps(server, { ...tools, host, port: 0, certificates }, signal);
const kubeconfig = join(directory, 'kubeconfig');
writeFileSync(kubeconfig, kubeconfigText(certificates, { server: front.address }), { mode: 0o600 });

// In the reference's names: who owns a field is compared.
const clientOf = (program: string): Client =>
  createClient({ transport: server.transport(controllersUser), ...tools, userAgent: program });
const run = (program: string, part: Pick<ManagerOptions, 'controllers' | 'tasks'>): void =>
  void runManager({ client: clientOf(program), ...tools, ...part, instance: hostname() }, signal);
// Part of the API server upstream.
const port = Number(new URL(front.address).port);
const service = kubernetesService({ clusterIP: '10.96.0.1', address: host, port });
run('kube-apiserver', { controllers: [], tasks: [service] });

if (set === 'controllers') {
  await ensureSystemNamespaces(clientOf('kube-apiserver'), signal);
  const tasks = builtInTasks();
  const isScheduler = ({ name }: { readonly name: string }): boolean => name === schedulerName;
  run('kube-controller-manager', {
    controllers: builtInControllers({ rootCertificate: certificates.authority }),
    tasks: tasks.filter((task) => !isScheduler(task)),
  });
  run('kube-scheduler', { controllers: [], tasks: tasks.filter(isScheduler) });
}
process.send?.({ kubeconfig });
process.once('disconnect', () => process.exit());
