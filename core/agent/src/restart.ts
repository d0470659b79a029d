// Whether a container that ended runs again, and when. Pure; the numbers are the kubelet's.

import type { ContainerStateTerminated, PodSpec } from '@tweendeck/kube';

const baseMs = 10_000;
const maxMs = 300_000;
/** A run of this length forgives what was before. */
const forgivingRunMs = 600_000;

/** Termination reason of a container that ended because the platform was stopped, not by its own doing. */
export const platformStopReason = 'PlatformStopped';

export type RestartPolicy = NonNullable<PodSpec['restartPolicy']>;

/** Whether a container runs again after such an end. */
export function restartsAfter(
  policy: RestartPolicy,
  ended: Pick<ContainerStateTerminated, 'exitCode' | 'reason'>,
): boolean {
  if (policy === 'Always') return true;
  if (policy === 'Never') return false;
  return ended.exitCode !== 0 || ended.reason === platformStopReason;
}

/** The wait before the next start; 0 after a first end. */
export interface RestartBackoff {
  readonly delayMs: number;
}

/** The wait that follows a run of `ranMs`: none at first, then 10 s doubling up to 5 minutes. `previous` is the wait before that run. */
export function nextRestartBackoff(
  previous: RestartBackoff | undefined,
  ranMs: number,
): RestartBackoff {
  if (previous === undefined || ranMs >= forgivingRunMs) return { delayMs: 0 };
  return { delayMs: previous.delayMs === 0 ? baseMs : Math.min(maxMs, previous.delayMs * 2) };
}

/** The back-off as Go prints a duration: `10s`, `1m20s`, `5m0s`. */
export function backoffText(delayMs: number): string {
  const seconds = Math.round(delayMs / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
