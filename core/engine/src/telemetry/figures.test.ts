// What passes leave in the figures, and what of it is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiesText } from '@tweendeck/std';
import type { Member, MemberView, Role } from '../member.ts';
import type { ClusterPlan } from '../plan.ts';
import { EngineFigures } from './figures.ts';
import type { Telemetry } from './telemetry.ts';

interface Facts {
  readonly keys: number;
}

const telemetry: Telemetry<Facts> = {
  members: [
    {
      ...{ name: 'toy_keys', type: 'gauge', help: 'Keys.' },
      of: ({ view }) => (view.role === 'leader' ? view.facts.keys : undefined),
    },
  ],
  cluster: [
    {
      ...{ name: 'toy_writes', type: 'counter', help: 'Writes.' },
      of: ({ members }) => members.length,
    },
  ],
  alerts: [],
  panels: [],
};

function member(ordinal: number, role: Role | 'silent'): Member<Facts> {
  const view: MemberView<Facts> | undefined =
    role === 'silent' ? undefined : { role, synced: true, version: '1', facts: { keys: 7 } };
  return {
    ...{ name: `c-data-${ordinal}`, place: { group: 'data', shard: 0, ordinal }, wanted: true },
    ...{ revision: 'r', view, silence: view ? undefined : 'no answer' },
    pod: {
      ...{ name: `c-data-${ordinal}-0`, uid: 'u', ip: '10.0.0.1', host: 'h', ready: true },
      ...{ terminating: false, revision: 'r', trouble: undefined },
    },
  };
}

const cluster = (name = 'c') => ({
  ...{ apiVersion: 'v1', kind: 'Toy' },
  metadata: { ...{ name, namespace: 'n', uid: 'u', resourceVersion: '1' }, creationTimestamp: '' },
});

const planned = (...ids: readonly string[]): ClusterPlan['ahead'] =>
  ids.map((id) => ({
    ...{ id, why: 'so', risk: 'safe', timeLimitSeconds: 1 },
    run: () => Promise.resolve(),
  }));

const told = (ids: readonly string[], overdue = false) => ({
  plan: {
    ...{ actions: [], leaving: [], waits: undefined },
    ahead: planned(...ids),
    troubles: overdue ? [{ reason: 'StepOverdue', message: 'm' }] : [],
  },
  phase: overdue ? ('Degraded' as const) : ('Progressing' as const),
  step: ids[0] === undefined ? null : { id: ids[0], why: 'so', since: '1970-01-01T00:01:00Z' },
  conditions: [
    { type: 'Ready', status: 'False' as const, reason: 'R', message: '' },
    // Of which nobody knows is told nothing.
    { type: 'BackupRecent', status: 'Unknown' as const, reason: 'NoneYet', message: '' },
  ],
});

const lines = (figures: EngineFigures): readonly string[] =>
  familiesText(figures.families(), 'text')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace('kind="Toy",namespace="n",name="c"', 'C'));

test('what a pass saw is told, of members that answered with what the engine sees in them', () => {
  const figures = new EngineFigures();
  const one = figures.of(cluster());
  one.observed(telemetry, {
    members: [member(0, 'leader'), member(1, 'follower'), member(2, 'silent')],
  });
  one.told(told(['meet b']));
  one.passed(5_000, true);
  figures.asked('Toy', 0.02);
  const all = lines(figures);
  for (const line of [
    'tweendeck_cluster_passes_total{C} 1',
    'tweendeck_cluster_observe_failures_total{C} 1',
    'tweendeck_cluster_last_pass_timestamp_seconds{C} 5',
    'tweendeck_cluster_phase{C,phase="Progressing"} 1',
    'tweendeck_cluster_phase{C,phase="Ready"} 0',
    'tweendeck_cluster_condition{C,condition="Ready"} 0',
    'tweendeck_cluster_members_wanted{C,group="data"} 3',
    'tweendeck_cluster_members_ready{C,group="data",role="leader"} 1',
    'tweendeck_cluster_step_started_timestamp_seconds{C,step="meet b"} 60',
    'tweendeck_member_info{C,member="c-data-0",group="data",shard="0",role="leader",host="h",version="1"} 1',
    'tweendeck_member_up{C,member="c-data-2"} 0',
    'tweendeck_member_ready{C,member="c-data-1"} 1',
    'tweendeck_toy_keys{C,member="c-data-0"} 7',
    'tweendeck_toy_writes_total{C} 3',
    'tweendeck_observe_duration_seconds_bucket{kind="Toy",le="0.025"} 1',
    'tweendeck_untold_members 0',
  ]) {
    assert.ok(all.includes(line), `${line} is not in\n${all.join('\n')}`);
  }
  assert.equal(all.filter((line) => line.startsWith('tweendeck_toy_keys')).length, 1);
});

test('steps are counted when they begin, fail, are done and are overdue; leaders when they change', async () => {
  const figures = new EngineFigures();
  const one = figures.of(cluster());
  one.observed(telemetry, { members: [member(0, 'leader'), member(1, 'follower')] });
  one.told(told(['a', 'b']));
  await one.step('a', () => Promise.resolve());
  await assert.rejects(one.step('b', () => Promise.reject(new Error('no'))));
  one.observed(telemetry, { members: [member(0, 'silent'), member(1, 'leader')] });
  one.told(told(['b'], true));
  one.told(told(['b'], true));
  one.passed(1, false);
  const { counts } = figures.of(cluster());
  assert.deepEqual(counts, {
    ...{ passes: 1, passesFailed: 1, observeFailures: 1, leaderChanges: 1 },
    ...{ stepsRun: 2, stepsDone: 1, stepsFailed: 1, stepsOverdue: 1 },
  });
});

test('of a cluster that is gone nothing is told', () => {
  const figures = new EngineFigures();
  figures.of(cluster('gone')).observed(telemetry, { members: [member(0, 'leader')] });
  figures.forget('Toy', { namespace: 'n', name: 'gone' });
  assert.deepEqual(lines(figures), ['tweendeck_untold_members 0', '']);
});

test('lines of members have a bound, and those that are left out are counted', () => {
  const figures = new EngineFigures({ linesMax: 300 });
  const members = Array.from({ length: 100 }, (_, at) => member(at, 'leader'));
  for (const name of ['a', 'b', 'c']) figures.of(cluster(name)).observed(telemetry, { members });
  const families = figures.families();
  const [untold] = families.find(({ name }) => name === 'tweendeck_untold_members')?.samples ?? [];
  const lines = families.filter(({ name }) => name === 'tweendeck_member_up');
  assert.equal(lines[0]?.samples.length, 100);
  assert.equal(untold?.value, 200);
});
