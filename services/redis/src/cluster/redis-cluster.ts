// The engine of Redis Cluster: shards of a leader and its replicas, driven by the cluster's own commands.

import type { Controller } from '@tweendeck/controller';
import {
  type Cluster,
  type ClusterSpec,
  type ClusterStatus,
  type Engine,
  type EngineModule,
  engineController,
  engineKind,
  engineModule,
  filesPath,
  type Member,
  type Observed,
  type RenderContext,
  type Step,
  secretFilesPath,
} from '@tweendeck/engine';
import { type Kind, t } from '@tweendeck/kube';
import { redisPasswords } from '../credentials.ts';
import { memoryFor } from '../memory.ts';
import { openAs } from '../open-as.ts';
import { ownOfCluster } from '../own-parameters.ts';
import { askOne, type OpenLink, openTcpLink } from '../redis-link.ts';
import { ownDefaults, redisParameters, setLive, settingsFile } from '../settings.ts';
import { loadCertificateCommand, speaking } from '../tls.ts';
import type { PlannedDeed, RedisDeed } from './deeds.ts';
import { doDeed } from './do-deed.ts';
import { observeMember, type RedisFacts } from './facts.ts';
import { startSettings } from './fence.ts';
import { seenAfterDeed, seenOnceThere } from './foresee.ts';
import { planRedis } from './plan-cluster.ts';
import { handOver } from './plan-leading.ts';
import { addressOf, busPort, isSeen, openUnseen, redisPort } from './seen.ts';
import { missingSlots, slotsLeaving } from './shards.ts';
import { slotsHeld } from './slots.ts';
import { redisClusterTelemetry } from './telemetry.ts';

/** A server gives up a hand-over after five seconds, and tells nobody. */
const limitsSeconds: Partial<Record<RedisDeed['kind'], number>> = { move: 3_600, lead: 15 };

/** What may be chosen of what the server has. */
const clusterParameters = Object.fromEntries(
  Object.entries(redisParameters).filter(([name]) => !(name in ownOfCluster)),
);

export interface RedisClusterOptions {
  /** After so long without an answer a master counts as failed. */
  readonly nodeTimeoutMs: number;
}

type Context = RenderContext<RedisClusterOptions>;

