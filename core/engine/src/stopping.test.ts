// When stopping a cluster loses data.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from './member.ts';
import { stoppingOf } from './stopping.ts';
import { toyCluster, toyEngine } from './testing/toy-engine.ts';

interface Given {
  readonly group?: 'data' | 'watch';
  readonly pod?: 'running' | 'terminating' | 'none';
  /** Undefined: it does not answer. */
  readonly synced?: boolean | undefined;
}

function member(given: Given, ordinal: number): Member<null> {
  const { group = 'data', pod = 'running', synced = 'synced' in given ? undefined : true } = given;
  const name = `c-${group}-${ordinal}`;
  const running = {
    ...{ name: `${name}-0`, uid: name, ip: '10.0.0.1', host: 'h', ready: true, revision: 'r' },
    ...{ terminating: pod === 'terminating', trouble: undefined },
  };
  return {
    ...{ name, place: { group, shard: 0, ordinal }, wanted: true, revision: 'r' },
    ...{ pod: pod === 'none' ? undefined : running, silence: undefined },
    view: synced === undefined ? undefined : { role: 'peer', synced, facts: null },
  };
}

interface Row {
  readonly name: string;
  readonly given: readonly Given[];
  readonly suspend?: boolean;
  readonly storage?: true;
  /** Who is in step holds something, and who does not answer. */
  readonly asksEngine?: true;
  readonly loses?: string;
}

const rows: readonly Row[] = [
  { name: 'it is not to be stopped', given: [{}], suspend: false },
  { name: 'nobody is there', given: [{ pod: 'none' }] },
  { name: 'all that are there are going', given: [{ pod: 'terminating' }] },
  { name: 'members have volumes', given: [{}], storage: true },
  { name: 'members are of a group that keeps nothing', given: [{ group: 'watch' }] },
  { name: 'one has data', given: [{}], loses: 'c-data-0 holds' },
  {
    name: 'several have data',
    given: [{}, { pod: 'none' }, {}, {}],
    loses: 'c-data-0 and 2 more hold',
  },
  { name: 'they are empty', given: [{ synced: false }], asksEngine: true },
  {
    name: 'one of them is not empty',
    given: [{ synced: false }, {}],
    asksEngine: true,
    loses: 'c-data-1 holds',
  },
  {
    name: 'one of them does not answer',
    given: [{ synced: false }, { synced: undefined }],
    asksEngine: true,
    loses: 'c-data-1 holds',
  },
];

for (const { name, given, suspend = true, storage, asksEngine, loses } of rows) {
  test(`stopping loses ${loses ? 'data' : 'nothing'} when ${name}`, () => {
    const engine = toyEngine(
      () => ({ role: 'peer', synced: true, facts: null }),
      asksEngine ? { holdsData: ({ view }) => view === undefined || view.synced } : {},
    );
    const resources = { limits: {} };
    const data = { members: 2, resources, ...(storage ? { storage: { size: '1Gi' } } : {}) };
    const groups = { data, watch: { members: 1, resources } };
    const stoppingBy = (...approved: readonly string[]) => {
      const members = given.map(member);
      return stoppingOf(engine, toyCluster({ suspend, groups }), { members }, new Set(approved));
    };
    const stopping = stoppingBy('stop another');
    if (loses === undefined) return assert.equal(stopping, undefined);
    const { id, why, risk } = stopping?.step ?? {};
    assert.deepEqual(
      [id, why, risk],
      ['stop c', `spec.suspend is set, and what ${loses} is on no volume`, 'dataLoss'],
    );
    assert.deepEqual([stopping?.isApproved, stoppingBy('stop c')?.isApproved], [false, true]);
  });
}
