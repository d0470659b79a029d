// When a cron job is due. Rules: upstream's cronjob controller (mostRecentScheduleTime, nextScheduleTimeDuration).

import { type CronJob, type CronSchedule, isTimeZone, parseCronSchedule } from '@tweendeck/kube';
import { timeMs } from '../pod/pod-state.ts';

/** Added to every wait, so that a clock that is a little behind does not fire too early. */
const paddingMs = 100;
const missedMany = 100;

export type ScheduleOf =
  | { readonly ok: true; readonly schedule: CronSchedule }
  | { readonly ok: false; readonly reason: string; readonly message: string };

/** The schedule in the cron job's time zone; UTC unless it names one. */
export function scheduleOf({ spec }: CronJob): ScheduleOf {
  const { schedule: text, timeZone } = spec;
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`;
    return { ok: false, reason: 'UnknownTimeZone', message };
  }
  const parsed = parseCronSchedule(text, timeZone);
  if (parsed.ok) return parsed;
  const message = `unparseable schedule: ${JSON.stringify(text)} : ${parsed.problem}`;
  return { ok: false, reason: 'UnparseableSchedule', message };
}

interface Recent {
  /** The last time that it ran, or that counts as such. */
  readonly fromMs: number;
  /** The latest time that it was due since; undefined when it was not. */
  readonly dueMs: number | undefined;
  readonly missed: 'none' | 'few' | 'many';
  /** Why the schedule makes no sense. */
  readonly problem?: string;
}

function recent(
  { metadata, spec, status }: CronJob,
  schedule: CronSchedule,
  { nowMs, deadline }: { readonly nowMs: number; readonly deadline: 'counts' | 'ignored' },
): Recent {
  let fromMs = timeMs(status?.lastScheduleTime) ?? timeMs(metadata.creationTimestamp) ?? nowMs;
  if (deadline === 'counts' && spec.startingDeadlineSeconds !== undefined) {
    fromMs = Math.max(fromMs, nowMs - spec.startingDeadlineSeconds * 1_000);
  }
  const first = schedule.next(fromMs);
  if (first === undefined || nowMs < first) {
    const problem = 'time difference between two schedules is less than 1 second';
    const never = first === undefined ? { problem } : {};
    return { fromMs, dueMs: undefined, missed: 'none', ...never };
  }
  const second = schedule.next(first);
  if (second === undefined || nowMs < second) return { fromMs, dueMs: first, missed: 'none' };
  const spanMs = second - first;
  const count = Math.floor((nowMs - first) / spanMs) + 1;
  let dueMs: number | undefined;
  // Back by one span more than the count says: schedules are not always regular.
  let atMs = schedule.next(first + (count - 2) * spanMs);
  for (; atMs !== undefined && atMs <= nowMs; atMs = schedule.next(atMs)) dueMs = atMs;
  return { fromMs, dueMs, missed: count > missedMany ? 'many' : 'few' };
}

export interface Due {
  /** The latest time that no job was made for yet; undefined when there is none. */
  readonly dueMs: number | undefined;
  readonly tooMany: boolean;
  readonly problem?: string;
}

export function dueTime(cronJob: CronJob, schedule: CronSchedule, nowMs: number): Due {
  const { dueMs, missed, problem } = recent(cronJob, schedule, { nowMs, deadline: 'counts' });
  const told = problem === undefined ? {} : { problem };
  return { dueMs, tooMany: dueMs !== undefined && missed === 'many', ...told };
}

/** Milliseconds until the next time; undefined when there is none. */
export function nextDueInMs(
  cronJob: CronJob,
  schedule: CronSchedule,
  nowMs: number,
): number | undefined {
  const found = recent(cronJob, schedule, { nowMs, deadline: 'ignored' });
  const fallback = found.missed === 'none' && found.problem === undefined ? found.fromMs : nowMs;
  const next = schedule.next(found.dueMs ?? fallback);
  return next === undefined ? undefined : Math.max(0, next + paddingMs - nowMs);
}
