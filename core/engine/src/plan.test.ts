// Decisions over a cluster of an engine that has leaders and followers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepStatus } from './cluster-spec.ts';
import type { Cluster, EnginePlan, Step } from './engine.ts';
import type { Member, Role } from './member.ts';
import { type PlanInput, planCluster } from './plan.ts';

interface Given {
  readonly name: string;
  readonly role?: Role;
  readonly revision?: string;
  readonly ready?: boolean;
  readonly synced?: boolean;
  readonly trouble?: string;
  readonly terminating?: boolean;
  readonly wanted?: boolean;
  readonly pod?: boolean;
}

const nowMs = Date.parse('2026-01-01T00:10:00Z');

function member(given: Given, ordinal: number): Member<null> {
  const { name, role = 'follower', revision = 'new', ready = true, synced = true } = given;
  return {
    ...{ name, place: { group: 'data', shard: 0, ordinal }, wanted: given.wanted ?? true },
    revision: 'new',
    pod:
      given.pod === false
        ? undefined
        : {
            ...{ name: `${name}-0`, uid: `uid-${name}`, ip: '10.0.0.1', host: 'h' },
            ...{ ready, terminating: given.terminating ?? false, revision, trouble: given.trouble },
          },
    view: ready ? { role, synced, facts: null } : undefined,
    silence: undefined,
  };
}

const cluster: Cluster<null> = {
  ...{ name: 'c', namespace: 'n' },
  spec: { version: '1', groups: {}, options: null },
};

function step(id: string, more: Partial<Step> = {}): Step {
  const run = (): Promise<void> => Promise.resolve();
  return { id, why: `why ${id}`, risk: 'disruptive', timeLimitSeconds: 60, run, ...more };
}

const stop = step('stop c', { risk: 'dataLoss' });

function planOf(
  given: readonly Given[],
  more: {
    readonly asked?: EnginePlan['steps'];
    readonly holds?: string;
    readonly underWay?: StepStatus;
    /** Of what is under way. */
    readonly fails?: boolean;
    readonly approved?: readonly string[];
    readonly handOver?: string;
    readonly mayLeave?: true | string;
    readonly suspend?: boolean;
    /** Stopping loses data; whether that was approved of. */
    readonly loses?: 'approved' | 'not approved';
  } = {},
) {
  const input: PlanInput<null, null> = {
    engine: {
      plan: () => ({
        ...{ steps: more.asked ?? [], troubles: [] },
        ...(more.holds === undefined ? {} : { holds: more.holds }),
      }),
      handOver: () => (more.handOver === undefined ? undefined : step(more.handOver)),
      ...(more.mayLeave === undefined ? {} : { mayLeave: () => more.mayLeave ?? true }),
    },
    cluster: more.suspend ? { ...cluster, spec: { ...cluster.spec, suspend: true } } : cluster,
    observed: { members: given.map(member) },
    ...(more.loses ? { stopping: { step: stop, isApproved: more.loses === 'approved' } } : {}),
    underWay: more.underWay,
    ...(more.fails && more.underWay ? { failure: { ...more.underWay, message: 'm' } } : {}),
    approved: new Set(more.approved),
    nowMs,
  };
  const { actions, ahead, leaving, troubles, waits } = planCluster(input);
  return {
    actions: actions.map(({ id }) => id),
    ahead: ahead.map(({ id }) => id),
    leaving,
    troubles: troubles.map(({ reason }) => reason),
    waits,
  };
}

const rest = { actions: [], ahead: [], leaving: [], troubles: [], waits: undefined };
const underWay = (id: string, seconds: number): StepStatus => ({
  ...{ id, why: 'w' },
  since: new Date(nowMs - seconds * 1_000).toISOString(),
});
const three: readonly Given[] = [{ name: 'a', role: 'leader' }, { name: 'b' }, { name: 'c' }];
const old = (given: readonly Given[], ...names: readonly string[]): readonly Given[] =>
  given.map((one) => (names.includes(one.name) ? { ...one, revision: 'old' } : one));

test('rests when everything is as the spec says', () => {
  assert.deepEqual(planOf(three), rest);
});

