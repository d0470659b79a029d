// Conditions of jobs: once set they stay, and the last two are the end.

import type { Job, JobCondition } from '@tweendeck/kube';

type FinishType = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet';

export interface Finish {
  readonly type: FinishType;
  readonly reason: string;
  readonly message: string;
}

export function conditionTrue({ status }: Job, type: string): JobCondition | undefined {
  return status?.conditions?.find((each) => each.type === type && each.status === 'True');
}

/** Complete or Failed. */
export function isFinishedJob(job: Job): boolean {
  return finishedCondition(job) !== undefined;
}

export function finishedCondition(job: Job): JobCondition | undefined {
  return conditionTrue(job, 'Complete') ?? conditionTrue(job, 'Failed');
}

/** Sets a condition; one that would be False from the start is not worth telling. */
export function withJobCondition(
  conditions: readonly JobCondition[],
  next: Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>,
  now: string,
): readonly JobCondition[] {
  const position = conditions.findIndex(({ type }) => type === next.type);
  const made = { ...next, lastProbeTime: now, lastTransitionTime: now };
  const current = conditions[position];
  if (!current) return next.status === 'False' ? conditions : [...conditions, made];
  const same =
    current.status === next.status &&
    current.reason === next.reason &&
    current.message === next.message;
  return same ? conditions : conditions.with(position, made);
}
