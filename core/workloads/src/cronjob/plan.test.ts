import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job } from '@tweendeck/kube';
import { ago, cronJob, job, nowMs } from '../testing/objects.ts';
import { planCronJob, statusAfter } from './plan.ts';

type End = 'Complete' | 'Failed';

function child(name: string, end?: End, endedSeconds = 60): Job {
  const status = {
    startTime: ago(endedSeconds + 60),
    ...(end === 'Complete' ? { completionTime: ago(endedSeconds) } : {}),
    ...(end ? { conditions: [{ type: end, status: 'True' }] } : {}),
  };
  const made = job({}, { status });
  return { ...made, metadata: { ...made.metadata, name, uid: `uid-${name}` } };
}

const active = (...names: readonly string[]) => ({
  active: names.map((name) => ({ name, namespace: 'default', uid: `uid-${name}` })),
});
/** The minutes since the epoch at the present of all tables. */
const minute = nowMs / 60_000;

interface Row {
  readonly name: string;
  readonly cronJob: CronJob;
  readonly jobs?: readonly Job[];
  readonly gone?: readonly string[];
  readonly starts?: string;
  readonly prunes?: readonly string[];
  readonly replaces?: readonly string[];
  readonly events?: readonly string[];
  readonly requeueSeconds?: number;
  readonly status?: object;
}

const born = { ageSeconds: 5 };
/** Made a good hour ago, so that it was due just now. */
const rows: readonly Row[] = [
  {
    name: 'starts a job when it is due',
    cronJob: cronJob({}, { status: { lastScheduleTime: ago(600) } }),
    starts: `tick-${minute}`,
    requeueSeconds: 600.1,
  },
  {
    name: 'that is new waits for its first time',
    cronJob: cronJob({ schedule: '5 * * * *' }, born),
    requeueSeconds: 300.1,
  },
  {
    name: 'starts the latest of the times it missed, once',
    cronJob: cronJob({ schedule: '*/7 * * * *' }),
    starts: `tick-${minute}`,
    requeueSeconds: 420.1,
  },
  {
    name: 'that was forgotten for long says so',
    cronJob: cronJob({ schedule: '* * * * *' }, { ageSeconds: 86_400 }),
    starts: `tick-${minute}`,
    events: ['TooManyMissedTimes'],
    requeueSeconds: 60.1,
  },
  {
    name: 'that already ran at this time waits',
    cronJob: cronJob({}, { status: { lastScheduleTime: ago(0) } }),
    requeueSeconds: 600.1,
  },
  {
    name: 'whose job of this time is known does not start it again',
    cronJob: cronJob({}, { status: { lastScheduleTime: ago(600), ...active(`tick-${minute}`) } }),
    jobs: [child(`tick-${minute}`)],
    requeueSeconds: 600.1,
  },
  {
    name: 'too late does not start',
    cronJob: cronJob({ schedule: '50 * * * *', startingDeadlineSeconds: 700 }, { ageSeconds: 900 }),
    starts: `tick-${minute - 10}`,
    requeueSeconds: 3_000.1,
  },
  {
    name: 'beyond its deadline lets a time go',
    cronJob: cronJob({ schedule: '50 * * * *', startingDeadlineSeconds: 100 }, { ageSeconds: 900 }),
    requeueSeconds: 3_000.1,
  },
  {
    name: 'suspended does nothing',
    cronJob: cronJob({ suspend: true }),
  },
  {
    name: 'under deletion does nothing',
    cronJob: cronJob({}, { deletionTimestamp: ago(1) }),
    jobs: [child('a', 'Failed'), child('b', 'Failed')],
  },
  {
    name: 'with a schedule that is none says so',
    cronJob: cronJob({ schedule: 'sometimes' }),
    events: ['UnparseableSchedule'],
  },
  {
    name: 'with a day that never comes says so',
    cronJob: cronJob({ schedule: '0 0 31 2 *' }),
    events: ['InvalidSchedule'],
  },
  {
    name: 'in a time zone that is none says so',
    cronJob: cronJob({ timeZone: 'Nowhere' }),
    events: ['UnknownTimeZone'],
  },
  {
    name: 'is due by the clocks of its time zone',
    cronJob: cronJob({ schedule: '0 1 * * *', timeZone: 'Europe/Berlin' }),
    starts: `tick-${minute}`,
    requeueSeconds: 86_400.1,
  },
  {
    name: 'that forbids it does not start beside another',
    cronJob: cronJob({ concurrencyPolicy: 'Forbid' }, { status: active('tick-1') }),
    jobs: [child('tick-1')],
    events: ['JobAlreadyActive'],
    requeueSeconds: 600.1,
  },
  {
    name: 'that replaces ends the other first',
    cronJob: cronJob({ concurrencyPolicy: 'Replace' }, { status: active('tick-1') }),
    jobs: [child('tick-1')],
    replaces: ['tick-1'],
    starts: `tick-${minute}`,
    requeueSeconds: 600.1,
  },
  {
    name: 'forgets jobs that ended and remembers the last success',
    cronJob: cronJob({}, { status: { lastScheduleTime: ago(0), ...active('a', 'b') } }),
    jobs: [child('a', 'Complete', 30), child('b', 'Failed')],
    events: ['SawCompletedJob', 'SawCompletedJob'],
    status: { lastSuccessfulTime: ago(30) },
    requeueSeconds: 600.1,
  },
  {
    name: 'forgets jobs that are gone',
    cronJob: cronJob({}, { status: { lastScheduleTime: ago(0), ...active('a') } }),
    gone: ['uid-a'],
    events: ['MissingJob'],
    requeueSeconds: 600.1,
  },
  {
    name: 'keeps so many jobs that ended',
    cronJob: cronJob({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 }, born),
    jobs: [
      child('old', 'Complete', 300),
      child('new', 'Complete', 100),
      child('bad', 'Failed', 200),
      child('going'),
    ],
    prunes: ['old', 'bad'],
    events: ['UnexpectedJob'],
    requeueSeconds: 0.1,
    starts: `tick-${minute}`,
  },
];

