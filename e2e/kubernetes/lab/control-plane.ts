// Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler for one lab, in seconds.

import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import type { Client } from '@tweendeck/client';
import type { ApiTransport } from '@tweendeck/kube';
import { pinnedRelease, versionOf } from '../../../tools/kubernetes/release.ts';
import { openAccess } from './access.ts';
import { claimLab } from './claim.ts';
import {
  apiServerCommand,
  controllerManagerCommand,
  etcdCommand,
  schedulerCommand,
} from './control-plane-commands.ts';
import { startDaemon } from './daemon.ts';
import type { ControlPlane, ControlPlaneOptions } from './lab.ts';
import { findPrograms } from './programs.ts';
import { makeSite, type Site, userKubeconfig } from './site.ts';

/** Starts a control plane without nodes. Any user may. */
export async function controlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const programs = findPrograms(options.release ?? pinnedRelease, { purpose: 'control-plane' });
  await using opened = new AsyncDisposableStack();
  const claim = opened.use(await claimLab());
  const address = claim.loopback;
  const serviceRange = '10.96.0.0/16';
  const site = await makeSite({ claim, programs, address, serviceRange, hasNodes: false, options });
  const plane = await startControlPlane(site, opened);
  const stack = opened.move();
  return { ...plane, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Starts the programs and waits until they serve. What is to be closed goes on the stack; the claim ends the programs. */
export async function startControlPlane(
  site: Site,
  opened: AsyncDisposableStack,
): Promise<Omit<ControlPlane, typeof Symbol.asyncDispose>> {
  const { claim, options } = site;
  const [etcd, serverCommand, kubeconfig] = await Promise.all([
    etcdCommand(site).then((command) => startDaemon(claim, 'etcd', command)),
    apiServerCommand(site),
    userKubeconfig(site, { file: 'admin', user: 'kubernetes-admin', groups: ['system:masters'] }),
  ]);
  await etcd.ready(() => answers(`http://${claim.loopback}:2379/health`));
  let server = await startDaemon(claim, 'kube-apiserver', serverCommand);
  const { transport, ...access } = await openAccess(site, kubeconfig);
  opened.use(transport);
  await server.ready(() => serves(transport, '/readyz'));
  await Promise.all([
    options.controllerManager === false ? undefined : startControllerManager(site, access.client),
    options.scheduler === false ? undefined : startScheduler(site),
  ]);
  return {
    server: site.server,
    kubeconfig,
    version: versionOf(site.release),
    directory: claim.directory,
    auditLog: join(claim.directory, 'audit.jsonl'),
    ...access,
    async restartApiServer() {
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      server = await startDaemon(claim, 'kube-apiserver', serverCommand);
      await server.ready(() => serves(transport, '/readyz'));
    },
    compact: () => compactEtcd(`http://${claim.loopback}:2379`),
  };
}

async function startControllerManager(site: Site, client: Client): Promise<void> {
  const command = await controllerManagerCommand(site);
  const manager = await startDaemon(site.claim, 'kube-controller-manager', command);
  const signal = new AbortController().signal;
  // Before a namespace has these no pod is let into it.
  for (const path of ['serviceaccounts/default', 'configmaps/kube-root-ca.crt']) {
    await manager.ready(async () => {
      await client.request('GET', `/api/v1/namespaces/default/${path}`, {}, signal);
      return true;
    });
  }
}

async function startScheduler(site: Site): Promise<void> {
  const scheduler = await startDaemon(site.claim, 'kube-scheduler', await schedulerCommand(site));
  await scheduler.ready(() => answers(`https://${site.claim.loopback}:10259/readyz`));
}

/** What kube-apiserver does every five minutes: it writes down up to where it compacts, and compacts. */
async function compactEtcd(url: string): Promise<void> {
  const ask = async (path: string, body: object): Promise<{ header?: { revision?: string } }> => {
    const answer = await fetch(`${url}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`etcd refused to ${path}: ${await answer.text()}`);
    return (await answer.json()) as { header?: { revision?: string } }; // as etcd's gateway answers
  };
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const key = encoded('compact_rev_key');
  const { header } = await ask('range', { key });
  const revision = header?.revision;
  if (revision === undefined) throw new Error('etcd names no revision');
  await ask('put', { key, value: encoded(revision) });
  await ask('compaction', { revision, physical: true });
}

/** Whether a path of the API server answers 200. */
async function serves(transport: ApiTransport, path: string): Promise<boolean> {
  const request = { method: 'GET', path, headers: {} } as const;
  const answer = await transport.request(request, AbortSignal.timeout(2_000));
  for await (const _ of answer.body);
  return answer.status === 200;
}

/** Whether a page of a program on this machine answers 200, whatever certificate it shows. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? httpsGet(url, { rejectUnauthorized: false, agent: false, timeout: 2_000 })
      : httpGet(url, { agent: false, timeout: 2_000 });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
  });
}
