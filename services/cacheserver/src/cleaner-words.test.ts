// Tables for what is told of the cleaner.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob } from '@tweendeck/kube';
import { cleanerCondition } from './cleaner-words.ts';

const metadata = {
  ...{ name: 'cache-cleaner', namespace: 'team', uid: 'u', resourceVersion: '1', generation: 3 },
  creationTimestamp: '2026-01-01T00:00:00Z',
};

function cronJob(status?: CronJob['status']): CronJob {
  return {
    ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata },
    spec: { schedule: '0 * * * *', jobTemplate: {} },
    ...(status ? { status } : {}),
  };
}

const ten = '2026-01-01T10:00:00Z';
for (const { name, have, refusal, control, told } of [
  { name: 'is scheduled', have: cronJob(), told: 'True Scheduled' },
  {
    name: 'ran well',
    have: cronJob({ lastScheduleTime: ten, lastSuccessfulTime: '2026-01-01T10:00:09Z' }),
    told: 'True Scheduled',
  },
  {
    name: 'runs',
    have: cronJob({ lastScheduleTime: ten, active: [{ name: 'x' }] }),
    told: 'True Scheduled',
  },
  { name: 'failed', have: cronJob({ lastScheduleTime: ten }), told: 'True LastRunFailed' },
  {
    name: 'failed after it ran well',
    have: cronJob({ lastScheduleTime: ten, lastSuccessfulTime: '2026-01-01T09:00:09Z' }),
    told: 'True LastRunFailed',
  },
  { name: 'has a schedule that is none', refusal: 'bad', told: 'False ScheduleRefused' },
  { name: 'is not made yet', told: 'False NotScheduled' },
  { name: 'has no token to show', have: cronJob(), control: 'quota', told: 'False NoToken' },
]) {
  test(`a cleaner that ${name} is told of`, () => {
    const said = cleanerCondition('cache', {
      ...{ cleaner: have, refusal, secretRefusal: control, isBlocked: false },
    });
    assert.equal(`${said.status} ${said.reason}`, told);
  });
}
