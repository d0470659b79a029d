// The figures of a data plane in the Prometheus text exposition format.

import type { CacheServerStats } from './server-stats.ts';

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** A number, or numbers by the value of one label. */
  readonly value:
    | number
    | { readonly label: string; readonly by: Readonly<Record<string, number>> };
}

export function metricsText({ state, server, store }: CacheServerStats): string {
  const counter = (name: string, help: string, value: Family['value']): Family => ({
    name: `tweendeck_cache_${name}_total`,
    type: 'counter',
    help,
    value,
  });
  const gauge = (name: string, help: string, value: number): Family => ({
    name: `tweendeck_cache_${name}`,
    type: 'gauge',
    help,
    value,
  });
  return [
    gauge('ready', '1 while clients should be sent here.', state === 'serving' ? 1 : 0),
    gauge('connections', 'Open connections.', server.connectionsOpen),
    counter('connections', 'Connections taken.', server.connectionsOpened),
    counter('closings', 'Ended connections by reason.', { label: 'reason', by: server.closings }),
    counter('hits', 'Files found, by type.', { label: 'type', by: server.hits }),
    counter('misses', 'Files not found, by type.', { label: 'type', by: server.misses }),
    counter('transactions', 'Ended transactions by what became of them.', {
      label: 'end',
      by: server.transactions,
    }),
    counter('received_bytes', 'Bytes received from clients.', server.receivedBytes),
    counter('sent_bytes', 'Bytes answered to clients.', server.sentBytes),
    gauge('keys', 'Keys in the index.', store.keys),
    gauge('segments', 'Segments on disk.', store.segments),
    gauge('storage_bytes', 'Bytes on disk.', store.storageBytes),
    gauge('storage_limit_bytes', 'Bound of the bytes on disk.', store.storageBytesMax),
    gauge('memory_bytes', 'Bytes of values held in memory.', store.memoryBytes),
    gauge('memory_limit_bytes', 'Bound of the values held in memory.', store.memoryBytesMax),
    gauge('index_bytes', 'Bytes of the index.', store.indexBytes),
    gauge('upload_bytes', 'Bytes of uploads that are not committed.', store.uploadBytes),
    counter('evicted_bytes', 'Bytes dropped to keep the storage bound.', store.evictedBytes),
    counter('evicted_segments', 'Segments dropped.', store.evictedSegments),
    counter('damaged_values', 'Values that failed their checksum.', store.damagedValues),
    counter('disk_errors', 'Failed calls to the disk.', store.diskErrors),
  ]
    .map(familyText)
    .join('');
}

function familyText({ name, type, help, value }: Family): string {
  const samples =
    typeof value === 'number'
      ? [`${name} ${value}`]
      : Object.entries(value.by).map(([key, count]) => `${name}{${value.label}="${key}"} ${count}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples, ''].join('\n');
}
