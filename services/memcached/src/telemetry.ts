// What is told of Memcacheds: figures, alerts, what a dashboard draws. Tables.

import type { MemberMetric, MetricHead, Telemetry } from '@tweendeck/engine';

type Facts = ReadonlyMap<string, string>;

const row = (
  type: MetricHead['type'],
  name: string,
  field: string,
  help: string,
): MemberMetric<Facts> => ({
  ...{ name: `memcached_${name}`, type, help },
  of: ({ view }) => {
    const text = view.facts.get(field);
    return text === undefined ? undefined : Number(text);
  },
});

export const memcachedTelemetry: Telemetry<Facts> = {
  members: [
    row('gauge', 'items', 'curr_items', 'Items that it holds.'),
    row('gauge', 'bytes', 'bytes', 'Bytes of items.'),
    row('gauge', 'bytes_max', 'limit_maxbytes', 'Their bound.'),
    row('gauge', 'connections', 'curr_connections', 'Connections of clients.'),
    row('counter', 'hits', 'get_hits', 'Keys asked for that were there.'),
    row('counter', 'misses', 'get_misses', 'Keys asked for that were not there.'),
    row('counter', 'stored', 'cmd_set', 'Items stored.'),
    row('counter', 'evictions', 'evictions', 'Items that went because memory was full.'),
  ],
  cluster: [],
  alerts: [],
  panels: [
    {
      title: 'Items',
      unit: 'short',
      queries: [{ expr: 'tweendeck_memcached_items{CLUSTER}', legend: '{{member}}' }],
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: [
        { expr: 'tweendeck_memcached_bytes{CLUSTER}', legend: '{{member}}' },
        {
          expr: 'max by (name) (tweendeck_memcached_bytes_max{CLUSTER})',
          legend: 'limit of {{name}}',
        },
      ],
    },
    {
      title: 'Keys asked for',
      unit: 'reqps',
      queries: [
        { expr: 'rate(tweendeck_memcached_hits_total{CLUSTER}[5m])', legend: '{{member}} found' },
        {
          expr: 'rate(tweendeck_memcached_misses_total{CLUSTER}[5m])',
          legend: '{{member}} missed',
        },
      ],
    },
  ],
};
