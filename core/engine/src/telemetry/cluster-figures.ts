// What is counted and remembered of one cluster for its figures: what the last pass saw, and how often what happened.

import type { ConditionInput } from '@tweendeck/controller';
import type { ObjectRef } from '@tweendeck/kube';
import type { FleetPhase, StepStatus } from '../cluster-spec.ts';
import { isHealthy, type Member, type Observed } from '../member.ts';
import type { ClusterPlan } from '../plan.ts';
import type { MetricHead, Telemetry } from './telemetry.ts';
import type { Counter } from './usual-metrics.ts';

/** What a pass decided and told. */
export interface PassAccount {
  readonly plan: ClusterPlan;
  readonly phase: FleetPhase;
  /** All that there are; those of a cluster when omitted. */
  readonly phases?: readonly string[];
  readonly step: StepStatus | null;
  readonly conditions: readonly ConditionInput[];
}

/** Figures of one cluster. Counters begin anew with the process. */
export class ClusterFigures {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: Record<Counter, number> = {
    ...{ passes: 0, passesFailed: 0, observeFailures: 0, leaderChanges: 0 },
    ...{ stepsRun: 0, stepsDone: 0, stepsFailed: 0, stepsOverdue: 0 },
  };
  members: readonly MemberFigures[] = [];
  /** Members that the spec asks for, by group, where that is not to be seen in {@link members}. */
  wanted: ReadonlyMap<string, number> = new Map();
  /** Of the engine's own: values in the order of heads. */
  own: readonly Figure[] = [];
  account: PassAccount | undefined;
  endedMs: number | undefined;
  readonly #ran = new Set<string>();
  readonly #leaders = new Map<string, string>();
  #overdue: string | undefined;

  constructor(kind: string, { namespace = '', name }: ObjectRef) {
    this.labels = { kind, namespace, name };
  }

  observed<Facts>(
    telemetry: Telemetry<Facts> | undefined,
    observed: Observed<Facts>,
    {
      wanted = new Map(),
      isNew = true,
    }: { readonly wanted?: ReadonlyMap<string, number>; readonly isNew?: boolean } = {},
  ): void {
    const { members } = observed;
    this.wanted = wanted;
    const silent = members.filter(({ silence }) => silence !== undefined);
    if (isNew) this.counts.observeFailures += silent.length;
    for (const { view, name, place } of members) {
      if (view?.role !== 'leader') continue;
      const shard = `${place.group}/${place.shard}`;
      const before = this.#leaders.get(shard);
      if (before !== undefined && before !== name) this.counts.leaderChanges++;
      this.#leaders.set(shard, name);
    }
    this.own = figuresOf(telemetry?.cluster ?? [], ({ of }) => of(observed));
    this.members = members.map((member) => {
      const { view } = member;
      const seen = view && { ...member, view };
      const own = seen ? figuresOf(telemetry?.members ?? [], ({ of }) => of(seen, observed)) : [];
      return { ...memberFigures(member), own };
    });
  }

  told(account: PassAccount): void {
    this.account = account;
    const ahead = new Set(account.plan.ahead.map(({ id }) => id));
    for (const id of this.#ran) {
      if (ahead.has(id)) continue;
      this.#ran.delete(id);
      this.counts.stepsDone++;
    }
    const isOverdue = account.plan.troubles.some(({ reason }) => reason === 'StepOverdue');
    const overdue = isOverdue ? account.step?.id : undefined;
    if (overdue !== undefined && overdue !== this.#overdue) this.counts.stepsOverdue++;
    this.#overdue = overdue;
  }

  /** Takes a step, and counts what comes of it. */
  async step(id: string, run: () => Promise<void>): Promise<void> {
    this.counts.stepsRun++;
    this.#ran.add(id);
    try {
      await run();
    } catch (error) {
      this.counts.stepsFailed++;
      throw error;
    }
  }

  passed(nowMs: number, succeeded: boolean): void {
    this.counts.passes++;
    if (!succeeded) this.counts.passesFailed++;
    this.endedMs = nowMs;
  }
}

interface Figure {
  readonly head: MetricHead;
  readonly value: number;
}

/** A member as the figures have it. */
export interface MemberFigures {
  readonly name: string;
  readonly group: string;
  readonly shard: number;
  readonly wanted: boolean;
  readonly role: string;
  readonly isUp: boolean;
  readonly isReady: boolean;
  readonly host: string;
  readonly version: string;
  readonly own: readonly Figure[];
}

function memberFigures(member: Member<unknown>): Omit<MemberFigures, 'own'> {
  const { name, place, wanted, view, pod } = member;
  return {
    ...{ name, group: place.group, shard: place.shard, wanted, isReady: isHealthy(member) },
    ...{ role: view?.role ?? 'unknown', isUp: view !== undefined },
    ...{ host: pod?.host ?? '', version: view?.version ?? '' },
  };
}

function figuresOf<Metric extends MetricHead>(
  metrics: readonly Metric[],
  read: (metric: Metric) => number | undefined,
): readonly Figure[] {
  return metrics.flatMap((head) => {
    const value = read(head);
    return value === undefined || Number.isNaN(value) ? [] : [{ head, value }];
  });
}
