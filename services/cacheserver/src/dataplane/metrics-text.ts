// The figures of a data plane as Prometheus reads them: text exposition 0.0.4, or OpenMetrics 1.0 for who asks for it.

import {
  boundText,
  familiesText,
  type MetricFamily,
  type MetricSample,
  type MetricsForm,
  metricsEnd,
} from '@tweendeck/std';
import { type LatencyValues, latencyBoundsMs } from './latencies.ts';
import type { PartFigure } from './part-figure.ts';
import { mirrorFigures, upstreamFigures } from './peer-figures.ts';
import { redisFigures } from './redis-figures.ts';
import type { CacheServerStats, NamespaceStats } from './server-stats.ts';
import type { ValueStoreStats } from './value-store.ts';

type Labels = MetricSample['labels'];
type Family = MetricFamily;

export function metricsText(stats: CacheServerStats, form: MetricsForm = 'text'): string {
  const { state } = stats;
  const ready: Family = {
    name: 'ready',
    type: 'gauge',
    help: '1 while clients should be sent here.',
    samples: [{ suffix: '', labels: {}, value: state === 'serving' ? 1 : 0 }],
  };
  const all = [ready, ...families(Object.entries(stats.namespaces))].map((family) => ({
    ...family,
    name: `tweendeck_cache_${family.name}`,
  }));
  return familiesText(all, form) + metricsEnd(form);
}

/** Figures of a store: what they are, and what each is called. */
const storeFigures: readonly (readonly [
  type: 'gauge' | 'counter',
  field: keyof ValueStoreStats,
  name: string,
  help: string,
])[] = [
  ['gauge', 'keys', 'keys', 'Keys in the index.'],
  ['gauge', 'segments', 'segments', 'Segments on disk.'],
  ['gauge', 'storageBytes', 'storage_bytes', 'Bytes on disk.'],
  ['gauge', 'storageBytesMax', 'storage_limit_bytes', 'Bound of the bytes on disk.'],
  ['gauge', 'deadBytes', 'dead_bytes', 'Bytes on disk of values that nobody can find any more.'],
  ['gauge', 'memoryBytes', 'memory_bytes', 'Bytes of values held in memory.'],
  ['gauge', 'memoryBytesMax', 'memory_limit_bytes', 'Bound of the values held in memory.'],
  ['gauge', 'indexBytes', 'index_bytes', 'Bytes of the index.'],
  ['gauge', 'uploadBytes', 'upload_bytes', 'Bytes of uploads that are not committed.'],
  ['counter', 'evictedBytes', 'evicted_bytes', 'Bytes dropped to keep the storage bound.'],
  ['counter', 'evictedSegments', 'evicted_segments', 'Segments dropped.'],
  ['counter', 'damagedValues', 'damaged_values', 'Values that failed their checksum.'],
  ['counter', 'diskErrors', 'disk_errors', 'Failed calls to the disk.'],
];

/** Figures of what works beside a store, in the namespaces that have it. */
const partFigures: readonly PartFigure[] = [
  ['counter', 'cleaner_runs', 'Runs of the cleaner.', ({ cleaner }) => cleaner?.runs],
  ['counter', 'cleaner_failed_runs', 'Runs that failed.', ({ cleaner }) => cleaner?.failedRuns],
  ['counter', 'cleaned_keys', 'Keys that the cleaner removed.', ({ cleaner }) => cleaner?.objects],
  ['counter', 'cleaned_bytes', 'Bytes of files it removed.', ({ cleaner }) => cleaner?.bytes],
  [
    'counter',
    'reclaimed_bytes',
    'Bytes that files on disk shrank by.',
    ({ cleaner }) => cleaner?.reclaimedBytes,
  ],
  [
    'gauge',
    'cleaner_last_run_timestamp_seconds',
    'When the last run ended.',
    ({ cleaner }) => (cleaner?.lastEndedMs === undefined ? undefined : cleaner.lastEndedMs / 1_000),
  ],
  ['counter', 'scrub_passes', 'Whole passes of the scrub.', ({ scrub }) => scrub?.passes],
  ['counter', 'scrubbed_bytes', 'Bytes it read.', ({ scrub }) => scrub?.verifiedBytes],
  ['counter', 'scrub_damaged', 'Files that it gave up.', ({ scrub }) => scrub?.damaged],
  [
    'counter',
    'scrub_unreadable',
    'Files that the disk did not give.',
    ({ scrub }) => scrub?.unreadable,
  ],
  [
    'gauge',
    'scrub_progress',
    'Part of this pass that is done, 0 to 1.',
    ({ scrub }) => scrub?.progress,
  ],
  [
    'counter',
    'reliability_uploads',
    'Uploads by what high reliability decided.',
    ({ reliability }) => reliability?.uploads,
  ],
  [
    'gauge',
    'reliability_keys',
    'Keys that it knows, by what it knows of them.',
    ({ reliability }) =>
      reliability && {
        pending: reliability.pending,
        stable: reliability.stable,
        unstable: reliability.unstable,
      },
  ],
  [
    'counter',
    'reliability_lost_records',
    'Decisions that the disk did not take.',
    ({ reliability }) => reliability?.lostRecords,
  ],
  ...mirrorFigures,
  ...upstreamFigures,
  ...redisFigures,
];

