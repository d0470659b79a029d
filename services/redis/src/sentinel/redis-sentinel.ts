// The engine of Redis with Sentinels: one leader and its replicas, and those who choose it.

import {
  type Cluster,
  type ClusterSpec,
  type ClusterStatus,
  type Engine,
  type EngineModule,
  engineKind,
  engineModule,
  filesPath,
  type RenderContext,
  type Step,
  secretFilesPath,
} from '@tweendeck/engine';
import { type Kind, t } from '@tweendeck/kube';
import { aborted } from '@tweendeck/std';
import { sentinelPasswords } from '../credentials.ts';
import { memoryFor } from '../memory.ts';
import { openAs, wayTo } from '../open-as.ts';
import { ownOfSentinel } from '../own-parameters.ts';
import { askOne, type OpenLink, openTcpLink } from '../redis-link.ts';
import { setLive, settingsFile } from '../settings.ts';
import { listening, loadCertificateCommand } from '../tls.ts';
import type { PlannedDeed } from './deeds.ts';
import { doDeed } from './do-sentinel.ts';
import { observeData, observeSentinel, redisPort, type SetFacts, sentinelPort } from './facts.ts';
import { seenAfterDeed, seenOnceThere } from './foresee.ts';
import { listenToSentinel } from './listen.ts';
import { sentinelParameters } from './parameters.ts';
import { planPasswords } from './plan-passwords.ts';
import { mayLeaveSet, planHandOver, planSentinel } from './plan-sentinel.ts';
import {
  countOf,
  defaultCounts,
  masterName,
  type SentinelOptions,
  sentinelId,
  toldByRole,
} from './settings.ts';
import { isDownBySentinels, rolesIn, standingOf } from './standing.ts';
import { redisSentinelTelemetry } from './telemetry.ts';

type Context = RenderContext<SentinelOptions>;

/** Nobody listens there: who follows it has no link, and takes no writes. */
const nobody = '127.0.0.1 1';

