// A figure of what works beside a store, as the table of figures holds it.

import type { NamespaceStats } from './server-stats.ts';

/** Shown in the namespaces where `figure` gives something. */
export type PartFigure = readonly [
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  figure: (stats: NamespaceStats) => number | Readonly<Record<string, number>> | undefined,
  /** What tells several numbers apart; `state` unless named. */
  label?: string,
];
