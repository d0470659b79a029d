// `tweendeck up`: the embedded home, from the first key to Ctrl-C.

import { cacheServerKind } from '@tweendeck/cacheserver';
import { createMetrics, type Metrics } from '@tweendeck/controller';
import { EngineFigures } from '@tweendeck/engine';
import {
  aborted,
  createLogger,
  isAbort,
  type Logger,
  onAbort,
  PlatformError,
} from '@tweendeck/std';
import type { NodeWatchOptions } from '@tweendeck/workloads';
import type { Ambient } from '../ambient.ts';
import { measureProcess } from '../cluster/process-metrics.ts';
import { metricsRoute } from '../cluster/status-reply.ts';
import { type BindAddress, parseBindAddress, startStatusServer } from '../cluster/status-server.ts';
import type { Invocation, OptionValues } from '../command-line.ts';
import type { AuditSettings } from '../home/control-plane.ts';
import {
  type EmbeddedHome,
  type EmbeddedHomeOptions,
  openEmbeddedHome,
} from '../home/embedded-home.ts';
import { type HomeDirectory, homeDirectory } from '../home/home-directory.ts';
import { portHolder, portIsListened, portTaken } from '../home/port-holder.ts';
import { applyQuickstart, quickstartRef, troubleOf, untilServed } from '../home/quickstart.ts';
import { limitStop } from '../home/stop-limit.ts';

/** How long a CacheServer may be in trouble before it is said. */
const patienceMs = 5_000;

interface UpOptions {
  readonly directory: HomeDirectory;
  readonly port: number;
  readonly quickstart: 'cacheserver' | 'none';
  readonly cachePort: number;
  readonly json: boolean;
  readonly encryptionKeys: string | undefined;
  readonly audit: AuditSettings | undefined;
  readonly damagedRecords: 'refuse' | 'set-aside';
  readonly metricsAddress: BindAddress | undefined;
  readonly nodeCount: number;
  readonly leaseSeconds: number | undefined;
  readonly nodeWatch: NodeWatchOptions;
  readonly troubleTolerance: EmbeddedHomeOptions['troubleTolerance'];
}

export async function run({ world, options }: Invocation): Promise<number> {
  const up = upOptions(world, options);
  const log = createLogger({
    clock: world.clock,
    format: up.json ? 'json' : 'text',
    level:
      options.choice('log-level', ['debug', 'info', 'warn', 'error'] as const) ??
      (up.json ? 'info' : 'warn'),
    write: world.writeError,
  });
  world.goOnUnread(); // ending without a stop would leave pods behind
  using _limit = onAbort(world.signal, () => limitStop(world));
  const startedMs = world.clock.monotonicMs();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined); // read below, or not at all when it never comes
  await using told = new AsyncDisposableStack();
  const figures = new EngineFigures();
  const metrics = await tellFigures(world, up, figures, told);
  const home = await openEmbeddedHome(
    { ...up, ...worldParts(world), log, metrics, figures, onFailure: failure.reject },
    world.signal,
  );
  await using stopping = new AsyncDisposableStack();
  stopping.defer(async () => {
    limitStop(world); // a part that failed stops the home without a signal
    if (!up.json) world.writeError('Stopping.');
    await home[Symbol.asyncDispose]();
    log.info('stopped');
  });
  const readyMs = Math.round(world.clock.monotonicMs() - startedMs);
  say(world, up, home, readyMs);
  const stopped = aborted(world.signal);
  const started =
    up.quickstart === 'none' ? Promise.resolve() : startQuickstart(world, up, home, log);
  await Promise.race([stopped, failure.promise, started]);
  await Promise.race([stopped, failure.promise]);
  return 0;
}

/** What controllers do and engines see, for whoever reads `/metrics`. */
async function tellFigures(
  { version }: Ambient,
  { metricsAddress }: UpOptions,
  figures: EngineFigures,
  opened: AsyncDisposableStack,
): Promise<Metrics> {
  const metrics = createMetrics();
  if (metricsAddress === undefined) return metrics;
  opened.use(measureProcess(metrics, { version }));
  const route = metricsRoute(metrics, () => figures.families());
  opened.use(await startStatusServer(metricsAddress, [route]));
  return metrics;
}

function upOptions(world: Ambient, options: OptionValues): UpOptions {
  return {
    directory: homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory),
    port: options.integer('port', { min: 0, max: 65_535 }) ?? 7_443,
    quickstart: options.choice('quickstart', ['cacheserver', 'none'] as const) ?? 'cacheserver',
    cachePort: options.integer('cache-port', { min: 1, max: 65_535 }) ?? 8_126,
    json: options.flag('json'),
    encryptionKeys: options.text('encryption-keys'),
    audit: auditSettings(options),
    damagedRecords: options.flag('set-aside-damaged') ? 'set-aside' : 'refuse',
    metricsAddress: parseBindAddress(
      'metrics-bind-address',
      options.text('metrics-bind-address') ?? '0',
    ),
    nodeCount: options.integer('nodes', { min: 1, max: 100 }) ?? 1,
    leaseSeconds: options.integer('lease-seconds', { min: 1, max: 3_600 }),
    ...nodeTimes(options),
  };
}

