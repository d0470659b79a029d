// Who is told which passwords, and that a change is no failover.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPasswords } from './plan-passwords.ts';
import { standingOf } from './standing.ts';
import { type GivenData, type GivenSentinel, setOf, toySet } from './testing/set-of.ts';

const set = { ...toySet, passwords: { current: 'p' } };
const server: GivenData = { passwords: 'as wanted' };
const well: readonly GivenData[] = [server, server, server];
const sentinel: GivenSentinel = { passwords: { admits: true, uses: true } };
const behind: GivenSentinel = { passwords: { admits: true, uses: false } };
const fresh: GivenSentinel = { ...behind, names: undefined };

for (const { name, data = well, sentinels = [sentinel, sentinel, sentinel], deeds = [] } of [
  { name: 'nobody when all take them' },
  {
    name: 'servers that take others, all at once',
    data: [{ passwords: 'others' }, server, { passwords: 'others' }],
    deeds: ['tell passwords to s-data-0', 'tell passwords to s-data-2'],
  },
  {
    name: 'Sentinels that take others, all at once, also during a failover',
    sentinels: [
      { passwords: { admits: false, uses: true }, flags: ['failover_in_progress'] },
      { passwords: { admits: false, uses: true } },
      sentinel,
    ],
    deeds: ['tell passwords to s-sentinels-0', 'tell passwords to s-sentinels-1'],
  },
  {
    name: 'Sentinels that watch nobody yet, all at once',
    sentinels: [fresh, fresh, fresh],
    deeds: [0, 1, 2].map((ordinal) => `log in anew with s-sentinels-${ordinal}`),
  },
  {
    name: 'of Sentinels that hear the leader one at a time',
    sentinels: [sentinel, behind, behind],
    deeds: ['log in anew with s-sentinels-1'],
  },
  {
    name: 'servers before Sentinels that hear the leader',
    data: [server, { passwords: 'others' }, server],
    sentinels: [behind, behind, fresh],
    deeds: ['tell passwords to s-data-1', 'log in anew with s-sentinels-2'],
  },
  {
    name: 'no Sentinel that hears the leader while another one does not',
    sentinels: [{ ...sentinel, downMs: 500 }, behind, behind],
  },
  {
    name: 'Sentinels that hear nobody, since they use a password of before, all at once',
    sentinels: [{ ...behind, downMs: 500 }, { ...behind, downMs: 500 }, behind],
    deeds: ['log in anew with s-sentinels-0', 'log in anew with s-sentinels-1'],
  },
  {
    name: 'no Sentinel that watches during a failover',
    sentinels: [{ ...sentinel, flags: ['failover_in_progress'] }, behind, fresh],
    deeds: ['log in anew with s-sentinels-2'],
  },
  {
    name: 'a Sentinel again that does not hear a leader that answers',
    sentinels: [{ ...sentinel, downMs: 11_000 }, sentinel, sentinel],
    deeds: ['log in anew with s-sentinels-0'],
  },
  {
    name: 'no Sentinel again while the leader does not answer',
    data: [{ silent: 'with pod' }, server, server],
    sentinels: [{ ...sentinel, downMs: 11_000 }, sentinel, sentinel],
  },
] as readonly {
  readonly name: string;
  readonly data?: readonly GivenData[];
  readonly sentinels?: readonly GivenSentinel[];
  readonly deeds?: readonly string[];
}[]) {
  test(`Sentinel passwords are told to ${name}`, () => {
    const planned = planPasswords(set, standingOf({ members: setOf({ data, sentinels }) }));
    assert.deepEqual(
      planned.map(({ id }) => id),
      deeds,
    );
    assert.ok(planned.every(({ risk }) => risk === 'safe'));
    const open = planPasswords(toySet, standingOf({ members: setOf({ data, sentinels }) }));
    assert.deepEqual(open, []);
  });
}
