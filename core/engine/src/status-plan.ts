// What the status says of a cluster: phase, conditions, members, and what is under way. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import { timestampOf } from '@tweendeck/std';
import type {
  ClusterPhase,
  ClusterStatus,
  MemberStatus,
  StepFailure,
  StepStatus,
} from './cluster-spec.ts';
import type { Trouble } from './engine.ts';
import { isHealthy, type Member } from './member.ts';
import { type ClusterPlan, disruptionOf } from './plan.ts';

export interface StatusInput {
  readonly members: readonly Member<unknown>[];
  readonly plan: Pick<ClusterPlan, 'actions' | 'ahead' | 'troubles' | 'waits' | 'conditions'>;
  readonly underWay: StepStatus | undefined;
  readonly failure?: StepFailure | undefined;
  readonly suspended: boolean;
  readonly endpoint: string;
  readonly nowMs: number;
}

export interface StatusWords {
  readonly fields: Required<
    Pick<ClusterStatus, 'phase' | 'endpoint' | 'members' | 'ready' | 'step' | 'failure'>
  > & { readonly version: string | undefined };
  readonly conditions: readonly ConditionInput[];
}

export function planStatus(input: StatusInput): StatusWords {
  const { members, plan, suspended } = input;
  const wanted = members.filter((member) => member.wanted);
  const healthy = wanted.filter(isHealthy);
  const counts = `${healthy.length} of ${wanted.length} members take part`;
  const failure = failureLeft(input);
  const trouble = troubleOf(members, [...plan.troubles, ...failureTroubles(failure, input)]);
  const settled = plan.waits === undefined;
  const versions = new Set(members.map(({ view }) => view?.version));
  const [version] = versions.size === 1 ? versions : [];
  return {
    fields: {
      phase: phaseOf({ suspended, settled, trouble, healthyCount: healthy.length }),
      endpoint: input.endpoint,
      version,
      ready: `${healthy.length}/${wanted.length}`,
      members: members.map(memberStatus),
      step: stepOf(input) ?? null,
      failure: failure ?? null,
    },
    conditions: [
      ...conditionsOf({ suspended, settled, trouble, counts, waits: plan.waits }),
      ...(plan.conditions ?? []),
    ],
  };
}

/** What is done first of all that is ahead, with the time it was first said. */
function stepOf({ plan, underWay, nowMs }: StatusInput): StepStatus | undefined {
  const risky = disruptionOf(plan.ahead, underWay);
  // What nobody approved of yet was not begun.
  const isBegun = risky?.id === underWay?.id || plan.actions.some(({ id }) => id === risky?.id);
  const next = risky && isBegun ? risky : plan.ahead.find(({ risk }) => risk === 'safe');
  if (next === undefined) return undefined;
  const { id, why, on } = next;
  const since = underWay?.id === id ? underWay.since : timestampOf(nowMs);
  return { id, why, since, ...(on === undefined ? {} : { on }) };
}

/** As long as what was tried is still to be done. */
function failureLeft({ plan, failure }: StatusInput): StepFailure | undefined {
  return failure && plan.ahead.some(({ id }) => id === failure.id) ? failure : undefined;
}

/** Whoever has just gone refuses as well: it is seen to be away soon. */
const failingSecondsMin = 3;

function failureTroubles(
  failure: StepFailure | undefined,
  { nowMs }: Pick<StatusInput, 'nowMs'>,
): readonly Trouble[] {
  if (failure === undefined) return [];
  if (nowMs - Date.parse(failure.since) < failingSecondsMin * 1_000) return [];
  const message = `"${failure.id}" fails, and is tried again: ${failure.message}`;
  return [{ reason: 'StepFailed', message }];
}

function memberStatus(member: Member<unknown>): MemberStatus {
  const { name, pod, view } = member;
  return {
    name,
    role: view?.role ?? 'unknown',
    ready: isHealthy(member),
    ...(pod?.host === undefined ? {} : { host: pod.host }),
    ...(view?.version === undefined ? {} : { version: view.version }),
    ...(view?.lag === undefined ? {} : { lag: view.lag }),
  };
}

/** What an engine says is wrong comes before what is wrong with a pod: all of it, by the name of the first. */
function troubleOf(
  members: readonly Member<unknown>[],
  troubles: readonly Trouble[],
): Trouble | undefined {
  const [first] = troubles;
  if (first) {
    const message = troubles.map((trouble) => trouble.message).join('; ');
    return { reason: first.reason, message };
  }
  const broken = members.find(({ wanted, pod }) => wanted && pod?.trouble !== undefined);
  if (broken?.pod?.trouble !== undefined) {
    return { reason: 'MemberBroken', message: broken.pod.trouble };
  }
  const silent = members.find(({ wanted, pod, silence }) => wanted && pod?.ready && silence);
  if (silent?.silence === undefined) return undefined;
  return { reason: 'MemberSilent', message: `${silent.name} does not answer: ${silent.silence}` };
}

interface Facts {
  readonly suspended: boolean;
  readonly settled: boolean;
  readonly trouble: Trouble | undefined;
}

function phaseOf({
  suspended,
  settled,
  trouble,
  healthyCount,
}: Facts & { readonly healthyCount: number }): ClusterPhase {
  if (suspended && settled) return 'Stopped';
  if (trouble) return 'Degraded';
  if (settled) return 'Ready';
  return healthyCount > 0 ? 'Progressing' : 'Pending';
}

function conditionsOf({
  suspended,
  settled,
  trouble,
  counts,
  waits = '',
}: Facts & {
  readonly counts: string;
  readonly waits: string | undefined;
}): readonly ConditionInput[] {
  const said = (type: string, held: boolean, why: Trouble): ConditionInput => ({
    ...{ type, status: held ? 'True' : 'False' },
    ...why,
  });
  const stopped = { reason: 'Stopped', message: 'spec.suspend is set' };
  const unready = trouble ?? { reason: 'MembersMissing', message: `${counts}; ${waits}` };
  const ready = settled && !suspended && !trouble;
  return [
    said(
      'Ready',
      ready,
      ready ? { reason: 'AllMembersReady', message: counts } : suspended ? stopped : unready,
    ),
    said(
      'Progressing',
      !settled,
      settled
        ? { reason: 'Settled', message: 'everything is as the spec says' }
        : { reason: 'Reconciling', message: waits },
    ),
    said(
      'Degraded',
      trouble !== undefined,
      trouble ?? { reason: 'NoTrouble', message: 'no member is in trouble' },
    ),
  ];
}
