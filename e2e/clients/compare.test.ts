// What counts as a difference between two runs of a client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from './compare.ts';
import type { Played } from './play.ts';

const well = { step: 'verdict', ok: true };
const played = (...lines: Played['lines']): Played => ({ lines, code: 0, complaint: '' });

for (const { name, real, embedded, told } of [
  {
    name: 'nothing when the lines are the same, in any order of keys',
    real: played({ step: 'a', b: 1, c: 2 }, well),
    embedded: played({ c: 2, step: 'a', b: 1 }, well),
    told: [],
  },
  {
    name: 'each place of a line',
    real: played({ step: 'a', b: [{ c: 1 }], d: true }, well),
    embedded: played({ step: 'a', b: [{ c: 2 }] }, well),
    told: ['a: .b[0].c: 1, here 2', 'a: .d: true, here nothing'],
  },
  {
    name: 'lines that one has not',
    real: played({ step: 'a' }, well),
    embedded: played(well),
    told: ['line 1: {"step":"a"}, here {"step":"verdict","ok":true}'],
  },
  {
    name: 'a verdict that is missing on both sides',
    real: played({ step: 'a' }),
    embedded: played({ step: 'a' }),
    told: ['real: ended with 0: {"step":"a"} ', 'embedded: ended with 0: {"step":"a"} '],
  },
  {
    name: 'a program that ended badly',
    real: played(well),
    embedded: { ...played(well), code: 2, complaint: 'panic' },
    told: ['embedded: ended with 2: {"step":"verdict","ok":true} panic'],
  },
])
  test(`differences tell ${name}`, () => assert.deepEqual(differences(real, embedded), told));
