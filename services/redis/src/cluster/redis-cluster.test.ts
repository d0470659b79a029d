// Who may leave a Redis cluster, and who takes over from whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, type Given } from '../testing/cluster-of.ts';
import { handOver } from './plan-leading.ts';
import { mayLeave } from './redis-cluster.ts';
import { isSeen } from './seen.ts';
import { slotCount } from './slots.ts';

const all = [[0, slotCount - 1]] as const;
const leader: Given = { at: '0-0', slots: all, keys: 9, offset: 9 };

for (const { name, given, may } of [
  { name: 'an empty master', given: { at: '1-0' }, may: true },
  { name: 'a replica', given: { at: '1-0', follows: '0-0', keys: 9 }, may: true },
  {
    name: 'a replica whose leader is away',
    given: { at: '1-0', follows: 'gone', keys: 9 },
    may: 'its leader is away, and it may have the only copy',
  },
  {
    name: 'a replica without keys whose leader is away',
    given: { at: '1-0', follows: 'gone' },
    may: true,
  },
  { name: 'an owner of slots', given: { at: '1-0', slots: [[1, 3]] }, may: 'it owns 3 slots' },
  { name: 'a holder of keys', given: { at: '1-0', keys: 2 }, may: 'it holds 2 keys' },
  {
    name: 'a member that never ran, while others own all',
    given: { at: '1-0', silent: 'without pod' },
    may: true,
  },
] as readonly { name: string; given: Given; may: true | string }[]) {
  test(`${name} ${may === true ? 'may leave' : 'stays'}`, () => {
    const members = clusterOf([leader, { ...given, wanted: false }]);
    const [, member] = members;
    assert.ok(member);
    assert.equal(mayLeave(member, { members }), may);
  });
}

test('a silent member stays while slots are missing that may be its own', () => {
  const members = clusterOf([
    { ...leader, slots: [[0, 99]] },
    { at: '1-0', silent: 'with pod', wanted: false },
  ]);
  const [, member] = members;
  assert.ok(member);
  assert.equal(
    mayLeave(member, { members }),
    `it does not answer, and ${slotCount - 100} slots may be its own`,
  );
});

for (const { name, to, may } of [
  { name: 'who may be it', to: '1-0', may: 'it does not answer, and may have keys of 2 slots' },
  { name: 'another one, who answers', to: '2-0', may: true },
]) {
  test(`a silent member ${may === true ? 'leaves' : 'stays'} while keys are on their way to ${name}`, () => {
    const members = clusterOf([
      {
        ...leader,
        migrating: new Map([
          [5, to],
          [7, to],
        ]),
      },
      { at: '1-0', silent: 'without pod', wanted: false },
      { at: '2-0' },
    ]);
    const [, member] = members;
    assert.ok(member);
    assert.equal(mayLeave(member, { members }), may);
  });
}

test('the replica that has most takes over; nobody who is away or follows another', () => {
  const members = clusterOf([
    leader,
    { at: '0-1', follows: '0-0', offset: 5 },
    { at: '0-2', follows: '0-0', offset: 7 },
    { at: '0-3', follows: '0-0', offset: 8, silent: 'with pod' },
    { at: '1-1', follows: '1-0', offset: 9 },
  ]);
  const seen = members.filter(isSeen);
  const [from] = seen;
  assert.ok(from);
  assert.equal(handOver(from, seen, 'leave')?.on, 'c-data-0-2');
  assert.equal(handOver(from, [from], 'leave'), undefined);
});
