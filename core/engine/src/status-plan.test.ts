// What a status says of what is observed and planned.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from './member.ts';
import type { PodRemoval } from './plan.ts';
import { planStatus, type StatusInput } from './status-plan.ts';

const nowMs = Date.parse('2026-01-01T00:10:00Z');

function member(name: string, more: Partial<Member<null>> = {}): Member<null> {
  return {
    ...{ name, place: { group: 'data', shard: 0, ordinal: 0 }, wanted: true, revision: 'r' },
    pod: {
      ...{ name: `${name}-0`, uid: 'u', ip: '10.0.0.1', host: 'node-1', ready: true },
      ...{ terminating: false, revision: 'r', trouble: undefined },
    },
    view: { role: 'follower', synced: true, version: '7.0', facts: null },
    silence: undefined,
    ...more,
  };
}

const broken: Member<null> = member('b', {
  pod: {
    ...{ name: 'b-0', uid: 'u', ip: undefined, host: 'node-1', ready: false },
    ...{ terminating: false, revision: 'r', trouble: 'pod b-0 cannot run x' },
  },
  view: undefined,
});

const restart: PodRemoval = {
  ...{ id: 'restart a', why: 'a is not as the spec says', on: 'a', risk: 'disruptive' },
  ...{ timeLimitSeconds: 1, removes: { name: 'a-0', uid: 'u' } },
};

function statusOf(more: Partial<StatusInput>) {
  const { fields, conditions } = planStatus({
    members: [member('a'), member('b')],
    plan: { actions: [], ahead: [], troubles: [], waits: undefined },
    underWay: undefined,
    suspended: false,
    endpoint: 'c.n.svc:1',
    nowMs,
    ...more,
  });
  const said = conditions.map(({ type, status, reason }) => `${type}=${status}: ${reason}`);
  return { phase: fields.phase, ready: fields.ready, step: fields.step, said, fields, conditions };
}

for (const { name, input, want } of [
  {
    name: 'is ready when nothing is left to do',
    input: {},
    want: {
      phase: 'Ready',
      ready: '2/2',
      step: null,
      said: [
        'Ready=True: AllMembersReady',
        'Progressing=False: Settled',
        'Degraded=False: NoTrouble',
      ],
    },
  },
  {
    name: 'tells what is done, from when it began',
    input: {
      plan: { actions: [restart], ahead: [restart], troubles: [], waits: restart.why },
      underWay: { id: 'restart a', why: 'w', since: '2026-01-01T00:09:00Z' },
    },
    want: {
      phase: 'Progressing',
      step: {
        ...{ id: 'restart a', why: 'a is not as the spec says', on: 'a' },
        since: '2026-01-01T00:09:00Z',
      },
      said: [
        'Ready=False: MembersMissing',
        'Progressing=True: Reconciling',
        'Degraded=False: NoTrouble',
      ],
    },
  },
  {
    name: 'begins to count with another step',
    input: {
      plan: { actions: [restart], ahead: [restart], troubles: [], waits: restart.why },
      underWay: { id: 'restart b', why: 'w', since: '2026-01-01T00:09:00Z' },
    },
    want: {
      step: {
        ...{ id: 'restart a', why: 'a is not as the spec says', on: 'a' },
        since: '2026-01-01T00:10:00Z',
      },
    },
  },
  {
    name: 'says which pod is in trouble',
    input: {
      members: [member('a'), broken],
      plan: { actions: [], ahead: [], troubles: [], waits: 'b is not ready' },
    },
    want: {
      phase: 'Degraded',
      ready: '1/2',
      said: [
        'Ready=False: MemberBroken',
        'Progressing=True: Reconciling',
        'Degraded=True: MemberBroken',
      ],
    },
  },
  {
    name: 'says who does not answer',
    input: {
      members: [member('a'), member('b', { view: undefined, silence: 'refused' })],
      plan: { actions: [], ahead: [], troubles: [], waits: 'b does not answer' },
    },
    want: { phase: 'Degraded', ready: '1/2' },
  },
  {
    name: 'does not say that a step is under way that nobody approved of',
    input: {
      plan: {
        ...{ actions: [], ahead: [{ ...restart, risk: 'dataLoss' as const }], waits: restart.why },
        troubles: [{ reason: 'ApprovalNeeded', message: 'm' }],
      },
    },
    want: { phase: 'Degraded', step: null },
  },
  {
    name: 'tells what fails, once it does for some seconds',
    input: {
      plan: { actions: [restart], ahead: [restart], troubles: [], waits: restart.why },
      failure: { id: 'restart a', message: 'NOPERM', since: '2026-01-01T00:09:57Z' },
    },
    want: {
      phase: 'Degraded',
      said: [
        'Ready=False: StepFailed',
        'Progressing=True: Reconciling',
        'Degraded=True: StepFailed',
      ],
    },
  },
  {
    name: 'does not tell yet what failed just now',
    input: {
      plan: { actions: [restart], ahead: [restart], troubles: [], waits: restart.why },
      failure: { id: 'restart a', message: 'NOPERM', since: '2026-01-01T00:09:58Z' },
    },
    want: { phase: 'Progressing' },
  },
  {
    name: 'tells no more what failed and is not to be done any more',
    input: { failure: { id: 'restart a', message: 'NOPERM', since: '2026-01-01T00:09:00Z' } },
    want: { phase: 'Ready' },
  },
  {
    name: "gives the engine's own trouble first",
    input: {
      members: [member('a'), broken],
      plan: {
        actions: [],
        ahead: [],
        troubles: [{ reason: 'QuorumLost', message: 'm' }],
        waits: 'w',
      },
    },
    want: {
      said: [
        'Ready=False: QuorumLost',
        'Progressing=True: Reconciling',
        'Degraded=True: QuorumLost',
      ],
    },
  },
  {
    name: 'is pending before anything takes part',
    input: {
      members: [member('a', { pod: undefined, view: undefined })],
      plan: { actions: [], ahead: [], troubles: [], waits: 'a has no pod yet' },
    },
    want: { phase: 'Pending', ready: '0/1' },
  },
  {
    name: 'is stopped when it shall be and is',
    input: { members: [member('a', { pod: undefined, view: undefined })], suspended: true },
    want: {
      phase: 'Stopped',
      said: ['Ready=False: Stopped', 'Progressing=False: Settled', 'Degraded=False: NoTrouble'],
    },
  },
] as const) {
  test(`a status ${name}`, () => {
    const status = statusOf(input);
    assert.deepEqual({ ...status, ...want }, status);
  });
}

test('the version is told when it is that of all', () => {
  const other = { role: 'follower', synced: true, version: '6.2', facts: null } as const;
  assert.equal(statusOf({}).fields.version, '7.0');
  assert.equal(
    statusOf({ members: [member('a'), member('b', { view: other })] }).fields.version,
    undefined,
  );
});