/** What is the same for as long as a member runs; the rest is in a file, so that it can change meanwhile. */
function command({ cluster, place }: Context): readonly string[] {
  const { spec } = cluster;
  const { auth, options, tls } = spec;
  const settings: Readonly<Record<string, string | number>> = {
    ...(auth?.mode === 'none' ? {} : { include: `${secretFilesPath}/auth.conf` }),
    ...{ bind: '$(POD_IP)', ...speaking(cluster), dir: '/data' },
    ...{ 'protected-mode': 'no', ...(tls?.mode === 'required' ? { 'tls-cluster': 'yes' } : {}) },
    ...{ 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf' },
    'cluster-announce-ip': '$(POD_IP)',
    'cluster-node-timeout': options.nodeTimeoutMs,
    // A replica stays in its shard, and may always take over: who is the best one is decided by their offsets.
    ...{ 'cluster-allow-replica-migration': 'no', 'cluster-replica-validity-factor': 0 },
    'cluster-require-full-coverage': 'no',
    maxmemory: memoryFor(spec, place.group),
  };
  return [
    `${filesPath}/redis.conf`,
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ];
}

const shardTimes = { periodSeconds: 2, failureThreshold: 2 } as const;

/** `open` is the way to members: TCP when omitted. */
export function redisClusterEngine(
  open: OpenLink = openTcpLink,
): Engine<RedisClusterOptions, RedisFacts> {
  const stepOf = (
    { id, why, on, risk, deed }: PlannedDeed,
    cluster: Pick<Cluster<unknown>, 'passwords' | 'tls'>,
  ): Step => ({
    ...{ id, why, on, risk, timeLimitSeconds: limitsSeconds[deed.kind] ?? 60 },
    repeats: deed.kind === 'move',
    run: (signal) => {
      const way = { open: openAs(cluster, open), password: cluster.passwords?.current };
      return doDeed(deed, way, signal);
    },
  });
  return {
    kind: 'RedisCluster',
    plural: 'redisclusters',
    shortNames: ['rc'],
    description: 'A Redis Cluster: keys divided among shards, each a leader with replicas.',
    component: 'redis-cluster',
    versions: { '7.0': { image: 'tweendeck.io/redis:7', upgradesFrom: [] } },
    groups: {
      data: {
        description: 'The members: a leader and its replicas in each shard.',
        shards: { min: 3, max: 100, default: 3 },
        members: { min: 1, max: 6, default: 2 },
        limits: { cpu: '250m', memory: '256Mi' },
        keepsData: true,
      },
    },
    clientGroup: 'data',
    services: { byShard: true },
    passwords: redisPasswords,
    tls: true,
    backups: true,
    parameters: clusterParameters,
    ownParameters: ownOfCluster,
    recipes: {
      data: {
        command,
        files: ({ cluster }) => ({
          'redis.conf': settingsFile({
            ...{ ...ownDefaults, ...cluster.spec.config, ...startSettings(cluster) },
          }),
        }),
        ports: { redis: redisPort, bus: busPort },
        readiness: { tcpSocket: { port: 'redis' }, ...shardTimes },
        // One that is fenced lives.
        liveness: { tcpSocket: { port: 'bus' }, periodSeconds: 10, failureThreshold: 6 },
        certificates: 'live',
        graceSeconds: 30,
      },
    },
    observe: async (member, cluster, signal) => {
      using link = await openUnseen(member, openAs(cluster, open), signal);
      const view = await observeMember(link, cluster, signal);
      const { certificate } = link;
      return certificate === undefined ? view : { ...view, certificate };
    },
    plan: (cluster, observed) => {
      const { deeds, ...rest } = planRedis(cluster, observed);
      return { ...rest, steps: deeds.map((deed) => stepOf(deed, cluster)) };
    },
    setLive: async (member, settings, cluster, signal) => {
      using link = await openAs(cluster, open)(addressOf(member), signal);
      await setLive(link, settings, signal);
    },
    telemetry: redisClusterTelemetry,
    foresee: (observed, cluster, step) => {
      if (step === undefined) return seenOnceThere(observed, cluster);
      const seen = observed.members.filter(isSeen);
      const deeds = [
        ...planRedis(cluster, observed).deeds,
        ...seen.flatMap((one) => handOver(one, seen, 'be restarted') ?? []),
      ];
      const planned = deeds.find(({ id }) => id === step);
      return planned && seenAfterDeed(planned.deed, observed);
    },
    loadCertificate: async (member, cluster, signal) => {
      using link = await openAs(cluster, open)(addressOf(member), signal);
      await askOne(link, loadCertificateCommand, signal);
    },
    mayLeave,
    holdsData: ({ view }) => view === undefined || view.facts.keys > 0,
    handOver: (from, cluster, observed) => {
      const seen = observed.members.filter(isSeen);
      const deed = isSeen(from) ? handOver(from, seen, 'be restarted') : undefined;
      return deed && stepOf(deed, cluster);
    },
  };
}

/** A member without keys and slots may go, and a replica; who does not answer, when others own all slots, and keys of them. */
export function mayLeave(
  member: Member<RedisFacts>,
  { members }: Observed<RedisFacts>,
): true | string {
  if (!isSeen(member)) {
    const seen = members.filter(isSeen);
    const missing = missingSlots(seen);
    if (missing > 0) return `it does not answer, and ${missing} slots may be its own`;
    const leaving = slotsLeaving(seen);
    return leaving === 0 ? true : `it does not answer, and may have keys of ${leaving} slots`;
  }
  const { self, keys } = member.view.facts;
  if (self.masterId !== undefined) {
    const isCopy = members.some(({ view }) => view?.facts.id === self.masterId);
    return isCopy || keys === 0 ? true : 'its leader is away, and it may have the only copy';
  }
  const slots = slotsHeld(self.slots);
  if (slots > 0) return `it owns ${slots} slots`;
  return keys === 0 ? true : `it holds ${keys} keys`;
}

const options = t
  .object({
    nodeTimeoutMs: t
      .int32({ minimum: 500, maximum: 60_000 })
      .default(5_000)
      .describe('After so many milliseconds without an answer a leader is replaced.'),
  })
  .default({ nodeTimeoutMs: 5_000 });

/** Addresses RedisClusters, and gives their CustomResourceDefinition. */
export const redisClusterKind: Kind<ClusterSpec<RedisClusterOptions>, ClusterStatus> = engineKind(
  redisClusterEngine(),
  options,
);

/** Runs RedisClusters; field manager and event source `redis-cluster`. `open` is the way to members. */
export function redisClusterController(open: OpenLink): Controller {
  return engineController(redisClusterKind, redisClusterEngine(open));
}

/** To the platform. */
export const redisClusterModule: EngineModule = engineModule(
  redisClusterKind,
  redisClusterEngine(),
);
