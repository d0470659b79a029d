// What is told of the cleaner: whether it is scheduled, and how its last run went. Pure.

import type { CronJob } from '@tweendeck/kube';
import { controlName } from './child-names.ts';

export interface CleanerSeen {
  /** Undefined when it was not made yet, or cannot be. */
  readonly cleaner: CronJob | undefined;
  /** Why the API takes no such schedule. */
  readonly refusal: string | undefined;
  /** Why the Secret of the control cannot be made. */
  readonly secretRefusal: string | undefined;
  /** Whether nothing is made for now. */
  readonly isBlocked: boolean;
}

export interface CleanerCondition {
  readonly type: 'CleanerScheduled';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export function cleanerCondition(
  name: string,
  { cleaner, refusal, secretRefusal, isBlocked }: CleanerSeen,
): CleanerCondition {
  const said = (status: 'True' | 'False', reason: string, message: string): CleanerCondition => ({
    ...{ type: 'CleanerScheduled', status, reason, message },
  });
  if (refusal !== undefined) return said('False', 'ScheduleRefused', refusal);
  if (!cleaner) {
    const why = isBlocked ? 'nothing is made for now: see Ready' : 'it is not made yet';
    return said('False', 'NotScheduled', why);
  }
  if (secretRefusal !== undefined) {
    const message = `the Secret ${controlName(name)} with the token cannot be made: ${secretRefusal}`;
    return said('False', 'NoToken', message);
  }
  const { schedule } = cleaner.spec;
  const { active = [], lastScheduleTime, lastSuccessfulTime } = cleaner.status ?? {};
  if (lastScheduleTime === undefined) return said('True', 'Scheduled', `it runs at "${schedule}"`);
  const succeeded = lastSuccessfulTime !== undefined && lastSuccessfulTime >= lastScheduleTime;
  if (succeeded || active.length > 0)
    return said('True', 'Scheduled', `it runs at "${schedule}", last at ${lastScheduleTime}`);
  const message = `the run of ${lastScheduleTime} failed; its log says why: kubectl logs -l app.kubernetes.io/name=cacheserver-cleaner. It shows the token of Secret ${controlName(name)}, and runs again at "${schedule}"`;
  return said('True', 'LastRunFailed', message);
}
