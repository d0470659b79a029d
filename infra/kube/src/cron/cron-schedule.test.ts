import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCronSchedule } from './cron-schedule.ts';
import { isTimeZone } from './local-time.ts';

const at = (stamp: string): number => Date.parse(stamp);

for (const { schedule, after, next, zone } of [
  { schedule: '* * * * *', after: '2026-01-01T00:00:00Z', next: '2026-01-01T00:01:00Z' },
  { schedule: '* * * * *', after: '2026-01-01T00:00:59.5Z', next: '2026-01-01T00:01:00Z' },
  { schedule: '*/15 * * * *', after: '2026-01-01T00:46:00Z', next: '2026-01-01T01:00:00Z' },
  { schedule: '20-35/15 * * * *', after: '2026-01-01T00:20:00Z', next: '2026-01-01T00:35:00Z' },
  { schedule: '0 0 29 FEB ?', after: '2026-01-01T00:00:00Z', next: '2028-02-29T00:00:00Z' },
  { schedule: '0 12 1 * mon', after: '2026-01-01T12:00:00Z', next: '2026-01-05T12:00:00Z' },
  { schedule: '0 12 * * Mon-Fri', after: '2026-01-02T12:00:00Z', next: '2026-01-05T12:00:00Z' },
  { schedule: '5/20 3 * * *', after: '2026-01-01T03:05:00Z', next: '2026-01-01T03:25:00Z' },
  { schedule: '@hourly', after: '2026-01-01T10:10:10Z', next: '2026-01-01T11:00:00Z' },
  { schedule: '@daily', after: '2026-01-01T10:10:10Z', next: '2026-01-02T00:00:00Z' },
  { schedule: '@weekly', after: '2026-01-01T10:10:10Z', next: '2026-01-04T00:00:00Z' },
  { schedule: '@monthly', after: '2026-01-01T00:00:00Z', next: '2026-02-01T00:00:00Z' },
  { schedule: '@annually', after: '2026-01-01T00:00:00Z', next: '2027-01-01T00:00:00Z' },
  { schedule: '@every 90s', after: '2026-01-01T00:00:10.7Z', next: '2026-01-01T00:01:40Z' },
  { schedule: '@every 1ms', after: '2026-01-01T00:00:00Z', next: '2026-01-01T00:00:01Z' },
  {
    schedule: '0 9 * * *',
    after: '2026-07-01T00:00:00Z',
    next: '2026-07-01T07:00:00Z',
    zone: 'Europe/Berlin',
  },
  {
    schedule: 'CRON_TZ=Asia/Tokyo 0 9 * * *',
    after: '2026-07-01T00:00:00Z',
    next: '2026-07-02T00:00:00Z',
    zone: 'Europe/Berlin',
  },
  {
    // 02:30 does not exist on the day that clocks go forward, so it is the next day's.
    schedule: '30 2 * * *',
    after: '2026-03-28T12:00:00Z',
    next: '2026-03-30T00:30:00Z',
    zone: 'Europe/Berlin',
  },
  {
    schedule: '30 2 * * *',
    after: '2026-10-24T12:00:00Z',
    next: '2026-10-25T00:30:00Z',
    zone: 'Europe/Berlin',
  },
]) {
  test(`"${schedule}" after ${after} is due at ${next}`, () => {
    const parsed = parseCronSchedule(schedule, zone);
    assert.ok(parsed.ok);
    assert.equal(
      new Date(parsed.schedule.next(at(after)) ?? 0).toISOString(),
      next.replace('Z', '.000Z'),
    );
  });
}

test('a day that never comes is never due', () => {
  const parsed = parseCronSchedule('0 0 31 2 *');
  assert.ok(parsed.ok);
  assert.equal(parsed.schedule.next(at('2026-01-01T00:00:00Z')), undefined);
});

for (const [schedule, problem] of [
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['-5 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
  ['@sometimes', 'unrecognized descriptor: @sometimes'],
  ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
  [
    'TZ=Nowhere/Land 0 0 * * *',
    'provided bad location Nowhere/Land: unknown time zone Nowhere/Land',
  ],
]) {
  test(`"${schedule}" is refused`, () => {
    assert.deepEqual(parseCronSchedule(schedule ?? ''), { ok: false, problem });
  });
}

test('names of time zones are exact', () => {
  const known = ['UTC', 'Europe/Berlin', 'US/Eastern', 'Asia/Calcutta', 'Etc/GMT+5', 'EST5EDT'];
  assert.deepEqual(known.filter(isTimeZone), known);
  assert.deepEqual(['europe/berlin', '+01:00', 'Nowhere', 'Local'].filter(isTimeZone), []);
});
