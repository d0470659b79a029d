// What is shown of a Redis-protocol server that keeps the values of a namespace.

import type { PartFigure } from './part-figure.ts';

export const redisFigures: readonly PartFigure[] = [
  [
    'gauge',
    'redis_up',
    '1 while the server that keeps the values answers.',
    ({ redis }) => redis && (redis.state === 'ready' ? 1 : 0),
  ],
  [
    'gauge',
    'redis_waiting_commands',
    'Commands whose answers are due.',
    ({ redis }) => redis?.waiting,
  ],
  [
    'counter',
    'redis_failures',
    'Connections that were given up or never came about.',
    ({ redis }) => redis?.failures,
  ],
  [
    'counter',
    'redis_unanswered_gets',
    'Gets that were misses since the server gave no answer.',
    ({ redis }) => redis?.unansweredGets,
  ],
  [
    'counter',
    'redis_refusals',
    'What the server did not take, by reason.',
    ({ redis }) => redis?.refusals,
    'reason',
  ],
  [
    'counter',
    'redis_lost_files',
    'Large files that were evicted before their record.',
    ({ redis }) => redis?.lostFiles,
  ],
  [
    'counter',
    'redis_evicted_keys',
    'Keys that the server evicted since it started.',
    ({ redis }) => redis?.serverEvictedKeys,
  ],
  [
    'counter',
    'redis_orphans',
    'Values that nobody referred to any more.',
    ({ redis }) => redis?.orphans,
  ],
];
