// What is shown of other caches: those that are brought what is stored, and the one that is asked.

import type { MirrorStats } from '../mirror/mirror-link.ts';
import type { PartFigure } from './part-figure.ts';
import type { NamespaceStats } from './server-stats.ts';

/** A figure of each mirror. */
function perMirror(
  [type, name, help]: readonly [type: 'gauge' | 'counter', name: string, help: string],
  figure: (mirror: MirrorStats) => number,
): PartFigure {
  const values = ({ mirror }: NamespaceStats): Readonly<Record<string, number>> | undefined =>
    mirror && Object.fromEntries(mirror.mirrors.map((each) => [each.target, figure(each)]));
  return [type, name, help, values, 'mirror'];
}

const healthy: readonly MirrorStats['state'][] = ['idle', 'sending', 'backfilling'];

export const mirrorFigures: readonly PartFigure[] = [
  perMirror(['gauge', 'mirror_up', '1 while a mirror takes what it is sent.'], ({ state }) =>
    healthy.includes(state) ? 1 : 0,
  ),
  perMirror(
    [
      'gauge',
      'mirror_untrusted',
      '1 while a mirror fails for a certificate or a token, on whichever side.',
    ],
    ({ state }) => (state === 'untrusted' ? 1 : 0),
  ),
  perMirror(
    ['gauge', 'mirror_lag_transactions', 'Transactions that a mirror has not got yet.'],
    ({ lagTransactions }) => lagTransactions,
  ),
  perMirror(['gauge', 'mirror_lag_bytes', 'Bytes of these.'], ({ lagBytes }) => lagBytes),
  perMirror(
    ['gauge', 'mirror_lag_seconds', 'Time since the oldest of these was stored.'],
    ({ lagSeconds }) => lagSeconds,
  ),
  perMirror(
    ['gauge', 'mirror_backfill', '1 while a mirror is asked for everything that is stored.'],
    ({ backfill }) => (backfill ? 1 : 0),
  ),
  perMirror(['counter', 'mirror_sent', 'Transactions sent.'], ({ sent }) => sent),
  perMirror(['counter', 'mirror_sent_bytes', 'Bytes of these.'], ({ sentBytes }) => sentBytes),
  perMirror(
    ['counter', 'mirror_present', 'Transactions that a mirror had already.'],
    ({ present }) => present,
  ),
  perMirror(
    ['counter', 'mirror_refused', 'Transactions that a mirror took and did not keep.'],
    ({ refused }) => refused,
  ),
  perMirror(
    ['counter', 'mirror_gone', 'Transactions that were not stored here any more.'],
    ({ gone }) => gone,
  ),
  perMirror(
    ['counter', 'mirror_damaged', 'Transactions that could not be read here.'],
    ({ damaged }) => damaged,
  ),
  perMirror(
    [
      'counter',
      'mirror_skipped',
      'Transactions that went from the queue first; a backfill follows.',
    ],
    ({ skipped }) => skipped,
  ),
  perMirror(['counter', 'mirror_failures', 'Tries that failed.'], ({ failures }) => failures),
  [
    'gauge',
    'mirror_queue_bytes',
    'Bytes of the queue that all mirrors share.',
    ({ mirror }) => mirror?.queueBytes,
  ],
  [
    'gauge',
    'mirror_queue_limit_bytes',
    'Bound of the queue.',
    ({ mirror }) => mirror?.queueBytesMax,
  ],
  [
    'counter',
    'mirror_queue_errors',
    'Transactions that the disk of the queue did not take.',
    ({ mirror }) => mirror?.queueFailures,
  ],
];

export const upstreamFigures: readonly PartFigure[] = [
  [
    'gauge',
    'upstream_up',
    '1 while the upstream is asked.',
    ({ upstream }) => (upstream === undefined ? undefined : Number(upstream.state === 'ready')),
  ],
  [
    'gauge',
    'upstream_untrusted',
    '1 while the upstream fails for a certificate or a token, on whichever side.',
    ({ upstream }) => (upstream === undefined ? undefined : Number(upstream.state === 'untrusted')),
  ],
  [
    'counter',
    'upstream_misses',
    'Misses by what became of them at the upstream.',
    ({ upstream }) =>
      upstream && {
        filled: upstream.filled,
        absent: upstream.absent,
        'absent-before': upstream.absentBefore,
        late: upstream.late,
        busy: upstream.busy,
        paused: upstream.paused,
        failed: upstream.failed,
        refused: upstream.refused,
      },
    'outcome',
  ],
  [
    'counter',
    'upstream_filled_bytes',
    'Bytes got from the upstream and kept.',
    ({ upstream }) => upstream?.filledBytes,
  ],
  [
    'gauge',
    'upstream_requests',
    'Keys that the upstream is asked for at the moment.',
    ({ upstream }) => upstream?.requests,
  ],
  [
    'gauge',
    'upstream_connections',
    'Connections to the upstream.',
    ({ upstream }) => upstream?.connections,
  ],
];
