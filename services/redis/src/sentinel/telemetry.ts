// What is told of RedisSentinels: figures, alerts, what a dashboard draws. Tables.

import type { MemberMetric, Telemetry } from '@tweendeck/engine';
import { infoMetrics, lagBytes } from '../info-metrics.ts';
import { redisAlerts, redisPanels } from '../redis-alerts.ts';
import type { DataFacts, SentinelFacts, SetFacts } from './facts.ts';
import { standingOf } from './standing.ts';

const ofData =
  (read: (facts: DataFacts) => number | undefined): MemberMetric<SetFacts>['of'] =>
  ({ view: { facts } }) =>
    facts.kind === 'data' ? read(facts) : undefined;

const ofSentinel =
  (read: (facts: SentinelFacts) => number | undefined): MemberMetric<SetFacts>['of'] =>
  ({ view: { facts } }) =>
    facts.kind === 'sentinel' ? read(facts) : undefined;

export const redisSentinelTelemetry: Telemetry<SetFacts> = {
  members: [
    ...infoMetrics<SetFacts>((facts) => (facts.kind === 'data' ? facts.info : undefined)),
    {
      ...{ name: 'redis_keys', type: 'gauge', help: 'Keys that it holds.' },
      of: ofData(({ keys }) => keys),
    },
    {
      ...{ name: 'redis_replication_offset_bytes', type: 'gauge' },
      help: 'Bytes of the stream of writes that it wrote, or has.',
      of: ofData(({ offset }) => offset),
    },
    {
      ...{ name: 'redis_replication_lag_bytes', type: 'gauge' },
      help: 'Bytes of the stream that a follower has not got yet.',
      of: ({ view: { facts, role } }, { members }) => {
        if (facts.kind !== 'data' || role !== 'follower') return undefined;
        const leader = members.find(({ view }) => view?.role === 'leader')?.view?.facts;
        return lagBytes(leader?.kind === 'data' ? leader.offset : undefined, facts.offset);
      },
    },
    {
      ...{ name: 'redis_sentinel_watches', type: 'gauge' },
      help: '1 while the Sentinel knows of the set and hears its leader.',
      of: ofSentinel(({ watch }) => (watch !== undefined && watch.downMs === undefined ? 1 : 0)),
    },
    {
      ...{
        name: 'redis_sentinel_replicas',
        type: 'gauge',
        help: 'Replicas that a Sentinel knows.',
      },
      of: ofSentinel(({ watch }) => watch?.replicas.length ?? 0),
    },
    {
      ...{ name: 'redis_sentinel_others', type: 'gauge' },
      help: 'Other Sentinels that a Sentinel knows.',
      of: ofSentinel(({ watch }) => watch?.others.length ?? 0),
    },
    {
      ...{ name: 'redis_sentinel_epoch', type: 'gauge' },
      help: 'Of the failover that made the present leader; each one makes it higher.',
      of: ofSentinel(({ watch }) => watch?.epoch),
    },
  ],
  cluster: [
    {
      ...{ name: 'redis_writable', type: 'gauge' },
      help: '1 while a leader takes writes that most of the Sentinels name.',
      of: (observed) => (standingOf(observed).leader === undefined ? 0 : 1),
    },
    {
      ...{ name: 'redis_sentinel_majority', type: 'gauge' },
      help: '1 while most of the Sentinels that the spec asks for answer.',
      of: (observed) => (standingOf(observed).hasMajority ? 1 : 0),
    },
  ],
  alerts: [
    ...redisAlerts,
    {
      name: 'QuorumLost',
      expr: 'tweendeck_redis_sentinel_majority{kind="KIND"} == 0 and on (kind, namespace, name) tweendeck_cluster_phase{phase!~"Pending|Stopped|Terminating"} == 1',
      for: '1m',
      severity: 'critical',
      summary: 'Most Sentinels of {{ $labels.namespace }}/{{ $labels.name }} do not answer',
      description:
        'Writes go on as long as the leader does; nobody would take over from it. Bring their hosts back.',
    },
  ],
  panels: [
    ...redisPanels,
    {
      title: 'Sentinels',
      unit: 'short',
      queries: [
        { expr: 'tweendeck_redis_sentinel_watches{CLUSTER}', legend: '{{member}} watches' },
        { expr: 'tweendeck_redis_sentinel_epoch{CLUSTER}', legend: '{{member}} epoch' },
      ],
    },
  ],
};
