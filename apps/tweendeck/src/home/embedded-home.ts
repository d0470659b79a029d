// The embedded home: control plane, controllers and agent put together in one process.

import { hostname } from 'node:os';
import { listensOnFronts } from '@tweendeck/agent';
import { controllersUser, homeUser } from '@tweendeck/apiserver';
import type { Client } from '@tweendeck/client';
import { type Metrics, runManager } from '@tweendeck/controller';
import type { EngineFigures } from '@tweendeck/engine';
import { serviceRelayController, TcpRelay } from '@tweendeck/network';
import { TaskGroup } from '@tweendeck/std';
import {
  builtInControllers,
  builtInTasks,
  ensureDefaultStorageClass,
  ensureSystemNamespaces,
  kubernetesService,
  type NodeWatchOptions,
} from '@tweendeck/workloads';
import { platformControllers } from '../platform.ts';
import { backupControllers } from '../platform-backups.ts';
import { programCatalogue } from './catalogue.ts';
import {
  apiServiceAddress,
  type ControlPlane,
  type ControlPlaneOptions,
  homeHost,
  openControlPlane,
} from './control-plane.ts';
import { HomeAgents } from './home-agents.ts';
import { type HomeIdentity, isDiskRefusal, unwritable } from './home-directory.ts';
import { installKinds } from './platform-kinds.ts';

export interface EmbeddedHomeOptions extends ControlPlaneOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** How to start this program again, for images of our own. */
  readonly self: readonly string[];
  /** Nodes in this process. Default 1. */
  readonly nodeCount?: number;
  /** How long the leases of its nodes last. Default 40. */
  readonly leaseSeconds?: number | undefined;
  /** How long nodes may be silent. */
  readonly nodeWatch?: NodeWatchOptions;
  /** Where controllers tell what they do, and engines what they see. */
  readonly metrics: Metrics;
  readonly figures: EngineFigures;
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
  // Agents speak to the API server and answer its requests: each is handed the other when both are there.
  const agents = new HomeAgents();
  const plane = opened.use(
    await openControlPlane({ ...options, podLogs: agents.logs, podStreams: agents }, signal),
  );
  const system = plane.clientOf(homeUser);
  await ensureSystemNamespaces(system, signal);
  await ensureDefaultStorageClass(system, signal);
  await installKinds(system, signal);
  const { clock, log } = options;
  const relay = opened.use(new TcpRelay({ clock, log: log.with({ part: 'relay' }) }));
  // Disposed after the agents: controllers see their pods off.
  const tasks = opened.use(new TaskGroup({ onFailure: options.onFailure }));
  opened.use(await agents.start(plane, options, signal));
  tasks.start((managerSignal) => runControllers({ plane, relay }, options, managerSignal));
  const parts = opened.move();
  return {
    identity: plane.identity,
    address: plane.address,
    client: plane.clientOf(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function runControllers(
  { plane, relay }: { readonly plane: ControlPlane; readonly relay: TcpRelay },
  { self, environment, clock, random, log, metrics, figures, nodeWatch }: EmbeddedHomeOptions,
  signal: AbortSignal,
): Promise<void> {
  const { identity, address, authority, clientOf } = plane;
  const catalogue = programCatalogue({ self, environment });
  return runManager(
    {
      client: clientOf(controllersUser, 'tweendeck-controllers'),
      clock,
      random,
      log: log.with({ part: 'controllers' }),
      metrics,
      instance: hostname(),
      controllers: [
        ...builtInControllers({ loadBalancerAddress: homeHost, rootCertificate: authority }),
        serviceRelayController({
          relay,
          servesItself: (pod) => listensOnFronts(catalogue, pod),
        }),
        ...platformControllers(figures),
        ...backupControllers('allowed'),
      ],
      tasks: [
        ...builtInTasks(nodeWatch ? { nodes: nodeWatch } : {}),
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
