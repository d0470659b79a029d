// The report of one run of the cleaner over all replicas of a CacheServer. Pure.

import { isJsonObject } from '@tweendeck/std';

/** What came of a run at one replica. */
export type ReplicaRun =
  | { readonly pod: string; readonly outcome: 'cleaned'; readonly report: CleanedFigures }
  | { readonly pod: string; readonly outcome: 'failed'; readonly error: string };

/** Of what a data plane reports, what people ask for. */
export interface CleanedFigures {
  readonly objects: number;
  readonly bytes: number;
  /** Seconds for which the longest unused key that went had not been used. */
  readonly oldestSeconds: number;
  readonly durationMs: number;
  readonly dryRun: boolean;
  readonly reclaimedBytes: number;
  /** Bytes on disk afterwards. */
  readonly storageBytes: number;
}

/** What is posted, once for each run. */
export interface RunReport {
  readonly version: 1;
  /** The same in each attempt to deliver it: whoever has seen it may drop it. */
  readonly id: string;
  /** RFC 3339, when the run began. */
  readonly startedAt: string;
  readonly cacheServer: { readonly namespace: string; readonly name: string };
  /** `partial`: some replicas could not be cleaned. */
  readonly outcome: 'cleaned' | 'partial' | 'failed';
  readonly dryRun: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly reclaimedBytes: number;
  readonly storageBytes: number;
  readonly oldestSeconds: number;
  readonly durationMs: number;
  readonly replicas: readonly ReplicaRun[];
}

const counted = [
  'objects',
  'bytes',
  'oldestSeconds',
  'durationMs',
  'reclaimedBytes',
  'storageBytes',
] as const;

/** Reads the report of a data plane. Undefined for what is none. */
export function parseCleaned(report: unknown): CleanedFigures | undefined {
  if (!isJsonObject(report) || typeof report['dryRun'] !== 'boolean') return undefined;
  const numbers: Partial<Record<(typeof counted)[number], number>> = {};
  for (const name of counted) {
    const value = report[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined;
    numbers[name] = value;
  }
  const { objects = 0, bytes = 0, oldestSeconds = 0, durationMs = 0 } = numbers;
  const { reclaimedBytes = 0, storageBytes = 0 } = numbers;
  const { dryRun } = report;
  return { objects, bytes, oldestSeconds, durationMs, dryRun, reclaimedBytes, storageBytes };
}

/** Adds the replicas up. */
export function runReport(
  facts: Pick<RunReport, 'id' | 'startedAt' | 'cacheServer' | 'dryRun' | 'durationMs'>,
  replicas: readonly ReplicaRun[],
): RunReport {
  const cleaned = replicas.flatMap((run) => (run.outcome === 'cleaned' ? [run.report] : []));
  const sum = (of: (figures: CleanedFigures) => number): number =>
    cleaned.reduce((total, figures) => total + of(figures), 0);
  return {
    version: 1,
    ...facts,
    outcome: outcomeOf(cleaned.length, replicas.length),
    objects: sum(({ objects }) => objects),
    bytes: sum(({ bytes }) => bytes),
    reclaimedBytes: sum(({ reclaimedBytes }) => reclaimedBytes),
    storageBytes: sum(({ storageBytes }) => storageBytes),
    oldestSeconds: Math.max(0, ...cleaned.map(({ oldestSeconds }) => oldestSeconds)),
    replicas,
  };
}

function outcomeOf(cleaned: number, all: number): RunReport['outcome'] {
  if (cleaned === 0) return 'failed';
  return cleaned === all ? 'cleaned' : 'partial';
}
