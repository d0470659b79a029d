// How long a job waits before it replaces failed pods: 10 s after the first failure, doubling up to 10 minutes.

import type { Pod } from '@tweendeck/kube';
import { endedMs } from './job-pods.ts';

/** Failures since the last success, and the last of them. Kept in memory: after a restart a job tries at once. */
export interface FailureRecord {
  readonly failures: number;
  /** Wall clock; undefined without failures. */
  readonly lastMs: number | undefined;
}

export const noFailures: FailureRecord = { failures: 0, lastMs: undefined };

const firstMs = 10_000;
const longestMs = 600_000;

/** The record after these pods ended. */
export function recordAfter(
  record: FailureRecord,
  succeeded: readonly Pod[],
  failed: readonly Pod[],
): FailureRecord {
  if (succeeded.length === 0 && failed.length === 0) return record;
  const ends = failed.map(endedMs);
  const sinceMs = succeeded.length === 0 ? undefined : Math.max(...succeeded.map(endedMs));
  const counted = sinceMs === undefined ? ends : ends.filter((end) => end > sinceMs);
  const before = sinceMs === undefined ? record.failures : 0;
  if (counted.length === 0) return noFailures;
  return { failures: before + counted.length, lastMs: Math.max(...counted) };
}

/** Milliseconds still to wait; 0 when a new pod may be made. */
export function waitMs({ failures, lastMs }: FailureRecord, nowMs: number): number {
  if (failures === 0 || lastMs === undefined) return 0;
  const wanted = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.max(0, wanted - (nowMs - lastMs));
}
