// Changing a password without anybody being shut out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  editedPasswords,
  nextPasswords,
  type PasswordInput,
  type PasswordState,
} from './passwords.ts';

const first: PasswordState = { current: 'one', change: '', sinceMs: undefined };
const going: PasswordState = { ...first, next: 'two', change: 'x' };
const changed: PasswordState = { current: 'two', previous: 'one', change: 'x', sinceMs: 1_000 };

const table: readonly {
  readonly name: string;
  readonly given: Partial<PasswordInput>;
  readonly want: PasswordState;
}[] = [
  { name: 'begins with one', given: { state: undefined }, want: { ...first, current: 'made' } },
  { name: 'rests', given: {}, want: first },
  {
    name: 'makes another when it is asked for',
    given: { change: 'x' },
    want: { ...first, next: 'made', change: 'x' },
  },
  {
    name: 'does not use what a member may not take yet',
    given: { state: going, change: 'x', inForce: false },
    want: going,
  },
  {
    name: 'uses what all take, and keeps the one before',
    given: { state: going, change: 'x', nowMs: 1_000 },
    want: changed,
  },
  {
    name: 'goes on with a change before another begins',
    given: { state: going, change: 'y', nowMs: 1_000 },
    want: changed,
  },
  {
    name: 'keeps the one before for its time',
    given: { state: changed, change: 'x', nowMs: 1_999 },
    want: changed,
  },
  {
    name: 'drops it then',
    given: { state: changed, change: 'x', nowMs: 2_000 },
    want: { current: 'two', change: 'x', sinceMs: 1_000 },
  },
  {
    name: 'drops nothing while a member may still use it',
    given: { state: changed, change: 'x', nowMs: 9_000, inForce: false },
    want: changed,
  },
  {
    name: 'begins another change at once',
    given: { state: changed, change: 'y', nowMs: 1_001, inForce: false },
    want: { ...changed, next: 'made', change: 'y' },
  },
];

for (const { name, given, want } of table) {
  test(`a password ${name}`, () => {
    const usual = { state: first, change: '', keepPreviousMs: 1_000, inForce: true, nowMs: 0 };
    assert.deepEqual(nextPasswords({ ...usual, make: () => 'made', ...given }), want);
  });
}

for (const { name, state, inUse, want } of [
  { name: 'is as it was', state: changed, inUse: 'two', want: changed },
  { name: 'is nobody knows whose', state: first, inUse: undefined, want: first },
  {
    name: 'counts at once, and the one in use is the one before',
    state: { ...first, current: 'mine' },
    inUse: 'one',
    want: { ...first, current: 'mine', previous: 'one', sinceMs: 5 },
  },
  ...['', 'one\n', 'with spaces'].map((current) => ({
    name: `is put back where it cannot be one: ${JSON.stringify(current)}`,
    state: { ...going, current },
    ...{ inUse: 'one', want: going },
  })),
  {
    name: 'ends at its line',
    state: { ...first, current: 'mine\n' },
    inUse: 'one',
    want: { ...first, current: 'mine', previous: 'one', sinceMs: 5 },
  },
  {
    name: 'ends a change that was under way',
    state: { ...going, current: 'mine' },
    inUse: 'one',
    want: { current: 'mine', previous: 'one', change: 'x', sinceMs: 5 },
  },
] as readonly {
  readonly name: string;
  readonly state: PasswordState;
  readonly inUse: string | undefined;
  readonly want: PasswordState;
}[]) {
  test(`a password that somebody wrote ${name}`, () => {
    assert.deepEqual(editedPasswords(state, inUse, 5), want);
  });
}
