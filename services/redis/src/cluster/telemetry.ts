// What is told of RedisClusters: figures, alerts, what a dashboard draws. Tables.

import type { Telemetry } from '@tweendeck/engine';
import { infoMetrics, lagBytes } from '../info-metrics.ts';
import { redisAlerts, redisPanels } from '../redis-alerts.ts';
import type { RedisFacts } from './facts.ts';
import { isSeen } from './seen.ts';
import { missingSlots } from './shards.ts';
import { slotsHeld } from './slots.ts';

export const redisClusterTelemetry: Telemetry<RedisFacts> = {
  members: [
    ...infoMetrics<RedisFacts>(({ info }) => info),
    {
      ...{ name: 'redis_keys', type: 'gauge', help: 'Keys that it holds.' },
      of: ({ view }) => view.facts.keys,
    },
    {
      ...{ name: 'redis_replication_offset_bytes', type: 'gauge' },
      help: 'Bytes of the stream of writes that it wrote, or has.',
      of: ({ view }) => view.facts.offset,
    },
    {
      ...{ name: 'redis_replication_lag_bytes', type: 'gauge' },
      help: 'Bytes of the stream that a follower has not got yet.',
      of: ({ view: { facts } }, { members }) => {
        const { masterId } = facts.self;
        if (masterId === undefined) return undefined;
        const leader = members.find(({ view }) => view?.facts.id === masterId);
        return lagBytes(leader?.view?.facts.offset, facts.offset);
      },
    },
    {
      ...{ name: 'redis_cluster_slots', type: 'gauge', help: 'Slots that it owns, of 16384.' },
      of: ({ view }) => slotsHeld(view.facts.self.slots),
    },
    {
      ...{ name: 'redis_cluster_slots_moving', type: 'gauge' },
      help: 'Slots that are on their way from it or to it.',
      of: ({ view: { facts } }) => facts.self.migrating.size + facts.self.importing.size,
    },
    {
      ...{ name: 'redis_cluster_state_ok', type: 'gauge' },
      help: '1 while it takes writes for its slots, as far as it can tell.',
      of: ({ view }) => (view.facts.clusterOk ? 1 : 0),
    },
  ],
  cluster: [
    {
      ...{ name: 'redis_cluster_slots_missing', type: 'gauge' },
      help: 'Slots that no member owns that answers.',
      of: ({ members }) => Math.max(0, missingSlots(members.filter(isSeen))),
    },
    {
      ...{ name: 'redis_cluster_epoch', type: 'gauge' },
      help: 'The highest epoch that a member knows; each failover makes it higher.',
      of: ({ members }) => {
        const epochs = members.flatMap(({ view }) => (view ? [view.facts.currentEpoch] : []));
        return epochs.length === 0 ? undefined : Math.max(...epochs);
      },
    },
    {
      ...{ name: 'redis_writable', type: 'gauge' },
      help: '1 while each slot is owned by a member that answers and takes writes.',
      of: ({ members }) => {
        const taking = members.filter(isSeen).filter(({ view }) => view.facts.clusterOk);
        return missingSlots(taking) <= 0 ? 1 : 0;
      },
    },
  ],
  alerts: [
    ...redisAlerts,
    {
      name: 'SlotsMissing',
      expr: 'tweendeck_redis_cluster_slots_missing{kind="KIND"} > 0 and on (kind, namespace, name) tweendeck_cluster_phase{phase!~"Pending|Stopped|Terminating"} == 1',
      for: '1m',
      severity: 'critical',
      summary: '{{ $value }} slots of {{ $labels.namespace }}/{{ $labels.name }} are with nobody',
      description:
        'Their keys can neither be read nor written. A leader is away, and no replica took over: look at the condition Degraded of the cluster.',
    },
    {
      name: 'LeadersBadlySpread',
      expr: 'tweendeck_cluster_condition{kind="KIND",condition="LeadersSpread"} == 0 and on (kind, namespace, name) count by (kind, namespace, name) (count by (kind, namespace, name, host) (tweendeck_member_info)) > 1',
      for: '15m',
      severity: 'warning',
      summary: 'One host leads too many shards of {{ $labels.namespace }}/{{ $labels.name }}',
      description:
        'Without that host nobody could be elected in its place. Of a cluster on one host alone nothing is said. The condition LeadersSpread says what is missing: as a rule members on more hosts.',
    },
  ],
  panels: [
    ...redisPanels,
    {
      title: 'Slots',
      unit: 'short',
      queries: [
        { expr: 'tweendeck_redis_cluster_slots{CLUSTER} > 0', legend: '{{member}}' },
        { expr: 'tweendeck_redis_cluster_slots_missing{CLUSTER}', legend: 'with nobody' },
      ],
    },
  ],
};
