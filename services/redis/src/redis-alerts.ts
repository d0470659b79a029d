// Alerts and panels of redis-servers under whichever kind they run. Tables.

import type { AlertRule, Panel } from '@tweendeck/engine';

export const redisAlerts: readonly AlertRule[] = [
  {
    name: 'NotWritable',
    expr: 'tweendeck_redis_writable{kind="KIND"} == 0 and on (kind, namespace, name) tweendeck_cluster_phase{phase!~"Pending|Stopped|Terminating"} == 1',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.namespace }}/{{ $labels.name }} does not take all writes',
    description:
      'A leader is away and nobody took over, or most of those who choose are away. The condition Degraded of the cluster says what a person can do.',
  },
  {
    name: 'ReplicaLags',
    expr: 'tweendeck_redis_replication_lag_bytes{kind="KIND"} > 67108864 or tweendeck_redis_replication_link_up{kind="KIND"} == 0',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.member }} in {{ $labels.namespace }} does not keep up with its leader',
    description:
      'What it lacks would be lost if its leader went now, and nobody is restarted until it is in step. Look at its log, and whether its leader writes more than the network carries.',
  },
  {
    name: 'MemoryNearLimit',
    expr: 'tweendeck_redis_memory_used_bytes{kind="KIND"} / (tweendeck_redis_memory_max_bytes{kind="KIND"} > 0) > 0.9',
    for: '10m',
    severity: 'warning',
    summary:
      '{{ $labels.member }} in {{ $labels.namespace }} uses {{ $value | humanizePercentage }} of its memory',
    description:
      'At its limit it refuses writes, or evicts keys, as maxmemory-policy says. Raise resources.limits.memory, or add shards.',
  },
  {
    name: 'Evicts',
    expr: 'increase(tweendeck_redis_evicted_keys_total{kind="KIND"}[10m]) > 0',
    for: '10m',
    severity: 'warning',
    summary: '{{ $labels.member }} in {{ $labels.namespace }} evicts keys',
    description: 'Its memory is full. Harmless in a cache that is meant to be full.',
  },
  {
    name: 'RejectsConnections',
    expr: 'increase(tweendeck_redis_connections_rejected_total{kind="KIND"}[5m]) > 0',
    severity: 'warning',
    summary: '{{ $labels.member }} in {{ $labels.namespace }} turns clients away',
    description: 'It has as many connections as it may. Look for a client that opens ever more.',
  },
  {
    name: 'SaveFails',
    expr: 'tweendeck_redis_save_failed{kind="KIND"} == 1',
    for: '5m',
    severity: 'critical',
    summary: '{{ $labels.member }} in {{ $labels.namespace }} cannot write its data to disk',
    description:
      'After a start it would not have them, and it may refuse writes. Look at its log, and whether its volume is full.',
  },
  {
    name: 'LeaderChangesOften',
    expr: 'increase(tweendeck_cluster_leader_changes_total{kind="KIND"}[1h]) > 6 unless on (kind, namespace, name) tweendeck_cluster_steps_ahead > 0',
    severity: 'warning',
    summary:
      'Leaders of {{ $labels.namespace }}/{{ $labels.name }} changed {{ $value | humanize }} times in an hour',
    description: 'Members lose each other: look at the network and at the load of their hosts.',
  },
];

export const redisPanels: readonly Panel[] = [
  {
    title: 'Operations',
    unit: 'ops',
    queries: [{ expr: 'rate(tweendeck_redis_commands_total{CLUSTER}[5m])', legend: '{{member}}' }],
  },
  {
    title: 'Memory',
    unit: 'bytes',
    queries: [
      { expr: 'tweendeck_redis_memory_used_bytes{CLUSTER}', legend: '{{member}}' },
      {
        expr: 'max by (name) (tweendeck_redis_memory_max_bytes{CLUSTER})',
        legend: 'limit of {{name}}',
      },
    ],
  },
  {
    title: 'Keys',
    unit: 'short',
    queries: [{ expr: 'tweendeck_redis_keys{CLUSTER}', legend: '{{member}}' }],
  },
  {
    title: 'Hits',
    unit: 'percentunit',
    queries: [
      {
        expr: 'sum by (name) (rate(tweendeck_redis_hits_total{CLUSTER}[5m])) / (sum by (name) (rate(tweendeck_redis_hits_total{CLUSTER}[5m])) + sum by (name) (rate(tweendeck_redis_misses_total{CLUSTER}[5m])))',
        legend: '{{name}}',
      },
    ],
  },
  {
    title: 'Keys evicted and expired',
    unit: 'short',
    queries: [
      {
        expr: 'rate(tweendeck_redis_evicted_keys_total{CLUSTER}[5m])',
        legend: '{{member}} evicted',
      },
      {
        expr: 'rate(tweendeck_redis_expired_keys_total{CLUSTER}[5m])',
        legend: '{{member}} expired',
      },
    ],
  },
  {
    title: 'Clients',
    unit: 'short',
    queries: [{ expr: 'tweendeck_redis_clients{CLUSTER}', legend: '{{member}}' }],
  },
  {
    title: 'Behind the leader',
    unit: 'bytes',
    queries: [{ expr: 'tweendeck_redis_replication_lag_bytes{CLUSTER}', legend: '{{member}}' }],
  },
  {
    title: 'Network',
    unit: 'Bps',
    queries: [
      { expr: 'rate(tweendeck_redis_received_bytes_total{CLUSTER}[5m])', legend: '{{member}} in' },
      { expr: 'rate(tweendeck_redis_sent_bytes_total{CLUSTER}[5m])', legend: '{{member}} out' },
    ],
  },
];
