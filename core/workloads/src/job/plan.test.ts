import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Pod } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { ago, job, nowMs, type PodInput, pod } from '../testing/objects.ts';
import { type FailureRecord, noFailures, recordAfter, waitMs } from './failure-backoff.ts';
import { indexAnnotation, podForJob, trackingFinalizer } from './job-pods.ts';
import { planJob } from './plan.ts';
import { settleJob, trackJob } from './tracking.ts';

interface JobPodInput extends PodInput {
  readonly index?: number;
  readonly failures?: number;
  readonly exit?: number;
  /** Seconds since it ended. */
  readonly endedSeconds?: number;
  readonly untracked?: boolean;
}

function jobPod(name: string, input: JobPodInput = {}): Pod {
  const { index, failures, exit, endedSeconds = 60, untracked, ...rest } = input;
  const annotations = {
    ...(index === undefined ? {} : { [indexAnnotation]: String(index) }),
    ...(failures === undefined
      ? {}
      : { 'batch.kubernetes.io/job-index-failure-count': String(failures) }),
  };
  const finalizers = untracked ? [] : [trackingFinalizer];
  const phase = exit === undefined ? 'Running' : exit === 0 ? 'Succeeded' : 'Failed';
  const made = pod(name, { phase, annotations, finalizers, ...rest });
  if (exit === undefined) return made;
  const terminated = { exitCode: exit, finishedAt: ago(endedSeconds) };
  const containerStatuses = [
    { name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } },
  ];
  return { ...made, status: { ...made.status, phase, containerStatuses, conditions: [] } };
}

interface Row {
  readonly name: string;
  readonly job: Job;
  readonly pods?: readonly Pod[];
  readonly record?: FailureRecord;
  /** In short: `make 2`, `make #0 #3`, `drop a` (uncounted), `end a` (counted). */
  readonly does?: readonly string[];
  readonly settles?: readonly string[];
  readonly finish?: string;
  readonly requeueSeconds?: number;
  readonly status?: object;
}

const indexed = (spec: Partial<Job['spec']> = {}): Job =>
  job({ completionMode: 'Indexed', completions: 4, parallelism: 2, ...spec });
const withLimit = { backoffLimitPerIndex: 1, backoffLimit: 100 };
const policy = (action: 'Count' | 'FailIndex' | 'FailJob' | 'Ignore') => ({
  podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } as const }] },
});
const started = { startTime: ago(100) };

