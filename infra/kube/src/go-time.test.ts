// Texts that are times, and why others are none; the reasons are those of Go's time.Parse.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goTimeProblem, type TimePrecision } from './go-time.ts';

interface Row {
  readonly text: string;
  readonly precision?: TimePrecision;
  readonly problem?: string;
}

const seconds = '2006-01-02T15:04:05Z07:00';
const micro = '2006-01-02T15:04:05.000000Z07:00';

const rows: readonly Row[] = [
  { text: '2026-01-02T03:04:05Z' },
  { text: '2026-01-02T03:04:05.123456789+02:00' },
  { text: '2026-01-02T3:04:05,5-07:30' },
  { text: '2024-02-29T00:00:00Z' },
  { text: '0001-01-01T00:00:00Z' },
  { text: '2026-01-02T03:04:05.123456Z', precision: 'microseconds' },
  { text: '', problem: ` as "${seconds}": cannot parse "" as "2006"` },
  { text: 'yesterday', problem: ` as "${seconds}": cannot parse "yesterday" as "2006"` },
  { text: '2026-01-02', problem: ` as "${seconds}": cannot parse "" as "T"` },
  { text: '2026-1-02T', problem: ` as "${seconds}": cannot parse "1-02T" as "01"` },
  { text: '2026-01-02t03:04:05Z', problem: ` as "${seconds}": cannot parse "t03:04:05Z" as "T"` },
  { text: '2026-01-02T03:04:05', problem: ` as "${seconds}": cannot parse "" as "Z07:00"` },
  { text: '2026-13-02T03:04:05Z', problem: ': month out of range' },
  { text: '2026-02-30T03:04:05Z', problem: ': day out of range' },
  { text: '2026-01-02T24:04:05Z', problem: ': hour out of range' },
  { text: '2026-01-02T03:04:60Z', problem: ': second out of range' },
  { text: '2026-01-02T03:04:05+25:00', problem: ': time zone offset hour out of range' },
  { text: '2026-01-02T03:04:05Zé', problem: ': extra text: "\\xc3\\xa9"' },
  {
    text: '2026-01-02T03:04:05.123Z',
    precision: 'microseconds',
    problem: ` as "${micro}": cannot parse ".123Z" as ".000000"`,
  },
  {
    text: '2026-01-02T03:04:05.1234567Z',
    precision: 'microseconds',
    problem: ` as "${micro}": cannot parse "7Z" as "Z07:00"`,
  },
];

for (const { text, precision = 'seconds', problem } of rows) {
  test(`${text || 'nothing'} in ${precision}`, () => {
    const shown = text.replace('é', '\\xc3\\xa9');
    const expected = problem === undefined ? undefined : `parsing time "${shown}"${problem}`;
    assert.equal(goTimeProblem(text, precision), expected);
  });
}
