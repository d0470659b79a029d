// When a cluster is backed up next, which backups go, and whether the newest is as new as it should be. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import { parseCronSchedule } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import type { BackupPolicy, PolicyStatus } from './policy.ts';

/** A Backup that was made on schedule. */
export interface ScheduledBackup {
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Complete' | 'Failed';
  readonly scheduledMs: number;
  readonly completionTime?: string | undefined;
  readonly message?: string | undefined;
}

export interface ScheduleInput {
  /** What names begin with. */
  readonly prefix: string;
  readonly policy: BackupPolicy;
  readonly status: PolicyStatus | undefined;
  readonly createdMs: number;
  readonly suspended: boolean;
  readonly backups: readonly ScheduledBackup[];
  readonly nowMs: number;
}

export interface SchedulePlan {
  readonly create: { readonly name: string; readonly scheduledMs: number } | undefined;
  readonly remove: readonly string[];
  readonly status: PolicyStatus;
  readonly condition: ConditionInput;
  readonly againMs: number;
}

/** A run may begin and end so much later than it was due before it is told. */
const graceMs = 15 * 60_000;
const againMsMax = 10 * 60_000;
const failedKept = 3;
/** What was missed is made up once: it is enough to find the latest run among so many. */
const runsLookedAt = 100_000;

export function planSchedule(input: ScheduleInput): SchedulePlan {
  const { policy, status, backups, nowMs, createdMs } = input;
  const sinceMs = Date.parse(status?.since ?? '') || nowMs;
  const since = timestampOf(sinceMs);
  const parsed = parseCronSchedule(policy.schedule, policy.timeZone);
  if (!parsed.ok) {
    const why = { reason: 'ScheduleUnreadable', message: parsed.problem };
    return {
      ...{ create: undefined, remove: [], status: { since }, againMs: againMsMax },
      condition: { type: 'BackupRecent', status: 'False', ...why },
    };
  }
  const { schedule } = parsed;
  const newestMs = Math.max(...backups.map(({ scheduledMs }) => scheduledMs), 0);
  const lastMs = Math.max(newestMs, Date.parse(status?.scheduledTime ?? '') || 0);
  const baseMs = Math.max(lastMs, sinceMs, createdMs);
  const dueMs = latest(schedule, baseMs, nowMs);
  const isBusy = backups.some(({ phase }) => phase === 'Pending' || phase === 'Running');
  const begins = dueMs !== undefined && !isBusy && !input.suspended;
  const nextMs = schedule.next(Math.max(nowMs, baseMs));
  const last = newestOf(backups, 'Complete');
  const ranMs = begins ? dueMs : lastMs;
  return {
    create: begins ? { name: nameOf(input.prefix, dueMs), scheduledMs: dueMs } : undefined,
    remove: surplus(backups, policy.keep),
    status: {
      since,
      ...(ranMs > 0 ? { scheduledTime: timestampOf(ranMs) } : {}),
      ...(nextMs === undefined ? {} : { nextTime: timestampOf(nextMs) }),
      ...(last ? { last: last.name } : {}),
      ...(last?.completionTime ? { lastCompletionTime: last.completionTime } : {}),
    },
    condition: conditionOf(input, {
      last,
      expectedMs: schedule.next(Math.max(last?.scheduledMs ?? 0, sinceMs)),
    }),
    againMs: Math.min(againMsMax, Math.max(100, (nextMs ?? Number.POSITIVE_INFINITY) - nowMs)),
  };
}

/** The last run that is due, of however many. */
function latest(
  schedule: { next(afterMs: number): number | undefined },
  afterMs: number,
  nowMs: number,
): number | undefined {
  let found: number | undefined;
  for (let at = schedule.next(afterMs), runs = 0; at !== undefined && at <= nowMs; runs++) {
    found = at;
    at = schedule.next(runs < runsLookedAt ? at : nowMs);
  }
  return found;
}

function newestOf(
  backups: readonly ScheduledBackup[],
  phase: ScheduledBackup['phase'],
): ScheduledBackup | undefined {
  return inOrder(backups.filter((one) => one.phase === phase))[0];
}

/** The newest first. */
function inOrder(backups: readonly ScheduledBackup[]): readonly ScheduledBackup[] {
  return backups.toSorted((a, b) => b.scheduledMs - a.scheduledMs);
}

/** Failures go once a newer one is complete, and when there are many. */
function surplus(backups: readonly ScheduledBackup[], keep: number): readonly string[] {
  const complete = inOrder(backups.filter(({ phase }) => phase === 'Complete'));
  const failed = inOrder(backups.filter(({ phase }) => phase === 'Failed'));
  const newestMs = complete[0]?.scheduledMs ?? 0;
  const old = failed.filter(({ scheduledMs }, at) => scheduledMs < newestMs || at >= failedKept);
  return [...complete.slice(keep), ...old].map(({ name }) => name);
}

function conditionOf(
  { backups, nowMs, suspended }: ScheduleInput,
  known: {
    readonly last: ScheduledBackup | undefined;
    readonly expectedMs: number | undefined;
  },
): ConditionInput {
  const { last, expectedMs } = known;
  const type = 'BackupRecent';
  const newest = last ? `the newest is ${last.name}` : 'there is none yet';
  const failed = newestOf(backups, 'Failed');
  if (failed && failed.scheduledMs > (last?.scheduledMs ?? 0)) {
    const message = `${failed.name}: ${failed.message ?? 'it has failed'}; ${newest}`;
    return { type, status: 'False', reason: 'BackupFailed', message };
  }
  if (expectedMs !== undefined && nowMs > expectedMs + graceMs && !suspended) {
    const message = `one was due at ${timestampOf(expectedMs)}; ${newest}`;
    return { type, status: 'False', reason: 'BackupOverdue', message };
  }
  if (last) return { type, status: 'True', reason: 'OnTime', message: newest };
  return { type, status: 'Unknown', reason: 'NoneYet', message: newest };
}

/** With the second it is due at, in few letters: the same run has the same name. */
function nameOf(prefix: string, dueMs: number): string {
  return `${prefix}-${Math.floor(dueMs / 1_000).toString(36)}`;
}