const rows: readonly Row[] = [
  { name: 'makes its first pod', job: job(), does: ['make 1'], status: { active: 1 } },
  {
    name: 'makes as many as may run at once',
    job: job({ parallelism: 3, completions: 5 }),
    does: ['make 3'],
    status: { active: 3, ready: 0 },
  },
  {
    name: 'makes no more than are left to do',
    job: job({ parallelism: 3, completions: 5 }, { status: { succeeded: 4 } }),
    does: ['make 1'],
  },
  {
    name: 'waits while its pods run',
    job: job({ parallelism: 1 }),
    pods: [jobPod('a')],
    status: { active: 1, ready: 1 },
  },
  {
    name: 'counts a pod that succeeded, and is complete',
    job: job({}, { status: started }),
    pods: [jobPod('a', { exit: 0 })],
    settles: ['a'],
    finish: 'Complete CompletionsReached',
    status: { succeeded: 1, startTime: ago(100) },
  },
  {
    name: 'does not count a pod twice',
    job: job(
      { completions: 2 },
      { status: { ...started, uncountedTerminatedPods: { succeeded: ['uid-a'] } } },
    ),
    pods: [jobPod('a', { exit: 0 })],
    does: ['make 1'],
    settles: ['a'],
    status: { succeeded: 1, active: 1 },
  },
  {
    name: 'counts what a status names once the finalizer is gone',
    job: job(
      { completions: 2 },
      { status: { ...started, uncountedTerminatedPods: { succeeded: ['uid-a'] } } },
    ),
    pods: [jobPod('a', { exit: 0, untracked: true })],
    does: ['make 1'],
    status: { succeeded: 1, active: 1, uncountedTerminatedPods: {} },
  },
  {
    name: 'waits before it replaces a pod that failed',
    job: job({}, { status: started }),
    pods: [jobPod('a', { exit: 1, endedSeconds: 4 })],
    settles: ['a'],
    requeueSeconds: 6,
    status: { failed: 1 },
  },
  {
    name: 'waits longer after more failures',
    job: job({}, { status: { ...started, failed: 2 } }),
    pods: [jobPod('a', { exit: 1, endedSeconds: 4 })],
    record: { failures: 2, lastMs: nowMs - 30_000 },
    settles: ['a'],
    requeueSeconds: 36,
  },
  {
    name: 'replaces it when the wait is over',
    job: job({}, { status: started }),
    pods: [jobPod('a', { exit: 1, endedSeconds: 11 })],
    does: ['make 1'],
    settles: ['a'],
    status: { failed: 1, active: 1 },
  },
  {
    name: 'gives up beyond its limit, ending what runs',
    job: job(
      { parallelism: 2, completions: 2, backoffLimit: 1 },
      { status: { ...started, failed: 1 } },
    ),
    pods: [jobPod('a', { exit: 1 }), jobPod('b')],
    does: ['end b'],
    settles: ['a', 'b'],
    finish: 'waits BackoffLimitExceeded',
    status: { failed: 3, terminating: 1, ready: 0 },
  },
  {
    name: 'counts restarts in place',
    job: job({
      backoffLimit: 2,
      template: { spec: { containers: [], restartPolicy: 'OnFailure' } },
    }),
    pods: [jobPod('a', { restarts: 2 })],
    does: ['end a'],
    settles: ['a'],
    finish: 'waits BackoffLimitExceeded',
  },
  {
    name: 'is failed once its pods have ended',
    job: job(
      { backoffLimit: 0 },
      {
        status: {
          ...started,
          failed: 1,
          conditions: [{ type: 'FailureTarget', status: 'True', reason: 'R', message: 'm' }],
        },
      },
    ),
    finish: 'Failed R',
    status: { failed: 1, terminating: 0 },
  },
  {
    name: 'ends at its deadline',
    job: job({ activeDeadlineSeconds: 100 }, { status: started }),
    pods: [jobPod('a')],
    does: ['end a'],
    settles: ['a'],
    finish: 'waits DeadlineExceeded',
  },
  {
    name: 'looks again at its deadline',
    job: job({ activeDeadlineSeconds: 130 }, { status: started }),
    pods: [jobPod('a')],
    requeueSeconds: 30,
  },
  {
    name: 'counts a pod that is being deleted as failed',
    job: job({}, { status: started }),
    pods: [jobPod('a', { deletionTimestamp: ago(20), readySeconds: undefined })],
    settles: ['a'],
    does: ['make 1'],
    status: { failed: 1, terminating: 1, active: 1 },
  },
  {
    name: 'waits for its end when only failed ones are replaced',
    job: job({ podReplacementPolicy: 'Failed' }, { status: started }),
    pods: [jobPod('a', { deletionTimestamp: ago(20) })],
    status: { terminating: 1 },
  },
  {
    name: 'with workers that take from a queue waits for all once one succeeded',
    job: job({ completions: undefined, parallelism: 3 } as never, { status: started }),
    pods: [jobPod('a', { exit: 0 }), jobPod('b')],
    settles: ['a'],
    status: { succeeded: 1, active: 1 },
  },
  {
    name: 'with workers that take from a queue is complete when the last ended',
    job: job({ completions: undefined, parallelism: 3 } as never, {
      status: { ...started, succeeded: 1 },
    }),
    pods: [jobPod('b', { exit: 0 })],
    settles: ['b'],
    finish: 'Complete CompletionsReached',
  },
  {
    name: 'suspended lets its pods go uncounted',
    job: job({ suspend: true }, { status: started }),
    pods: [jobPod('a')],
    does: ['drop a'],
    status: { terminating: 1, ready: 0 },
  },
  {
    name: 'suspended from the start has not started',
    job: job({ suspend: true }),
    status: { ready: 0, terminating: 0 },
  },
  {
    name: 'resumed starts anew',
    job: job(
      {},
      {
        status: {
          ...started,
          conditions: [
            { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' },
          ],
        },
      },
    ),
    does: ['make 1'],
    status: { startTime: ago(0), active: 1 },
  },
  {
    name: 'runs fewer when it may run fewer at once',
    job: job({ parallelism: 1, completions: 5 }, { status: started }),
    pods: [jobPod('a'), jobPod('b', { phase: 'Pending', readySeconds: undefined })],
    does: ['drop b'],
    status: { active: 1, terminating: 1 },
  },
  {
    name: 'under deletion only counts',
    job: job({ parallelism: 2, completions: 2 }, { status: started, deletionTimestamp: ago(1) }),
    pods: [jobPod('a'), jobPod('b', { exit: 1 })],
    settles: ['a', 'b'],
    status: { failed: 1, active: 1 },
  },
  { name: 'indexed makes the lowest indexes', job: indexed(), does: ['make #0 #1'] },
  {
    name: 'indexed leaves out what is done or runs',
    job: indexed({ parallelism: 3 }),
    pods: [jobPod('a', { index: 0, exit: 0 }), jobPod('b', { index: 1 })],
    does: ['make #2 #3'],
    settles: ['a'],
    status: { succeeded: 1, completedIndexes: '0', active: 3 },
  },
  {
    name: 'indexed removes the younger of two with one index',
    job: indexed(),
    pods: [
      jobPod('a', { index: 0 }),
      jobPod('b', { index: 0, readySeconds: undefined }),
      jobPod('c'),
    ],
    does: ['drop c', 'drop b'],
  },
  {
    name: 'indexed is complete with all indexes',
    job: indexed({}),
    pods: [0, 1, 2, 3].map((index) => jobPod(`p${index}`, { index, exit: 0 })),
    settles: ['p0', 'p1', 'p2', 'p3'],
    finish: 'Complete CompletionsReached',
    status: { succeeded: 4, completedIndexes: '0-3' },
  },
  {
    name: 'indexed shrinks with its completions',
    job: indexed({ completions: 1, parallelism: 1 }),
    pods: [jobPod('a', { index: 0 }), jobPod('b', { index: 3 })],
    does: ['drop b'],
  },
  {
    name: 'with a limit for each index keeps a failed pod until it is replaced',
    job: indexed({ ...withLimit, completions: 2 }),
    pods: [jobPod('a', { index: 0, exit: 1, endedSeconds: 4 }), jobPod('b', { index: 1 })],
    requeueSeconds: 6,
    status: { active: 1, failedIndexes: '' },
  },
  {
    name: 'with a limit for each index makes others meanwhile',
    job: indexed(withLimit),
    pods: [jobPod('a', { index: 0, exit: 1, endedSeconds: 4 })],
    does: ['make #1'],
  },
  {
    name: 'with a limit for each index fails an index, and goes on',
    job: indexed(withLimit),
    pods: [jobPod('a', { index: 0, exit: 1, failures: 1 })],
    does: ['make #1 #2'],
    settles: ['a'],
    status: { failed: 1, failedIndexes: '0', active: 2 },
  },
  {
    name: 'with failed indexes fails when nothing else is left',
    job: indexed({ ...withLimit, completions: 2 }),
    pods: [jobPod('a', { index: 0, exit: 1, failures: 1 }), jobPod('b', { index: 1, exit: 0 })],
    settles: ['a', 'b'],
    finish: 'Failed FailedIndexes',
  },
  {
    name: 'with too many failed indexes ends the rest',
    job: indexed({ ...withLimit, maxFailedIndexes: 0 }),
    pods: [jobPod('a', { index: 0, exit: 1, failures: 1 }), jobPod('b', { index: 1 })],
    does: ['end b'],
    settles: ['a', 'b'],
    finish: 'waits MaxFailedIndexesExceeded',
  },
  {
    name: 'meets its success policy and ends the rest without counting them',
    job: indexed({ successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] } }),
    pods: [jobPod('a', { index: 0, exit: 0 }), jobPod('b', { index: 2 })],
    does: ['end b'],
    settles: ['a', 'b'],
    finish: 'waits SuccessPolicy',
    status: { succeeded: 1, completedIndexes: '0' },
  },
  {
    name: 'ignores a failure as its policy says',
    job: job({ ...policy('Ignore'), backoffLimit: 0 }, { status: started }),
    pods: [jobPod('a', { exit: 42 })],
    does: ['make 1'],
    settles: ['a'],
    status: { active: 1 },
  },
  {
    name: 'fails at once as its policy says',
    job: job(policy('FailJob'), { status: started }),
    pods: [jobPod('a', { exit: 42 })],
    settles: ['a'],
    finish: 'Failed PodFailurePolicy',
    status: { failed: 1 },
  },
  {
    name: 'fails an index at once as its policy says',
    job: indexed({ ...withLimit, backoffLimitPerIndex: 5, ...policy('FailIndex') }),
    pods: [jobPod('a', { index: 0, exit: 42 })],
    does: ['make #1 #2'],
    settles: ['a'],
    status: { failedIndexes: '0' },
  },
];