for (const { name, given, more, want } of [
  {
    name: 'rolls followers from the last to the first, one in a pass',
    given: old(three, 'a', 'b', 'c'),
    want: { actions: ['restart c'], ahead: ['restart c', 'restart b', 'restart a'] },
  },
  {
    name: 'rolls nobody while the engine holds back',
    given: old(three, 'b'),
    more: { holds: 'no room' },
    want: { actions: [], ahead: [], waits: 'no room' },
  },
  {
    name: 'lets a leader hand over before it is restarted',
    given: old(three, 'a'),
    more: { handOver: 'hand over a' },
    want: { actions: ['hand over a'], ahead: ['hand over a'] },
  },
  {
    name: 'restarts a leader that nobody can take over from',
    given: old(three, 'a'),
    want: { actions: ['restart a'] },
  },
  {
    name: 'rolls nobody while another is not ready',
    given: old([{ name: 'a', role: 'leader' }, { name: 'b' }, { name: 'c', ready: false }], 'b'),
    want: { actions: [], ahead: [], waits: 'c is not ready' },
  },
  {
    name: 'rolls nobody while another is not in step',
    given: old([{ name: 'a', role: 'leader' }, { name: 'b' }, { name: 'c', synced: false }], 'b'),
    want: { actions: [], waits: 'c is not in step with its leader' },
  },
  {
    name: 'replaces at once what cannot run as it was',
    given: [
      ...old(three, 'b'),
      { name: 'd', ready: false, revision: 'old', trouble: 'no such image' },
      { name: 'e', ready: false, revision: 'old', trouble: 'no such image' },
    ],
    want: { actions: ['restart d', 'restart e'] },
  },
  {
    name: 'removes nothing that is stopping already',
    given: [
      ...three,
      { name: 'd', ready: false, revision: 'old', trouble: 'no such image', terminating: true },
    ],
    want: { actions: [], waits: 'd is stopping' },
  },
  {
    name: 'leaves alone what cannot run as the spec says',
    given: [...three, { name: 'd', ready: false, trouble: 'no such image' }],
    want: { actions: [], waits: 'd is not ready' },
  },
  {
    name: 'does what the engine asks for before it rolls',
    given: old(three, 'a', 'b'),
    more: { asked: [step('meet', { risk: 'safe' as const }), step('move'), step('second')] },
    want: { actions: ['meet', 'move'], ahead: ['meet', 'move', 'second'], waits: 'why meet' },
  },
  {
    name: 'waits for what is under way',
    given: three,
    more: { asked: [step('move')], underWay: underWay('move', 30) },
    want: { actions: [], ahead: ['move'], troubles: [] },
  },
  {
    name: 'tries again what failed',
    given: three,
    more: { asked: [step('move')], underWay: underWay('move', 30), fails: true },
    want: { actions: ['move'], troubles: [] },
  },
  {
    name: 'ends what is under way before another that comes first by now',
    given: three,
    more: { asked: [step('second'), step('move')], underWay: underWay('move', 30) },
    want: { actions: [], ahead: ['second', 'move'], troubles: [] },
  },
  {
    name: 'brings on what comes in pieces',
    given: three,
    more: { asked: [step('move', { repeats: true })], underWay: underWay('move', 30) },
    want: { actions: ['move'] },
  },
  {
    name: 'restarts anew who was changed again while its restart was under way',
    given: old(three, 'b'),
    more: { underWay: underWay('restart b', 5) },
    want: { actions: ['restart b'] },
  },
  {
    name: 'tries again what takes too long, and tells',
    given: three,
    more: { asked: [step('move')], underWay: underWay('move', 61) },
    want: { actions: ['move'], troubles: ['StepOverdue'] },
  },
  {
    name: 'loses no data without approval',
    given: three,
    more: { asked: [step('take over b', { risk: 'dataLoss' as const })] },
    want: { actions: [], ahead: ['take over b'], troubles: ['ApprovalNeeded'] },
  },
  {
    name: 'does what was approved',
    given: three,
    more: {
      asked: [step('take over b', { risk: 'dataLoss' as const })],
      approved: ['take over b'],
    },
    want: { actions: ['take over b'], troubles: [] },
  },
  {
    name: 'lets members go that are empty',
    given: [...three, { name: 'd', wanted: false }],
    want: { actions: [], leaving: ['d'], waits: undefined },
  },
  {
    name: 'keeps members that hold something',
    given: [...three, { name: 'd', wanted: false }],
    more: { mayLeave: 'it holds 3 slots' },
    want: { leaving: [], waits: 'd cannot leave yet: it holds 3 slots' },
  },
  {
    name: 'does not roll what is to leave',
    given: old([...three, { name: 'd', wanted: false }], 'd'),
    more: { mayLeave: 'it holds 3 slots' },
    want: { actions: [] },
  },
  {
    name: 'stops without a step',
    given: old(three, 'a'),
    more: { suspend: true },
    want: { actions: [], ahead: [], waits: 'a is stopping' },
  },
  {
    name: 'does not stop as long as nobody approved that data are lost, and goes on',
    given: old(three, 'b'),
    more: { suspend: false, loses: 'not approved' as const },
    want: {
      actions: ['restart b'],
      ahead: ['restart b', 'stop c'],
      troubles: ['ApprovalNeeded'],
      waits: 'b is not as the spec says',
    },
  },
  {
    name: 'waits for the approval where nothing else is to be done',
    given: three,
    more: { suspend: false, loses: 'not approved' as const },
    want: { actions: [], ahead: ['stop c'], troubles: ['ApprovalNeeded'], waits: 'why stop c' },
  },
  {
    name: 'stops as soon as it is approved that data are lost',
    given: old(three, 'b'),
    more: { suspend: true, loses: 'approved' as const },
    want: { actions: ['stop c'], ahead: ['stop c'], troubles: [], waits: 'a is stopping' },
  },
  {
    name: 'tells that it stops until all are gone',
    given: three,
    more: { suspend: true, loses: 'approved' as const, underWay: underWay('stop c', 5) },
    want: { actions: [], ahead: ['stop c'], troubles: [], waits: 'a is stopping' },
  },
  {
    name: 'is stopped when no pod is left',
    given: three.map((one) => ({ ...one, pod: false })),
    more: { suspend: true },
    want: rest,
  },
]) {
  test(`plan ${name}`, () => {
    const plan = planOf(given, more);
    assert.deepEqual({ ...plan, ...want }, plan);
  });
}
