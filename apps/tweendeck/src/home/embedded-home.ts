// The embedded home: control plane, controllers and agent put together in one process.

import { type Agent, startAgent } from '@tweendeck/agent';
import { controllersUser, homeUser, nodeUser } from '@tweendeck/apiserver';
import type { Client } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { PlatformError, TaskGroup } from '@tweendeck/std';
import {
  builtInControllers,
  builtInTasks,
  ensureDefaultStorageClass,
  ensureSystemNamespaces,
  kubernetesService,
} from '@tweendeck/workloads';
import { platformControllers } from '../platform.ts';
import { programCatalogue } from './catalogue.ts';
import {
  apiServiceAddress,
  type ControlPlane,
  type ControlPlaneOptions,
  homeHost,
  openControlPlane,
} from './control-plane.ts';
import { type HomeIdentity, isDiskRefusal, unwritable } from './home-directory.ts';
import { installKinds } from './platform-kinds.ts';

export interface EmbeddedHomeOptions extends ControlPlaneOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** How to start this program again, for images of our own. */
  readonly self: readonly string[];
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
  await using opened = new AsyncDisposableStack();
  // The agent speaks to the API server and answers its log requests: each is handed the other when both are there.
  let agent: Agent | undefined;
  const running = (): Agent => {
    if (agent) return agent;
    throw new PlatformError('HOME_STARTING', 'the agent of this home is not up yet', {
      hint: 'Try again in a moment.',
    });
  };
  const plane = opened.use(
    await openControlPlane(
      {
        ...options,
        podLogs: (...asked) => running().logs(...asked),
        podStreams: {
          exec: (...asked) => running().exec(...asked),
          attach: (...asked) => running().attach(...asked),
        },
      },
      signal,
    ),
  );
  const system = plane.clientOf(homeUser);
  await ensureSystemNamespaces(system, signal);
  await ensureDefaultStorageClass(system, signal);
  await installKinds(system, signal);
  // Disposed after the agent: controllers see its pods off.
  const tasks = opened.use(new TaskGroup({ onFailure: options.onFailure }));
  agent = opened.use(await openAgent(plane, options, signal));
  tasks.start((managerSignal) => runControllers(plane, options, managerSignal));
  const parts = opened.move();
  return {
    identity: plane.identity,
    address: plane.address,
    client: plane.clientOf(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function openAgent(
  { identity, address, clientOf }: ControlPlane,
  options: EmbeddedHomeOptions,
  signal: AbortSignal,
): Promise<Agent> {
  const { clock, random, log, directory } = options;
  return startAgent(
    {
      client: clientOf(nodeUser(nodeName), 'tweendeck-agent'),
      clock,
      random,
      log: log.with({ part: 'agent' }),
      nodeName,
      directory: directory.agent,
      podRange: identity.podRange,
      instance: identity.id,
      catalogue: programCatalogue(options),
      environment: { ...podEnvironment(options.environment), ...apiAddress(address) },
    },
    signal,
  );
}

function runControllers(
  { identity, address, authority, clientOf }: ControlPlane,
  { clock, random, log }: EmbeddedHomeOptions,
  signal: AbortSignal,
): Promise<void> {
  return runManager(
    {
      client: clientOf(controllersUser, 'tweendeck-controllers'),
      clock,
      random,
      log: log.with({ part: 'controllers' }),
      controllers: [
        ...builtInControllers({ loadBalancerAddress: homeHost, rootCertificate: authority }),
        ...platformControllers(),
      ],
      tasks: [
        ...builtInTasks(),
        kubernetesService({
          clusterIP: apiServiceAddress(identity.serviceRange),
          address: homeHost,
          port: Number(new URL(address).port),
        }),
      ],
    },
    signal,
  );
}

/** Where programs in pods look for the API. */
function apiAddress(address: string): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(address);
  return {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    KUBERNETES_SERVICE_PORT_HTTPS: port,
    KUBERNETES_PORT: `tcp://${hostname}:${port}`,
  };
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
