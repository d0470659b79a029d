import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planSchedule, type ScheduledBackup, type ScheduleInput } from './schedule.ts';

const at = (time: string): number => Date.parse(`2026-01-${time}:00Z`);
const policy = {
  schedule: '0 3 * * *',
  to: { directory: '/backups' },
  keep: 2,
  timeLimitSeconds: 60,
};
const made = (day: number, phase: ScheduledBackup['phase']): ScheduledBackup => ({
  ...{ name: `shop-${day}`, phase, scheduledMs: at(`0${day}T03:00`) },
});
const base: ScheduleInput = {
  ...{ prefix: 'shop-rc', policy, status: { since: '2026-01-01T00:00:00Z' }, suspended: false },
  ...{ createdMs: at('01T00:00'), backups: [], nowMs: at('01T12:00') },
};

for (const { name, input, create, remove = [], condition } of [
  {
    name: 'waits for its time',
    input: { nowMs: at('01T02:59') },
    condition: 'Unknown NoneYet',
  },
  {
    name: 'is made on time',
    input: { nowMs: at('01T03:00') },
    create: 'shop-rc-t860c0',
    condition: 'Unknown NoneYet',
  },
  {
    name: 'that was missed is made up, once',
    input: { nowMs: at('05T12:00') },
    create: 'shop-rc-t8df00',
    condition: 'False BackupOverdue',
  },
  {
    name: 'is not made twice',
    input: { backups: [made(1, 'Complete')] },
    condition: 'True OnTime',
  },
  {
    name: 'is not made again when somebody deleted it',
    input: { status: { since: '2026-01-01T00:00:00Z', scheduledTime: '2026-01-01T03:00:00Z' } },
    condition: 'False BackupOverdue',
  },
  {
    name: 'waits for the one before',
    input: { nowMs: at('02T12:00'), backups: [made(1, 'Running')] },
    condition: 'False BackupOverdue',
  },
  {
    name: 'waits while its cluster is stopped',
    input: { suspended: true },
    condition: 'Unknown NoneYet',
  },
  {
    name: 'of a cluster that was made later is not made up',
    input: { status: undefined, createdMs: at('01T11:00') },
    condition: 'Unknown NoneYet',
  },
  {
    name: 'that is too many goes, the oldest first',
    input: { nowMs: at('03T12:00'), backups: [1, 2, 3].map((day) => made(day, 'Complete')) },
    remove: ['shop-1'],
    condition: 'True OnTime',
  },
  {
    name: 'that has failed stays until a newer one is complete',
    input: { nowMs: at('02T12:00'), backups: [made(1, 'Complete'), made(2, 'Failed')] },
    condition: 'False BackupFailed',
  },
  {
    name: 'that has failed goes then',
    input: { nowMs: at('02T12:00'), backups: [made(1, 'Failed'), made(2, 'Complete')] },
    remove: ['shop-1'],
    condition: 'True OnTime',
  },
  {
    name: 'is told to be overdue when none is newer',
    input: { nowMs: at('02T03:16'), backups: [made(1, 'Complete'), made(2, 'Running')] },
    condition: 'False BackupOverdue',
  },
  {
    name: 'may take a while',
    input: { nowMs: at('02T03:14'), backups: [made(1, 'Complete'), made(2, 'Running')] },
    condition: 'True OnTime',
  },
  {
    name: 'has a schedule that can be read',
    input: { policy: { ...policy, schedule: '99 3 * * *' } },
    condition: 'False ScheduleUnreadable',
  },
] as readonly {
  name: string;
  input: Partial<ScheduleInput>;
  create?: string;
  remove?: readonly string[];
  condition: string;
}[]) {
  test(`a backup ${name}`, () => {
    const plan = planSchedule({ ...base, ...input });
    assert.equal(plan.create?.name, create);
    assert.deepEqual(plan.remove, remove);
    assert.equal(`${plan.condition.status} ${plan.condition.reason}`, condition);
  });
}

test('when the next one is due is known', () => {
  const plan = planSchedule({ ...base, backups: [made(1, 'Complete')] });
  assert.equal(plan.status.nextTime, '2026-01-02T03:00:00Z');
  assert.equal(plan.againMs, 600_000);
});