for (const row of rows) {
  test(`a cron job ${row.name}`, () => {
    const gone = new Set(row.gone);
    const plan = planCronJob({ cronJob: row.cronJob, jobs: row.jobs ?? [], gone, nowMs });
    assert.equal(plan.start?.job.metadata.name, row.starts);
    const names = (jobs: readonly Job[]) => jobs.map(({ metadata }) => metadata.name);
    assert.deepEqual(names(plan.prune), row.prunes ?? []);
    assert.deepEqual(names(plan.replace), row.replaces ?? []);
    assert.deepEqual(
      plan.events.map(({ reason }) => reason),
      row.events ?? [],
    );
    assert.deepEqual({ ...plan.status, ...row.status }, plan.status);
    if (row.name.startsWith('keeps')) return;
    const wait = plan.requeueAfterMs;
    assert.equal(wait === undefined ? undefined : wait / 1_000, row.requeueSeconds);
  });
}

test('a job that was started is in the status, and one that was replaced is not', () => {
  const status = { ...active('old'), lastScheduleTime: ago(600) };
  const next = statusAfter(status, [child('old')], { dueMs: nowMs, job: child('new') });
  assert.deepEqual(
    next.active?.map(({ name }) => name),
    ['new'],
  );
  assert.equal(next.lastScheduleTime, ago(0));
});

test('a job says for which time it was made', () => {
  const plan = planCronJob({
    cronJob: cronJob({ timeZone: 'Europe/Berlin' }),
    jobs: [],
    gone: new Set(),
    nowMs,
  });
  const { annotations } = plan.start?.job.metadata ?? {};
  assert.deepEqual(annotations, {
    'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T01:00:00+01:00',
  });
});