const now = timestampOf(nowMs);

for (const row of rows) {
  test(`a job ${row.name}`, () => {
    const pods = row.pods ?? [];
    const plan = planJob({ job: row.job, pods, record: row.record ?? noFailures, nowMs });
    const indexes = plan.create.filter((index) => index !== undefined);
    const does = [
      ...plan.remove.map(
        ({ pod: each, counts }) => `${counts ? 'end' : 'drop'} ${each.metadata.name}`,
      ),
      ...(plan.create.length === 0
        ? []
        : [
            `make ${indexes.length > 0 ? indexes.map((index) => `#${index}`).join(' ') : plan.create.length}`,
          ]),
    ];
    assert.deepEqual(does, row.does ?? []);
    const outcome = {
      created: plan.create.length,
      removed: plan.remove.map(({ pod: each }) => each),
    };
    const tracking = trackJob(row.job, pods, { plan, outcome, now });
    assert.deepEqual(
      tracking.settle.map(({ metadata }) => metadata.name),
      row.settles ?? [],
    );
    const end = settleJob(tracking.status, tracking.finish, { held: new Set(), now });
    const ended = end.status.conditions?.find(
      ({ type }) => type === 'Complete' || type === 'Failed',
    );
    const finish = end.finished
      ? `${ended?.type} ${ended?.reason}`
      : tracking.finish && `waits ${tracking.finish.reason}`;
    assert.equal(finish, row.finish);
    const wait = plan.requeueAfterMs;
    assert.equal(wait === undefined ? undefined : wait / 1_000, row.requeueSeconds);
    const { conditions: _, ...counts } = end.status;
    assert.deepEqual({ ...counts, ...row.status }, counts);
  });
}

