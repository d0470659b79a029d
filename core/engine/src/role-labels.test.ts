// Labels by which Services find leaders and followers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member, Role } from './member.ts';
import { roleLabels } from './role-labels.ts';

interface Given {
  readonly label?: string;
  /** Undefined: it does not answer. */
  readonly role?: Role;
  readonly shard?: number;
}

function member({ label, role, shard = 0 }: Given, ordinal: number): Member<null> {
  const name = `m${ordinal}`;
  return {
    ...{ name, place: { group: 'data', shard, ordinal }, wanted: true, revision: 'r' },
    pod: {
      ...{ name, uid: `uid-${name}`, ip: '10.0.0.1', host: 'h', ready: true, terminating: false },
      ...{ revision: 'r', role: label, trouble: undefined },
    },
    view: role === undefined ? undefined : { role, synced: true, facts: null },
    silence: undefined,
  };
}

for (const { name, given, want } of [
  {
    name: 'follow what members are',
    given: [{ role: 'leader' }, { role: 'follower' }],
    want: { m0: 'leader', m1: 'follower' },
  },
  {
    name: 'stay when they are right',
    given: [
      { role: 'leader', label: 'leader' },
      { role: 'follower', label: 'follower' },
    ],
    want: {},
  },
  {
    name: 'change with a failover, before the old leader answers again',
    given: [{ label: 'leader' }, { role: 'leader', label: 'follower' }],
    want: { m0: null, m1: 'leader' },
  },
  {
    name: 'stay on who is silent while nobody leads in its place',
    given: [{ label: 'leader' }, { role: 'follower', label: 'follower' }],
    want: {},
  },
  {
    name: 'stay on a silent leader of another shard',
    given: [
      { label: 'leader', shard: 1 },
      { role: 'leader', label: 'leader' },
    ],
    want: {},
  },
  {
    name: 'that say no role go from who is silent',
    given: [{ label: 'something' }],
    want: { m0: null },
  },
  {
    name: 'go from who has no role at present',
    given: [{ role: 'unknown', label: 'leader' }],
    want: { m0: null },
  },
] as const satisfies readonly {
  readonly name: string;
  readonly given: readonly Given[];
  readonly want: Readonly<Record<string, string | null>>;
}[]) {
  test(`role labels ${name}`, () => {
    const labels = roleLabels(given.map(member));
    assert.deepEqual(Object.fromEntries(labels.map(({ pod, role }) => [pod.name, role])), want);
  });
}