/** No family at all where nobody has the part. */
function partFamily(
  namespaces: Named,
  [type, name, help, figure, label = 'state']: PartFigure,
): readonly Family[] {
  const suffix = type === 'counter' ? '_total' : '';
  const samples = namespaces.flatMap(([namespace, stats]) => {
    const value = figure(stats);
    if (value === undefined) return [];
    if (typeof value === 'number') return [sample(suffix, { namespace }, value)];
    return Object.entries(value).map(([key, count]) =>
      sample(suffix, { namespace, [label]: key }, count),
    );
  });
  return samples.length === 0 ? [] : [{ name, type, help, samples }];
}

type Named = readonly (readonly [namespace: string, stats: NamespaceStats])[];

function families(namespaces: Named): readonly Family[] {
  const counter = counterOf(namespaces);
  const gauge = gaugeOf(namespaces);
  const counterBy = counterByOf(namespaces);
  return [
    gauge('connections', 'Open connections.', ({ server }) => server.connectionsOpen),
    counter('connections_opened', 'Connections taken.', ({ server }) => server.connectionsOpened),
    counterBy(
      'closings',
      'reason',
      'Ended connections by reason.',
      ({ server }) => server.closings,
    ),
    counterBy('hits', 'type', 'Files found, by type.', ({ server }) => server.hits),
    counterBy('misses', 'type', 'Files not found, by type.', ({ server }) => server.misses),
    counterBy(
      'transactions',
      'end',
      'Ended transactions by what became of them.',
      ({ server }) => server.transactions,
    ),
    counter('received_bytes', 'Bytes received from clients.', ({ server }) => server.receivedBytes),
    counter('sent_bytes', 'Bytes answered to clients.', ({ server }) => server.sentBytes),
    latency(
      namespaces,
      'get_hit_duration_seconds',
      'From the arrival of a get to its answer with a file, by type.',
      ({ latencies }) => latencies.hit,
    ),
    latency(
      namespaces,
      'get_miss_duration_seconds',
      'From the arrival of a get to its answer without a file, by type.',
      ({ latencies }) => latencies.miss,
    ),
    latency(
      namespaces,
      'put_commit_duration_seconds',
      'From the arrival of the end of a transaction until it was stored.',
      ({ latencies }) => latencies.commit,
    ),
    ...partFigures.flatMap((row) => partFamily(namespaces, row)),
    ...storeFigures.map(([type, field, name, help]) =>
      (type === 'gauge' ? gauge : counter)(name, help, ({ store }) => store[field]),
    ),
  ];
}

type Of<Value> = (stats: NamespaceStats) => Value;

function gaugeOf(namespaces: Named) {
  return (name: string, help: string, figure: Of<number>): Family => ({
    name,
    type: 'gauge',
    help,
    samples: namespaces.map(([namespace, stats]) => sample('', { namespace }, figure(stats))),
  });
}

function counterOf(namespaces: Named) {
  return (name: string, help: string, figure: Of<number>): Family => ({
    name,
    type: 'counter',
    help,
    samples: namespaces.map(([namespace, stats]) => sample('_total', { namespace }, figure(stats))),
  });
}

function counterByOf(namespaces: Named) {
  return (
    name: string,
    label: string,
    help: string,
    valuesOf: Of<Readonly<Record<string, number>>>,
  ): Family => ({
    name,
    type: 'counter',
    help,
    samples: namespaces.flatMap(([namespace, stats]) =>
      Object.entries(valuesOf(stats)).map(([key, value]) =>
        sample('_total', { namespace, [label]: key }, value),
      ),
    ),
  });
}

function latency(
  namespaces: Named,
  name: string,
  help: string,
  valuesOf: Of<LatencyValues | Readonly<Record<string, LatencyValues>>>,
): Family {
  const samples = namespaces.flatMap(([namespace, stats]) => {
    const values = valuesOf(stats);
    return isLatency(values)
      ? histogram({ namespace }, values)
      : Object.entries(values).flatMap(([type, each]) => histogram({ namespace, type }, each));
  });
  return { name, type: 'histogram', help, samples };
}

function isLatency(
  values: LatencyValues | Readonly<Record<string, LatencyValues>>,
): values is LatencyValues {
  return Array.isArray(values['counts']);
}

function histogram(labels: Labels, { counts, sumMs }: LatencyValues): readonly MetricSample[] {
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    const boundMs = latencyBoundsMs[index];
    const le = boundMs === undefined ? '+Inf' : boundText(boundMs / 1_000);
    return sample('_bucket', { ...labels, le }, below);
  });
  return [...buckets, sample('_sum', labels, sumMs / 1_000), sample('_count', labels, below)];
}

function sample(suffix: string, labels: Labels, value: number): MetricSample {
  return { suffix, labels, value };
}
