import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobOutcome, podWaits } from './job-outcome.ts';
import { type BackupInput, planBackup } from './plan-backup.ts';
import { sizeText } from './size-text.ts';

const busy = { reason: 'ClusterBusy', message: 'shop is Progressing' };
const nothing: BackupInput = {
  ...{ status: undefined, waits: undefined, refusal: undefined, job: undefined },
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
};

for (const { name, input, step } of [
  { name: 'begins at once', input: {}, step: { do: 'begin', attempt: 1 } },
  { name: 'waits for its cluster', input: { waits: busy }, step: { do: 'wait', ...busy } },
  {
    name: 'is refused for good',
    input: { waits: busy, refusal: { reason: 'KindUnknown', message: 'no' } },
    step: { do: 'fail', reason: 'KindUnknown', message: 'no' },
  },
  {
    name: 'makes the Job again that is not there',
    input: { status: { phase: 'Running', attempts: 2 } },
    step: { do: 'begin', attempt: 2 },
  },
  {
    name: 'goes on, whatever becomes of the cluster',
    input: { status: { phase: 'Running', attempts: 1 }, waits: busy, job: { state: 'running' } },
    step: { do: 'watch', attempt: 1 },
  },
  {
    name: 'is complete with its Job',
    input: { status: { phase: 'Running', attempts: 1 }, job: { state: 'complete' } },
    step: { do: 'complete' },
  },
  {
    name: 'waits longer with each attempt',
    input: {
      status: { phase: 'Running', attempts: 3 },
      job: { state: 'failed', why: 'full', isFinal: false },
    },
    step: { do: 'retry', attempt: 3, why: 'full', atMs: nothing.nowMs + 20_000 },
  },
  {
    name: 'does not repeat what cannot become better',
    input: {
      status: { phase: 'Running', attempts: 1 },
      job: { state: 'failed', why: 'damaged', isFinal: true },
    },
    step: { do: 'fail', reason: 'Refused', message: 'damaged' },
  },
  {
    name: 'gives up',
    input: {
      status: { phase: 'Running', attempts: 4 },
      job: { state: 'failed', why: 'full', isFinal: false },
    },
    step: {
      ...{ do: 'fail', reason: 'AttemptsFailed' },
      message: 'none of 4 attempts was successful; the last: full',
    },
  },
  {
    name: 'waits for its next attempt',
    input: { status: { phase: 'Pending', attempts: 1, retryTime: '2026-01-01T00:00:05Z' } },
    step: { do: 'pause', untilMs: nothing.nowMs + 5_000 },
  },
  {
    name: 'tries again when it is time',
    input: { status: { phase: 'Pending', attempts: 1, retryTime: '2026-01-01T00:00:00Z' } },
    step: { do: 'begin', attempt: 2 },
  },
  { name: 'rests', input: { status: { phase: 'Complete', attempts: 1 } }, step: { do: 'rest' } },
] as readonly { name: string; input: Partial<BackupInput>; step: object }[]) {
  test(`a backup ${name}`, () => {
    assert.deepEqual(planBackup({ ...nothing, ...input }), step);
  });
}

const failed = (reason: string) => ({ type: 'Failed', status: 'True', reason });
const ended = (terminated: object) => ({
  status: { containerStatuses: [{ state: { terminated } }] },
});

for (const { name, conditions = [], pods = [], outcome } of [
  { name: 'nothing yet', outcome: { state: 'running' } },
  { name: 'a time limit', conditions: [failed('DeadlineExceeded')], outcome: /time limit/ },
  { name: 'a pod that is gone', conditions: [failed('BackoffLimitExceeded')], outcome: /gone/ },
  {
    name: 'words of the program',
    conditions: [failed('BackoffLimitExceeded')],
    pods: [ended({ exitCode: 1, message: '{"level":"info"}\ntweendeck: full (CODE)\n  Free it.' })],
    outcome: /^full \(CODE\)$/,
  },
  {
    name: 'a code that stays',
    conditions: [failed('BackoffLimitExceeded')],
    pods: [ended({ exitCode: 1, message: 'tweendeck: shard-0.rdb (ENGINE_BACKUP_DAMAGED)' })],
    outcome: /shard-0/,
  },
  {
    name: 'a signal',
    conditions: [failed('BackoffLimitExceeded')],
    pods: [ended({ exitCode: 137, signal: 9 })],
    outcome: /signal 9/,
  },
]) {
  test(`a Job that says ${name}`, () => {
    // Only what is looked at.
    const told = jobOutcome({ status: { conditions } } as never, pods as never);
    if (outcome instanceof RegExp) {
      assert.equal(told.state, 'failed');
      assert.match('why' in told ? told.why : '', outcome);
      assert.equal('isFinal' in told && told.isFinal, name.endsWith('stays'));
    } else assert.deepEqual(told, outcome);
  });
}

test('why a pod does not begin is told', () => {
  const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes' }];
  assert.equal(podWaits([{ status: { conditions } }] as never), '0/1 nodes');
});

test('sizes are short', () => {
  const sizes = [0, 1_023, 1_024, 15_000_000, 2 ** 40 * 2_000].map(sizeText);
  assert.deepEqual(sizes, ['0 B', '1023 B', '1.0 KiB', '14 MiB', '2000 TiB']);
});