function nodeTimes(options: OptionValues): Pick<UpOptions, 'nodeWatch' | 'troubleTolerance'> {
  const seconds = (name: string): number | undefined =>
    options.integer(name, { min: 0, max: 1_000_000 });
  const grace = seconds('node-monitor-grace-period');
  const notReady = seconds('default-not-ready-toleration-seconds');
  const unreachable = seconds('default-unreachable-toleration-seconds');
  return {
    nodeWatch: grace === undefined ? {} : { monitorGraceMs: grace * 1_000 },
    troubleTolerance: {
      ...(notReady === undefined ? {} : { notReadySeconds: notReady }),
      ...(unreachable === undefined ? {} : { unreachableSeconds: unreachable }),
    },
  };
}

/** @throws PlatformError CLI_USAGE for what is said of a log that nobody asked for. */
function auditSettings(options: OptionValues): AuditSettings | undefined {
  const path = options.text('audit-log');
  const policy = options.text('audit-policy');
  const size = options.integer('audit-log-size', { min: 1, max: 1_000_000 }) ?? 100;
  const filesMax = options.integer('audit-log-files', { min: 0, max: 1_000 }) ?? 10;
  if (path !== undefined) return { path, policy, bytesMax: size * 1024 ** 2, filesMax };
  if (policy === undefined) return undefined;
  throw new PlatformError('CLI_USAGE', '--audit-policy is of no use without --audit-log', {
    hint: 'Name the file to write to with --audit-log.',
  });
}

function worldParts({ clock, random, environment, self, version }: Ambient) {
  return { clock, random, environment, self, version };
}

function say(world: Ambient, up: UpOptions, home: EmbeddedHome, readyMs: number): void {
  const facts = {
    data: up.directory.path,
    apiServer: home.address,
    kubeconfig: up.directory.kubeconfig,
  };
  if (up.json) {
    world.write(JSON.stringify({ message: 'ready', version: world.version, ...facts, readyMs }));
    return;
  }
  world.write(
    [
      `Tweendeck ${world.version}, embedded home (ready after ${readyMs} ms)`,
      `  data         ${facts.data}`,
      `  API server   ${facts.apiServer}`,
      `  kubeconfig   ${facts.kubeconfig}`,
    ].join('\n'),
  );
}

/** Makes the quickstart's CacheServer and says where it is, or why it is not there yet. */
async function startQuickstart(
  world: Ambient,
  up: UpOptions,
  home: EmbeddedHome,
  log: Logger,
): Promise<void> {
  const existing = await home.client.get(cacheServerKind, quickstartRef, world.signal);
  await refuseTakenPort(existing?.spec.port ?? up.cachePort, home.identity.id);
  await applyQuickstart(home.client, { port: up.cachePort }, world.signal);
  const { clock, random } = world;
  let trouble: string | undefined;
  let said: string | undefined;
  const complain = (): void => {
    if (trouble === undefined || trouble === said) return;
    said = trouble;
    if (up.json) log.warn('the CacheServer is not ready', { trouble });
    else world.write(`  CacheServer  default/cache is not ready: ${trouble}`);
  };
  // What mends itself within a moment (a node that is just being registered) is not worth a line.
  using patience = clock.timer(patienceMs, complain);
  try {
    const endpoint = await untilServed(
      { client: home.client, tools: { clock, random, log } },
      (cache) => {
        trouble = troubleOf(cache);
        if (patience.fired) complain();
      },
      world.signal,
    );
    if (up.json) world.write(JSON.stringify({ message: 'cacheserver ready', endpoint }));
    else world.write(`  CacheServer  default/cache at ${endpoint}\nCtrl-C stops everything.`);
  } catch (error) {
    if (!isAbort(error, world.signal)) throw error;
  }
}

/** A port that a stranger holds would be found out only by the pod; say it here, with the holder's name. */
async function refuseTakenPort(port: number, instance: string): Promise<void> {
  if (!(await portIsListened('127.0.0.1', port))) return;
  const holder = await portHolder(port);
  if (holder?.environment.includes(`TWEENDECK_INSTANCE=${instance}`)) return;
  throw await portTaken(
    '127.0.0.1',
    port,
    'Stop that program, choose --cache-port (or the port in the CacheServer), or start with --quickstart=none.',
  );
}