function flagsOf(settings: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Outgoing connections come from the pod's own address: the others take it for where they are. */
const network = {
  ...{ bind: '$(POD_IP)', 'bind-source-addr': '$(POD_IP)', 'protected-mode': 'no' },
} as const;

function dataCommand({ cluster, place }: Context): readonly string[] {
  const { spec } = cluster;
  const flags = flagsOf({
    ...(spec.auth?.mode === 'none' ? {} : { include: `${secretFilesPath}/auth.conf` }),
    ...network,
    ...{ ...listening(cluster, redisPort), dir: '/data', 'replica-announce-ip': '$(POD_IP)' },
    // Whatever it was before: it is told what to be.
    ...{ replicaof: nobody, 'replica-priority': 0 },
    ...{ 'min-replicas-max-lag': 2, 'repl-diskless-sync-delay': 0 },
    ...{
      maxmemory: memoryFor(spec, place.group),
      appendonly: spec.config?.['appendonly'] ?? 'yes',
    },
  });
  return [`${filesPath}/redis.conf`, ...flags];
}

/** What was chosen, but for what a server is told once it is known what it is to be. */
function chosenSettings({ cluster: { spec } }: Context): Readonly<Record<string, string | number>> {
  const { appendonly: _, ...config } = spec.config ?? {};
  return Object.fromEntries(Object.entries(config).filter(([name]) => !toldByRole.has(name)));
}

/**
 * A Sentinel keeps what it knows in its configuration file, which must be there when it starts, and no shell is there to make
 * it. So the file is called what a pattern that means itself is called: a pattern may match nothing; and it is made as a log
 * file would be, which `first.conf` names and the last argument takes back.
 */
const stateFile = 'sentinel.con?';

function sentinelCommand({ cluster }: Context): readonly string[] {
  return [
    ...[`/data/${stateFile}`, '--sentinel'],
    ...flagsOf({ ...network, ...listening(cluster, sentinelPort), dir: '/data' }),
    ...flagsOf(
      cluster.spec.auth?.mode === 'none' ? {} : { aclfile: `${secretFilesPath}/users.acl` },
    ),
    ...flagsOf({ include: '/etc/tweendeck/first.conf', logfile: '' }),
  ];
}

/** What is done at once, so that the next thing can be done soon. */
const quick: ReadonlySet<string> = new Set(['lead', 'follow', 'set', 'watch', 'adjust']);

const times = { periodSeconds: 2, failureThreshold: 2 } as const;
const liveTimes = { periodSeconds: 10, failureThreshold: 6 } as const;

/** `open` is the way to members: TCP when omitted. */
export function redisSentinelEngine(
  open: OpenLink = openTcpLink,
): Engine<SentinelOptions, SetFacts> {
  const stepOf = (
    { id, why, on, risk, deed }: PlannedDeed,
    cluster: Pick<Cluster<unknown>, 'passwords' | 'tls'>,
  ): Step => ({
    ...{ id, why, on, risk },
    timeLimitSeconds: deed.kind === 'wait' ? 120 : 15,
    repeats: quick.has(deed.kind),
    run: (signal) => doDeed(deed, openAs(cluster, open), signal),
  });
  return {
    kind: 'RedisSentinel',
    plural: 'redissentinels',
    shortNames: ['rsen'],
    description: 'A Redis leader with replicas, and Sentinels that make another one the leader.',
    component: 'redis-sentinel',
    versions: { '7.0': { image: 'tweendeck.io/redis:7', upgradesFrom: [] } },
    groups: {
      data: {
        description: 'The leader and its replicas.',
        members: { min: 1, max: 7, default: defaultCounts.data },
        limits: { cpu: '250m', memory: '256Mi' },
        keepsData: true,
      },
      sentinels: {
        description: 'Those who choose the leader: 3, 5 or 7.',
        members: { min: 3, max: 7, default: defaultCounts.sentinels, odd: true },
        limits: { cpu: '50m', memory: '64Mi' },
        keepsData: true,
      },
    },
    clientGroup: 'data',
    services: { byRole: true },
    backups: true,
    passwords: sentinelPasswords,
    tls: true,
    ownParameters: ownOfSentinel,
    parameters: sentinelParameters,
    recipes: {
      data: {
        command: dataCommand,
        files: (context) => ({ 'redis.conf': settingsFile(chosenSettings(context)) }),
        ports: { redis: redisPort },
        readiness: { tcpSocket: { port: 'redis' }, ...times },
        liveness: { tcpSocket: { port: 'redis' }, ...liveTimes },
        certificates: 'live',
        graceSeconds: 30,
      },
      sentinels: {
        command: sentinelCommand,
        files: ({ cluster, name }) => ({
          'first.conf': `logfile ${stateFile}\nsentinel myid ${sentinelId(cluster, name)}\n`,
        }),
        ports: { sentinel: sentinelPort },
        readiness: { tcpSocket: { port: 'sentinel' }, ...times },
        liveness: { tcpSocket: { port: 'sentinel' }, ...liveTimes },
        graceSeconds: 10,
      },
    },
    observe: async ({ pod, place }, cluster, signal) => {
      const isData = place.group === 'data';
      const port = isData ? redisPort : sentinelPort;
      using link = await openAs(cluster, open)({ host: pod?.ip ?? '', port }, signal);
      const { certificate } = link;
      // A Sentinel does not read its own anew: it is restarted.
      const shown = certificate === undefined ? {} : { certificate };
      if (isData) return { ...(await observeData(link, cluster, signal)), ...shown };
      const counts = { data: countOf(cluster.spec, 'data') };
      const sentinels = countOf(cluster.spec, 'sentinels');
      const set = { masterName: masterName(cluster), sentinels, ...counts };
      const view = await observeSentinel(link, { ...set, passwords: cluster.passwords }, signal);
      // What is chosen is of servers: there is nothing to wait for.
      return { ...view, settings: cluster.settings ?? {} };
    },
    roles: rolesIn,
    isDown: isDownBySentinels,
    setLive: async ({ pod }, settings, cluster, signal) => {
      using link = await openAs(cluster, open)({ host: pod?.ip ?? '', port: redisPort }, signal);
      await setLive(link, settings, signal);
    },
    telemetry: redisSentinelTelemetry,
    listen: async ({ pod, place }, cluster, changed, signal) => {
      if (place.group === 'data') return aborted(signal); // Sentinels tell of them
      const address = { host: pod?.ip ?? '', port: sentinelPort };
      await listenToSentinel({ ...address, ...wayTo(cluster) }, changed, signal);
    },
    loadCertificate: async ({ pod }, cluster, signal) => {
      using link = await openAs(cluster, open)({ host: pod?.ip ?? '', port: redisPort }, signal);
      await askOne(link, loadCertificateCommand, signal);
    },
    plan: (cluster, observed) => {
      const standing = standingOf(observed);
      const { deeds, ...rest } = planSentinel(cluster, standing);
      const all = [...planPasswords(cluster, standing), ...deeds];
      return { ...rest, steps: all.map((deed) => stepOf(deed, cluster)) };
    },
    foresee: (observed, cluster, step) => {
      if (step === undefined) return seenOnceThere(observed, cluster);
      const standing = standingOf(observed);
      const { leader } = standing;
      const planned = [
        ...planPasswords(cluster, standing),
        ...planSentinel(cluster, standing).deeds,
        ...[leader && planHandOver(cluster, standing, leader)],
      ].find((one) => one?.id === step);
      return planned && seenAfterDeed(planned.deed, observed, cluster);
    },
    holdsData: ({ place, view }) => {
      if (place.group !== 'data') return false; // Sentinels learn anew
      return view?.facts.kind !== 'data' || view.facts.keys > 0;
    },
    mayLeave: (member, observed) => mayLeaveSet(member, standingOf(observed)),
    handOver: ({ name }, cluster, observed) => {
      const standing = standingOf(observed);
      if (standing.leader?.name !== name) return undefined;
      const deed = planHandOver(cluster, standing, standing.leader);
      return deed && stepOf(deed, cluster);
    },
  };
}

const options = t
  .object({
    downAfterMs: t
      .int32({ minimum: 500, maximum: 60_000 })
      .default(5_000)
      .describe('After so many milliseconds without an answer the leader is replaced.'),
  })
  .default({ downAfterMs: 5_000 });

/** Addresses RedisSentinels, and gives their CustomResourceDefinition. */
export const redisSentinelKind: Kind<ClusterSpec<SentinelOptions>, ClusterStatus> = engineKind(
  redisSentinelEngine(),
  options,
);

/** To the platform. */
export const redisSentinelModule: EngineModule = engineModule(
  redisSentinelKind,
  redisSentinelEngine(),
);
