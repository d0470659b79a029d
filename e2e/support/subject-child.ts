// The control plane of the embedded home in a process of its own, as far as a comparison wants it: see subject.ts.

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
import { clockOf, createLogger, randomOf } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import {
  builtInControllers,
  builtInTasks,
  ensureSystemNamespaces,
  kubernetesService,
  schedulerName,
} from '@tweendeck/workloads';
import type { SubjectOptions } from './subject.ts';

// Written by startSubject.
const options = JSON.parse(process.argv[2] ?? '') as SubjectOptions;
const { directory, controllers = false, scheduler = false, historySeconds } = options;
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
    serviceRange: '10.96.0.0/16', // the reference draws from the same
    ...(historySeconds === undefined ? {} : { historyMs: historySeconds * 1_000 }),
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
const service = kubernetesService({ clusterIP: '10.96.0.1', address: host, port: front.port });
run('kube-apiserver', { controllers: [], tasks: [service] });

const tasks = builtInTasks();
const isScheduler = ({ name }: { readonly name: string }): boolean => name === schedulerName;
if (controllers) {
  await ensureSystemNamespaces(clientOf('kube-apiserver'), signal);
  run('kube-controller-manager', {
    controllers: builtInControllers({ rootCertificate: certificates.authority }),
    tasks: tasks.filter((task) => !isScheduler(task)),
  });
}
if (scheduler) run('kube-scheduler', { controllers: [], tasks: tasks.filter(isScheduler) });
process.send?.({ kubeconfig });
process.once('disconnect', () => process.exit());
