// The control plane of an embedded home: its store, the API server over it, and the door for clients outside.

import {
  type ApiServerOptions,
  adminUser,
  encryptStore,
  ensureCertificates,
  kubeconfigText,
  listenHttps,
  metadataPolicy,
  openApiServer,
  openAuditLog,
  openSigningKeys,
  type PodLogSource,
  type PodStreamSource,
  readAuditPolicy,
} from '@tweendeck/apiserver';
import { type Client, createClient } from '@tweendeck/client';
import type { UserInfo } from '@tweendeck/kube';
import { type Clock, type Logger, type Random, systemErrorCode } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import { makeBackup } from './backup/make-backup.ts';
import { refuseUnfinished } from './backup/restore.ts';
import {
  type HomeDirectory,
  type HomeIdentity,
  makeHomeDirectory,
  openIdentity,
  replacePrivate,
} from './home-directory.ts';
import { portTaken } from './port-holder.ts';

export interface ControlPlaneOptions {
  readonly directory: HomeDirectory;
  /** Of the API server, on 127.0.0.1; 0: a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  /** Of what is encrypted at rest; undefined: the file in the data directory. */
  readonly encryptionKeys?: string | undefined;
  /** Where requests are written down, if at all. */
  readonly audit?: AuditSettings | undefined;
  /** How long pods stay on nodes in trouble where they do not say so. Default 300 s each. */
  readonly troubleTolerance?: ApiServerOptions['troubleTolerance'];
  /** What becomes of records that are not as they were written; `refuse` when omitted. */
  readonly damagedRecords?: 'refuse' | 'set-aside';
}

export interface AuditSettings {
  readonly path: string;
  /** Of a policy file; undefined: all requests, without their content. */
  readonly policy: string | undefined;
  readonly bytesMax: number;
  readonly filesMax: number;
}

/** A running API server. Disposing it ends its clients' watches, then closes the store. */
export interface ControlPlane extends AsyncDisposable {
  readonly identity: HomeIdentity;
  /** `https://127.0.0.1:PORT`; the kubeconfig in the data directory says so too. */
  readonly address: string;
  /** PEM of the home's own authority. */
  readonly authority: string;
  /** What is shown to agents in other processes, PEM. */
  readonly agents: { readonly certificate: string; readonly key: string };
  /** A client within the process; `program` names it in the fields it owns. Without a user: the administrator. */
  clientOf(user?: UserInfo, program?: string): Client;
}

/** Where everything of a home listens that is not a pod: nobody but this machine reaches it. */
export const homeHost = '127.0.0.1';

/** The address of the Service `kubernetes`: the first of the range. */
export function apiServiceAddress(serviceRange: string): string {
  return serviceRange.replace(/\.\d+\/\d+$/, '.1');
}

const apiServicePort = 443;

/** By which clients in a cluster know the API. */
const clusterNames = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map(
  (domain) => `kubernetes${domain}`,
);

/** Opens the whole of it or leaves nothing. Throws STORE_IN_USE, HOME_PORT_TAKEN and what the parts throw. */
export async function openControlPlane(
  options: ControlPlaneOptions & {
    readonly podLogs: PodLogSource;
    readonly podStreams: PodStreamSource;
  },
  signal: AbortSignal,
): Promise<ControlPlane> {
  const { directory, clock, random, log, podLogs, podStreams } = options;
  await using opened = new AsyncDisposableStack();
  await makeHomeDirectory(directory);
  await refuseUnfinished(directory);
  const store = opened.use(
    await openSqliteStore(
      {
        path: directory.database,
        log: log.with({ part: 'store' }),
        damagedRecords: options.damagedRecords ?? 'refuse',
      },
      signal,
    ),
  );
  const keyFile = options.encryptionKeys ?? directory.encryptionKeys;
  const encrypted = await encryptStore(store, { keyFile, random });
  const identity = await openIdentity(directory, random);
  const { serviceRange } = identity;
  const certificates = await ensureCertificates(
    directory.certificates,
    {
      ...{ clock, random },
      hosts: [homeHost, apiServiceAddress(serviceRange), 'localhost', ...clusterNames],
    },
    signal,
  );
  const server = opened.use(
    await openApiServer(
      {
        store: encrypted,
        clock,
        random,
        log: log.with({ part: 'apiserver' }),
        serviceRange,
        podLogs,
        backups: (wish) =>
          makeBackup(
            {
              store,
              directory,
              encryptionKeys: keyFile,
              id: identity.id,
              version: options.version,
              clock,
            },
            wish,
          ),
        podStreams,
        ...(options.troubleTolerance ? { troubleTolerance: options.troubleTolerance } : {}),
        serviceAccounts: {
          keys: await openSigningKeys(directory.signingKeys),
          authority: certificates.authority,
        },
        systemPolicy: true,
        ...(await auditOf(options, opened)),
      },
      signal,
    ),
  );
  const front = opened.use(await listen(server, certificates, options, signal));
  const address = `https://${homeHost}:${front.port}`;
  await listenAtService(opened, { server, certificates, serviceRange }, options, signal);
  await replacePrivate(directory.kubeconfig, kubeconfigText(certificates, { server: address }));
  const parts = opened.move();
  return {
    identity,
    address,
    authority: certificates.authority,
    agents: { certificate: certificates.agentsCertificate, key: certificates.agentsKey },
    clientOf: (user = adminUser, program = 'tweendeck') =>
      createClient({
        transport: server.transport(user),
        clock,
        random,
        userAgent: `${program}/${options.version}`,
      }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function auditOf(
  { audit, log }: ControlPlaneOptions,
  opened: AsyncDisposableStack,
): Promise<Pick<ApiServerOptions, 'audit'>> {
  if (!audit) return {};
  const policy = audit.policy === undefined ? metadataPolicy : await readAuditPolicy(audit.policy);
  const sink = opened.use(openAuditLog({ ...audit, log: log.with({ part: 'audit' }) }));
  return { audit: { policy, sink } };
}

interface ServiceDoor {
  readonly server: Parameters<typeof listenHttps>[0];
  readonly certificates: Parameters<typeof listenHttps>[1]['certificates'];
  readonly serviceRange: string;
}

/** The Service's own address, for who does not go by its endpoints. Its port is one that only root may listen on, on many machines. */
async function listenAtService(
  opened: AsyncDisposableStack,
  { server, certificates, serviceRange }: ServiceDoor,
  { clock, log }: ControlPlaneOptions,
  signal: AbortSignal,
): Promise<void> {
  const host = apiServiceAddress(serviceRange);
  const options = { host, port: apiServicePort, certificates, clock, log };
  try {
    opened.use(await listenHttps(server, options, signal));
  } catch (error) {
    if (signal.aborted) throw error;
    log.debug('the API is not served at its service address', { host, error });
  }
}

async function listen(
  server: Parameters<typeof listenHttps>[0],
  certificates: Parameters<typeof listenHttps>[1]['certificates'],
  { port, clock, log }: ControlPlaneOptions,
  signal: AbortSignal,
): ReturnType<typeof listenHttps> {
  try {
    return await listenHttps(server, { host: homeHost, port, certificates, clock, log }, signal);
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    throw await portTaken(homeHost, port, 'Stop that program, or name another port with --port.');
  }
}