test('a status is written before finalizers go, and names what it has not counted', () => {
  const failing = job({ backoffLimit: 0 }, { status: started });
  const pods = [jobPod('a', { exit: 1 })];
  const plan = planJob({ job: failing, pods, record: noFailures, nowMs });
  const { status, finish } = trackJob(failing, pods, {
    plan,
    outcome: { created: 0, removed: [] },
    now,
  });
  assert.deepEqual(status.uncountedTerminatedPods, { failed: ['uid-a'] });
  assert.deepEqual(
    status.conditions?.map(({ type }) => type),
    ['FailureTarget'],
  );
  assert.equal(settleJob(status, finish, { held: new Set(['uid-a']), now }).finished, false);
  const end = settleJob(status, finish, { held: new Set(), now });
  assert.deepEqual([end.finished, end.status.failed], [true, 1]);
});

test('a pod of an indexed job knows its index and the failures before it', () => {
  const made = podForJob(indexed(), 3, { counted: 2, ignored: 0 });
  assert.equal(made.metadata.generateName, 'work-3-');
  assert.equal(made.spec.hostname, 'work-3');
  assert.equal(made.metadata.labels?.[indexAnnotation], '3');
  assert.equal(made.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '2');
  assert.deepEqual(made.spec.containers[0]?.env?.[0]?.name, 'JOB_COMPLETION_INDEX');
  assert.deepEqual(made.metadata.finalizers, [trackingFinalizer]);
});

for (const [failures, seconds] of [
  [0, 0],
  [1, 10],
  [2, 20],
  [5, 160],
  [7, 600],
  [40, 600],
] as const) {
  test(`after ${failures} failures a job waits ${seconds} seconds`, () => {
    assert.equal(waitMs({ failures, lastMs: nowMs }, nowMs), seconds * 1_000);
  });
}

test('a success forgets the failures before it', () => {
  const record = recordAfter(
    { failures: 3, lastMs: nowMs - 1 },
    [jobPod('s', { exit: 0, endedSeconds: 50 })],
    [jobPod('f', { exit: 1, endedSeconds: 60 }), jobPod('g', { exit: 1, endedSeconds: 40 })],
  );
  assert.deepEqual(record, { failures: 1, lastMs: nowMs - 40_000 });
});
