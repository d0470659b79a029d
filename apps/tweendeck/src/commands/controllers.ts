// `tweendeck controllers`: the cluster home, the platform's controllers against a real Kubernetes.

import { hostname } from 'node:os';
import { createClient, httpsTransport, type Selection } from '@tweendeck/client';
import { createHealth, createMetrics, observedTransport, runManager } from '@tweendeck/controller';
import { EngineFigures } from '@tweendeck/engine';
import type { KubeObject, Resource } from '@tweendeck/kube';
import { createLogger, isPlatformError, type Logger, messageOf, onAbort } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { type ClusterAccess, clusterAccess } from '../cluster/cluster-access.ts';
import { measureProcess } from '../cluster/process-metrics.ts';
import { healthRoute, metricsRoute, type StatusRoute } from '../cluster/status-reply.ts';
import { type BindAddress, parseBindAddress, startStatusServer } from '../cluster/status-server.ts';
import type { Invocation, OptionValues } from '../command-line.ts';
import { platformControllers, platformKinds } from '../platform.ts';
import { backupControllers } from '../platform-backups.ts';

/** Passes 10 s, what does not heed its end 2 s, events 2 s, the lease 5 s: well within a pod's grace of 30 s. */
const stopMsMax = 25_000;

/** Most of what they hold stays for long. `bench/redis/controllers-process.ts` has the same. */
const heapGrowthPercent = 40;

interface ControllersOptions {
  readonly kubeconfig: string | undefined;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  readonly leaderElect: boolean;
  readonly leaseName: string;
  readonly leaseNamespace: string | undefined;
  readonly metricsAddress: BindAddress | undefined;
  readonly healthAddress: BindAddress | undefined;
}

export async function run({ world, options }: Invocation): Promise<number> {
  const own = controllersOptions(options);
  const log = createLogger({
    clock: world.clock,
    format: options.flag('json') ? 'json' : 'text',
    level: options.choice('log-level', ['debug', 'info', 'warn', 'error'] as const) ?? 'info',
    write: world.writeError,
  });
  world.limitHeapGrowth(heapGrowthPercent);
  world.goOnUnread(); // ending without a stop would hold the lease until it expires
  using _limit = onAbort(world.signal, () => limitStop(world, log));
  try {
    await runControllers(world, own, log);
    log.info('stopped');
    return 0;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    log.error(messageOf(error), { code: error.code, hint: error.hint });
    return 1;
  }
}

function controllersOptions(options: OptionValues): ControllersOptions {
  const address = (name: string, usual: string): BindAddress | undefined =>
    parseBindAddress(name, options.text(name) ?? usual);
  return {
    kubeconfig: options.text('kubeconfig'),
    namespace: options.text('namespace') || undefined,
    leaderElect: options.choice('leader-elect', ['true', 'false'] as const) !== 'false',
    leaseName: options.text('leader-elect-resource-name') ?? 'tweendeck-controllers',
    leaseNamespace: options.text('leader-elect-resource-namespace') || undefined,
    metricsAddress: address('metrics-bind-address', ':8080'),
    healthAddress: address('health-probe-bind-address', ':8081'),
  };
}

async function runControllers(
  world: Ambient,
  options: ControllersOptions,
  log: Logger,
): Promise<void> {
  const { clock, random, version } = world;
  await using opened = new AsyncDisposableStack();
  const metrics = createMetrics();
  const figures = new EngineFigures();
  const health = createHealth();
  const starting = health.add('start', () => 'not started yet');
  health.add('shutdown', () => (world.signal.aborted ? 'stopping' : undefined));
  opened.use(measureProcess(metrics, { version }));
  const told = metricsRoute(metrics, () => figures.families());
  await openDoors(opened, options, [healthRoute(health), told], log);
  const { connection, namespace } = await clusterAccess(world, options.kubeconfig, log);
  const { host } = new URL(connection.server);
  const bare = opened.use(httpsTransport(connection));
  const transport = opened.use(observedTransport(bare, { metrics, health, clock, host }));
  const userAgent = `tweendeck-controllers/${version}`;
  const client = createClient({ transport, clock, random, log, userAgent });
  const leaderElection = electionOf(world, options, namespace);
  log.info('starting', {
    version,
    server: connection.server,
    namespace: options.namespace,
    lease: leaderElection && `${leaderElection.lease.namespace}/${leaderElection.lease.name}`,
    identity: leaderElection?.identity,
  });
  const running = runManager(
    {
      client,
      clock,
      random,
      log,
      metrics,
      health,
      controllers: [...platformControllers(figures), ...backupControllers('refused')],
      selectionOf: selectionWithin(options.namespace),
      ...(leaderElection ? { leaderElection } : {}),
    },
    world.signal,
  );
  starting[Symbol.dispose](); // the manager has added its checks
  await running;
}

/** Opens the doors for probes and for figures: two, or one when both have the same address. */
async function openDoors(
  opened: AsyncDisposableStack,
  { healthAddress, metricsAddress }: ControllersOptions,
  [health, figures]: readonly [StatusRoute, StatusRoute],
  log: Logger,
): Promise<void> {
  const shared = healthAddress && metricsAddress && sameAddress(healthAddress, metricsAddress);
  const doors = shared
    ? [{ name: 'health and metrics', address: healthAddress, routes: [health, figures] }]
    : [
        { name: 'health', address: healthAddress, routes: [health] },
        { name: 'metrics', address: metricsAddress, routes: [figures] },
      ];
  for (const { name, address, routes } of doors) {
    if (!address) continue;
    const { port } = opened.use(await startStatusServer(address, routes));
    log.info(`serving ${name}`, { host: address.host, port });
  }
}

/** Port 0 is another one each time. */
function sameAddress(left: BindAddress, right: BindAddress): boolean {
  return left.host === right.host && left.port === right.port && left.port !== 0;
}

function electionOf(
  { environment, random }: Ambient,
  { leaderElect, leaseName, leaseNamespace }: ControllersOptions,
  namespace: ClusterAccess['namespace'],
) {
  if (!leaderElect) return undefined;
  const pod = environment['POD_NAME'] || hostname();
  const unique = Buffer.from(random.bytes(8)).toString('hex');
  return {
    lease: { name: leaseName, namespace: leaseNamespace ?? namespace },
    identity: `${pod}_${unique}`,
  };
}

const ownGroups: ReadonlySet<string> = new Set(platformKinds.map(({ group }) => group));

/** A cluster is full of others' pods: of foreign kinds only what the platform made is kept in memory. */
function selectionWithin(
  namespace: string | undefined,
): (resource: Resource<KubeObject>) => Selection {
  const made = { labelSelector: 'app.kubernetes.io/managed-by=tweendeck' };
  return ({ group }) => ({ namespace, ...(ownGroups.has(group) ? {} : made) });
}

/** A stop that hangs ends the process before Kubernetes kills it, so that it is said. */
function limitStop({ clock, endNow }: Ambient, log: Logger): void {
  const late = (): void => {
    log.error(`not stopped within ${stopMsMax / 1_000} s, ending at once`);
    endNow();
  };
  clock.timer(stopMsMax, late, { keepAlive: false });
}
