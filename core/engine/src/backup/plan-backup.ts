// What to do next about a Backup. Pure.

import type { BackupStatus } from './backup-kind.ts';
import type { JobOutcome } from './job-outcome.ts';

const attemptsMax = 4;
const firstDelayMs = 5_000;

export interface BackupInput {
  readonly status: BackupStatus | undefined;
  /** Why none can be begun now; undefined: one can. */
  readonly waits: { readonly reason: string; readonly message: string } | undefined;
  /** Why there can never be one. */
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
  /** Of the attempt that the status names; undefined: there is none, or its Job is not there. */
  readonly job: JobOutcome | undefined;
  readonly nowMs: number;
}

export type BackupStep =
  | { readonly do: 'rest' }
  /** Until it is tried again; why the attempt before failed stays told. */
  | { readonly do: 'pause'; readonly untilMs: number }
  | { readonly do: 'wait'; readonly reason: string; readonly message: string }
  /** Also again, where the Job of the attempt is not there. */
  | { readonly do: 'begin'; readonly attempt: number }
  | { readonly do: 'watch'; readonly attempt: number }
  | { readonly do: 'complete' }
  | { readonly do: 'retry'; readonly attempt: number; readonly why: string; readonly atMs: number }
  | { readonly do: 'fail'; readonly reason: string; readonly message: string };

export function planBackup({ status, waits, refusal, job, nowMs }: BackupInput): BackupStep {
  const { phase = 'Pending', attempts = 0, retryTime } = status ?? {};
  if (phase === 'Complete' || phase === 'Failed') return { do: 'rest' };
  if (refusal) return { do: 'fail', ...refusal };
  if (phase === 'Running') {
    if (job === undefined) return { do: 'begin', attempt: attempts };
    if (job.state === 'running') return { do: 'watch', attempt: attempts };
    if (job.state === 'complete') return { do: 'complete' };
    if (job.isFinal) return { do: 'fail', reason: 'Refused', message: job.why };
    return afterFailure(attempts, job.why, nowMs);
  }
  if (retryTime && Date.parse(retryTime) > nowMs) {
    return { do: 'pause', untilMs: Date.parse(retryTime) };
  }
  if (waits) return { do: 'wait', ...waits };
  return { do: 'begin', attempt: attempts + 1 };
}

function afterFailure(attempt: number, why: string, nowMs: number): BackupStep {
  if (attempt < attemptsMax)
    return { do: 'retry', attempt, why, atMs: nowMs + firstDelayMs * 2 ** (attempt - 1) };
  const message = `none of ${attemptsMax} attempts was successful; the last: ${why}`;
  return { do: 'fail', reason: 'AttemptsFailed', message };
}
