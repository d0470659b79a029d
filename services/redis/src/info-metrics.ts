// Figures that every redis-server tells in INFO, under whichever kind it runs.

import type { MemberMetric, MetricHead } from '@tweendeck/engine';

type Row = readonly [type: MetricHead['type'], name: string, field: string, help: string];

const rows: readonly Row[] = [
  ['gauge', 'uptime_seconds', 'uptime_in_seconds', 'Since its process started.'],
  ['gauge', 'memory_used_bytes', 'used_memory', 'Memory that it uses.'],
  ['gauge', 'memory_max_bytes', 'maxmemory', 'Its bound; 0: none.'],
  ['gauge', 'memory_dataset_bytes', 'used_memory_dataset', 'Keys and values.'],
  [
    'gauge',
    'memory_resident_bytes',
    'used_memory_rss',
    'Memory of the process, as the kernel counts.',
  ],
  ['gauge', 'clients', 'connected_clients', 'Connections of clients.'],
  ['gauge', 'clients_max', 'maxclients', 'Their bound.'],
  ['gauge', 'clients_blocked', 'blocked_clients', 'Clients that wait in a blocking command.'],
  ['counter', 'connections', 'total_connections_received', 'Connections taken.'],
  ['counter', 'connections_rejected', 'rejected_connections', 'Connections beyond the bound.'],
  ['counter', 'commands', 'total_commands_processed', 'Commands carried out.'],
  ['gauge', 'operations_per_second', 'instantaneous_ops_per_sec', 'As it counts them itself.'],
  ['counter', 'error_replies', 'total_error_replies', 'Commands answered with an error.'],
  ['counter', 'hits', 'keyspace_hits', 'Keys asked for that were there.'],
  ['counter', 'misses', 'keyspace_misses', 'Keys asked for that were not there.'],
  ['counter', 'evicted_keys', 'evicted_keys', 'Keys that went because memory was full.'],
  ['counter', 'expired_keys', 'expired_keys', 'Keys whose time was over.'],
  ['counter', 'received_bytes', 'total_net_input_bytes', 'From clients and members.'],
  ['counter', 'sent_bytes', 'total_net_output_bytes', 'To clients and members.'],
  ['gauge', 'replicas', 'connected_slaves', 'Members that copy from it.'],
];

/** Of texts by name, as `infoOf` finds them; undefined: not a redis-server with data. */
export function infoMetrics<Facts>(
  infoOf: (facts: Facts) => ReadonlyMap<string, string> | undefined,
): readonly MemberMetric<Facts>[] {
  const read = (facts: Facts, field: string): number | undefined => {
    const text = infoOf(facts)?.get(field);
    return text === undefined ? undefined : Number(text);
  };
  return [
    ...rows.map(
      ([type, name, field, help]): MemberMetric<Facts> => ({
        ...{ name: `redis_${name}`, type, help },
        of: ({ view }) => read(view.facts, field),
      }),
    ),
    {
      ...{ name: 'redis_save_failed', type: 'gauge' },
      help: '1 while its last attempt to write a snapshot, or its log, failed.',
      of: ({ view }) => {
        const info = infoOf(view.facts);
        if (info === undefined) return undefined;
        const fields = ['rdb_last_bgsave_status', 'aof_last_write_status'];
        return fields.some((field) => info.get(field) === 'err') ? 1 : 0;
      },
    },
    {
      ...{ name: 'redis_replication_link_up', type: 'gauge' },
      help: 'Of a follower: 1 while it is linked to its leader and has caught up once.',
      of: ({ view }) => {
        const status = infoOf(view.facts)?.get('master_link_status');
        if (status === undefined || view.role === 'leader') return undefined;
        return status === 'up' ? 1 : 0;
      },
    },
  ];
}

/** What a follower is behind whom it follows; never below nothing, as they are not asked at the same moment. */
export function lagBytes(leader: number | undefined, follower: number): number | undefined {
  return leader === undefined ? undefined : Math.max(0, leader - follower);
}
