// What is told of CacheServers beside what is told of all: figures, alerts, panels. Tables. What replicas tell Prometheus
// themselves has alerts of its own in the chart.

import type { MemberMetric, Telemetry } from '@tweendeck/engine';
import type { ReplicaFigures } from './figures/figures.ts';

const members: readonly MemberMetric<ReplicaFigures>[] = [
  {
    ...{ name: 'cacheserver_used_bytes', type: 'gauge' },
    help: 'Bytes on the disk of the replica, with all overhead.',
    of: ({ view }) => view.facts.usedBytes,
  },
  {
    ...{ name: 'cacheserver_keys', type: 'gauge' },
    help: 'Keys that the replica holds.',
    of: ({ view }) => view.facts.objects,
  },
  {
    ...{ name: 'cacheserver_hits', type: 'counter' },
    help: 'Files that were asked for and were there, since the replica started.',
    of: ({ view }) => view.facts.hits,
  },
  {
    ...{ name: 'cacheserver_misses', type: 'counter' },
    help: 'Files that were asked for and were not there, since the replica started.',
    of: ({ view }) => view.facts.misses,
  },
  {
    ...{ name: 'cacheserver_peers_troubled', type: 'gauge' },
    help: 'Mirrors and upstreams that the replica cannot work with now.',
    of: ({ view }) => view.facts.troubledPeers.length,
  },
];

const cluster = '{{ $labels.namespace }}/{{ $labels.name }}';

/** As Prometheus and Grafana are told. */
export const cacheServerTelemetry: Telemetry<ReplicaFigures> = {
  members,
  cluster: [],
  alerts: [
    {
      name: 'CleanerNotScheduled',
      expr: 'tweendeck_cluster_condition{kind="KIND",condition="CleanerScheduled"} == 0',
      for: '15m',
      severity: 'warning',
      summary: `The cleaner of ${cluster} does not run`,
      description: 'Replicas fill up to their limit. The condition CleanerScheduled says why.',
    },
  ],
  panels: [
    {
      title: 'Share of files that were there',
      unit: 'percentunit',
      queries: [
        {
          expr: 'sum by (name) (rate(tweendeck_cacheserver_hits_total{CLUSTER}[5m])) / (sum by (name) (rate(tweendeck_cacheserver_hits_total{CLUSTER}[5m])) + sum by (name) (rate(tweendeck_cacheserver_misses_total{CLUSTER}[5m])))',
          legend: '{{name}}',
        },
      ],
    },
    {
      title: 'Files asked for',
      unit: 'reqps',
      queries: [
        {
          expr: 'sum by (name) (rate(tweendeck_cacheserver_hits_total{CLUSTER}[5m]))',
          legend: '{{name}} there',
        },
        {
          expr: 'sum by (name) (rate(tweendeck_cacheserver_misses_total{CLUSTER}[5m]))',
          legend: '{{name}} not there',
        },
      ],
    },
    {
      title: 'Bytes on disk',
      unit: 'bytes',
      queries: [
        {
          expr: 'tweendeck_cacheserver_used_bytes{CLUSTER}',
          legend: '{{name}} {{member}}',
        },
      ],
    },
    {
      title: 'Keys',
      unit: 'short',
      queries: [{ expr: 'tweendeck_cacheserver_keys{CLUSTER}', legend: '{{name}} {{member}}' }],
    },
    {
      title: 'Mirrors and upstreams in trouble',
      unit: 'short',
      queries: [
        {
          expr: 'sum by (name) (tweendeck_cacheserver_peers_troubled{CLUSTER})',
          legend: '{{name}}',
        },
      ],
    },
  ],
};
