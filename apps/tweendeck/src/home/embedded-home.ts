// The embedded home: store, API server, controllers and agent put together in one process.

import { type Agent, startAgent } from '@tweendeck/agent';
import {
  adminUser,
  ensureCertificates,
  kubeconfigText,
  listenHttps,
  openApiServer,
  systemUser,
} from '@tweendeck/apiserver';
import { cacheServerController } from '@tweendeck/cacheserver';
import { type Client, createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import type { UserInfo } from '@tweendeck/kube';
import {
  type Clock,
  type Logger,
  PlatformError,
  type Random,
  systemErrorCode,
  TaskGroup,
} from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks, ensureSystemNamespaces } from '@tweendeck/workloads';
import { programCatalogue } from './catalogue.ts';
import {
  type HomeDirectory,
  type HomeIdentity,
  isDiskRefusal,
  makeHomeDirectory,
  openIdentity,
  replacePrivate,
  unwritable,
} from './home-directory.ts';
import { installKinds } from './platform-kinds.ts';
import { portTaken } from './port-holder.ts';

export interface EmbeddedHomeOptions {
  readonly directory: HomeDirectory;
  /** Of the API server, on 127.0.0.1; 0: a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly environment: Readonly<Record<string, string>>;
  /** How to start this program again, for images of our own. */
  readonly self: readonly string[];
  readonly version: string;
  /** Called when a part that must not end has ended. */
  readonly onFailure: (error: unknown) => void;
}

/** A running home. Disposing it stops pods with their grace period, then everything else, and loses nothing. */
export interface EmbeddedHome extends AsyncDisposable {
  readonly identity: HomeIdentity;
  /** `https://127.0.0.1:PORT`. */
  readonly address: string;
  /** Speaks as the administrator, as the written kubeconfig does. */
  readonly client: Client;
}

/** Nobody waits for an answer from the other side of this address but this machine. */
const host = '127.0.0.1';
const nodeName = 'local';

/**
 * Opens the whole home or leaves nothing running. Throws STORE_IN_USE, HOME_PORT_TAKEN, HOME_UNWRITABLE and what the
 * parts throw.
 */
export async function openEmbeddedHome(
  options: EmbeddedHomeOptions,
  signal: AbortSignal,
): Promise<EmbeddedHome> {
  try {
    return await openParts(options, signal);
  } catch (error) {
    throw isDiskRefusal(error, options.directory) ? unwritable(options.directory, error) : error;
  }
}

async function openParts(options: EmbeddedHomeOptions, signal: AbortSignal): Promise<EmbeddedHome> {
  const { directory, clock, random, log } = options;
  await using opened = new AsyncDisposableStack();
  await makeHomeDirectory(directory);
  const store = opened.use(
    await openSqliteStore({ path: directory.database, log: log.with({ part: 'store' }) }, signal),
  );
  const identity = await openIdentity(directory, random);

  // The agent speaks to the API server and answers its log requests: each is handed the other when both are there.
  let agent: Agent | undefined;
  const server = opened.use(
    await openApiServer(
      {
        store,
        clock,
        random,
        log: log.with({ part: 'apiserver' }),
        serviceRange: identity.serviceRange,
        podLogs: (pod, logOptions, logSignal) => {
          if (agent) return agent.logs(pod, logOptions, logSignal);
          throw new PlatformError('HOME_STARTING', 'the agent of this home is not up yet', {
            hint: 'Try again in a moment.',
          });
        },
      },
      signal,
    ),
  );
  const certificates = await ensureCertificates(
    directory.certificates,
    { clock, random, hosts: [host, 'localhost'] },
    signal,
  );
  const front = opened.use(await listen(server, certificates, options, signal));
  const address = `https://${host}:${front.port}`;
  await replacePrivate(directory.kubeconfig, kubeconfigText(certificates, { server: address }));

  const clientOf = (user: UserInfo, program = 'tweendeck'): Client =>
    createClient({
      transport: server.transport(user),
      clock,
      random,
      userAgent: `${program}/${options.version}`,
    });
  const system = clientOf(systemUser('system:tweendeck:home'));
  await ensureSystemNamespaces(system, signal);
  await installKinds(system, signal);

  const tasks = opened.use(new TaskGroup({ onFailure: options.onFailure }));
  agent = opened.use(
    await startAgent(
      {
        client: clientOf(systemUser(`system:node:${nodeName}`), 'tweendeck-agent'),
        clock,
        random,
        log: log.with({ part: 'agent' }),
        nodeName,
        directory: directory.agent,
        podRange: identity.podRange,
        instance: identity.id,
        catalogue: programCatalogue(options),
        environment: podEnvironment(options.environment),
      },
      signal,
    ),
  );
  tasks.start((managerSignal) =>
    runManager(
      {
        client: clientOf(systemUser('system:tweendeck:controllers'), 'tweendeck-controllers'),
        clock,
        random,
        log: log.with({ part: 'controllers' }),
        controllers: [
          ...builtInControllers({
            loadBalancerAddress: host,
            rootCertificate: certificates.authority,
          }),
          cacheServerController(),
        ],
        tasks: builtInTasks(),
      },
      managerSignal,
    ),
  );
  const parts = opened.move();
  return {
    identity,
    address,
    client: clientOf(adminUser),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function listen(
  server: Parameters<typeof listenHttps>[0],
  certificates: Parameters<typeof listenHttps>[1]['certificates'],
  options: EmbeddedHomeOptions,
  signal: AbortSignal,
) {
  const { port, clock, log } = options;
  try {
    return await listenHttps(server, { host, port, certificates, clock, log }, signal);
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    throw await portTaken(host, port, 'Stop that program, or name another port with --port.');
  }
}

/** What a pod's process may know of this one's environment. */
function podEnvironment(
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'HOME', 'XDG_CACHE_HOME'];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
