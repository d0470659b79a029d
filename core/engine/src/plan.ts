// What to do next about a cluster: what this pass does, and what waits for whom. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import type { StepFailure, StepStatus } from './cluster-spec.ts';
import type { Cluster, Engine, Step, Trouble } from './engine.ts';
import { approvalAnnotation } from './labels.ts';
import { otherSettings } from './live-settings.ts';
import { comparePlaces, isHealthy, isOutdated, type Member, type Observed } from './member.ts';
import type { Stopping } from './stopping.ts';

/** Ends the pod of a member, so that its workload makes another. */
export interface PodRemoval extends Omit<Step, 'run' | 'repeats'> {
  readonly on: string;
  readonly removes: { readonly name: string; readonly uid: string };
}

export type Action = Step | PodRemoval;

export interface ClusterPlan {
  /** What this pass does, in this order. */
  readonly actions: readonly Action[];
  /** All that is left, of which `actions` is the part that may be done now. */
  readonly ahead: readonly Action[];
  /** Members that the spec asks for no more, and whose workloads may go. */
  readonly leaving: readonly string[];
  /** What keeps the cluster from what the spec asks for, and needs a person or takes longer than it should. */
  readonly troubles: readonly Trouble[];
  /** What the engine says beside that. */
  readonly conditions?: readonly ConditionInput[];
  /** Whom or what it waits for; undefined when nothing is left to do. */
  readonly waits: string | undefined;
}

export interface PlanInput<Options, Facts> {
  readonly engine: Pick<
    Engine<Options, Facts>,
    'plan' | 'handOver' | 'mayLeave' | 'setLive' | 'loadCertificate'
  >;
  readonly cluster: Cluster<Options>;
  readonly observed: Observed<Facts>;
  /** What every engine does alike, such as growing volumes. */
  readonly chores?: Chores;
  /** Data that stopping loses. As long as nobody approved of that, the cluster is one that is not to be stopped. */
  readonly stopping?: Stopping | undefined;
  /** What the status says is under way. */
  readonly underWay: StepStatus | undefined;
  /** What the status says was tried in vain. */
  readonly failure?: StepFailure | undefined;
  /** Ids of steps that may lose data, as a person approved of them. */
  readonly approved: ReadonlySet<string>;
  readonly nowMs: number;
}

/** What is done about a cluster besides what its engine plans. */
export interface Chores {
  readonly steps: readonly Step[];
  /** What was begun and is waited for. */
  readonly waits: string | undefined;
}

/** A new pod may take so long to take part before it is told. */
const rollSeconds = 600;

/**
 * What the engine asks for comes before what is rolled, and one disruptive thing at a time: what an earlier pass began
 * goes on until it is planned no more.
 */
export function planCluster<Options, Facts>(input: PlanInput<Options, Facts>): ClusterPlan {
  const members = input.observed.members.toSorted((a, b) => comparePlaces(a.place, b.place));
  const { stopping } = input;
  if (stopping?.isApproved) return stoppingPlan(members, stopping.step, input.underWay);
  if (stopping) return withApprovalAsked(runningPlan(input, members), stopping.step);
  if (input.cluster.spec.suspend) return stoppedPlan(members);
  return runningPlan(input, members);
}

function runningPlan<Options, Facts>(
  input: PlanInput<Options, Facts>,
  members: readonly Member<Facts>[],
): ClusterPlan {
  const asked = input.engine.plan(input.cluster, { members });
  const isHeld = asked.steps.length > 0 || asked.holds !== undefined;
  const rolls = isHeld ? [] : rollActions(input, members);
  const ahead = [
    ...stuckRemovals(members),
    ...asked.steps,
    ...settingSteps(input),
    ...certificateSteps(input),
    ...(input.chores?.steps ?? []),
    ...rolls,
  ];
  const safe = ahead.filter(({ risk }) => risk === 'safe');
  const next = disruptionOf(ahead, input.underWay);
  const chosen = next ? choose(next, input) : {};
  const { leaving, staying } = leavers(input, members);
  return {
    actions: [...safe, ...(chosen.action ? [chosen.action] : [])],
    ahead,
    leaving,
    troubles: [...asked.troubles, ...(chosen.trouble ? [chosen.trouble] : [])],
    conditions: asked.conditions ?? [],
    waits: ahead[0]?.why ?? asked.holds ?? input.chores?.waits ?? absence(members) ?? staying,
  };
}

/** What was begun, as long as it is planned; else the first that may disturb. */
export function disruptionOf(
  ahead: readonly Action[],
  underWay: Pick<StepStatus, 'id'> | undefined,
): Action | undefined {
  const risky = ahead.filter(({ risk }) => risk !== 'safe');
  return risky.find(({ id }) => id === underWay?.id) ?? risky[0];
}

function stoppedPlan(members: readonly Member<unknown>[]): ClusterPlan {
  const last = members.find(({ pod }) => pod !== undefined);
  const waits = last && `${last.name} is stopping`;
  return { actions: [], ahead: [], leaving: [], troubles: [], waits };
}

/** Its workloads end their pods; the step stands in the status until nothing is left to be lost. */
function stoppingPlan(
  members: readonly Member<unknown>[],
  step: Step,
  underWay: StepStatus | undefined,
): ClusterPlan {
  const actions = underWay?.id === step.id ? [] : [step];
  return { ...stoppedPlan(members), actions, ahead: [step] };
}

function withApprovalAsked(plan: ClusterPlan, step: Step): ClusterPlan {
  const troubles = [...plan.troubles, approvalNeeded(step)];
  return { ...plan, ahead: [...plan.ahead, step], troubles, waits: plan.waits ?? step.why };
}

function approvalNeeded({ id, why }: Action): Trouble {
  const message = `${why}; "${id}" may lose data, and is done once the annotation ${approvalAnnotation} has that text`;
  return { reason: 'ApprovalNeeded', message };
}

function absence(members: readonly Member<unknown>[]): string | undefined {
  const absent = members.find((member) => member.wanted && !isHealthy(member));
  if (absent === undefined) return undefined;
  const { name, pod, view, silence } = absent;
  if (pod === undefined) return `${name} has no pod yet`;
  if (pod.terminating) return `${name} is stopping`;
  if (!pod.ready) return `${name} is not ready`;
  if (view === undefined) return `${name} does not answer: ${silence ?? 'it was not asked yet'}`;
  return `${name} is not in step with its leader`;
}

/** Whether the first disruptive thing may be done now. */
function choose<Options, Facts>(
  action: Action,
  { underWay, failure, approved, nowMs }: PlanInput<Options, Facts>,
): { readonly action?: Action; readonly trouble?: Trouble } {
  const { id, why, risk, timeLimitSeconds } = action;
  if (risk === 'dataLoss' && !approved.has(id)) return { trouble: approvalNeeded(action) };
  if (underWay?.id !== id || failure?.id === id) return { action };
  const seconds = (nowMs - Date.parse(underWay.since)) / 1_000;
  // A pod that is still there was not ended, or is outdated anew: ending it twice ends it once.
  const repeats = 'removes' in action || action.repeats === true;
  if (seconds <= timeLimitSeconds) return repeats ? { action } : {};
  const message = `"${id}" has not done its work in ${Math.round(seconds)} s (${why}); it is tried again`;
  return { action, trouble: { reason: 'StepOverdue', message } };
}

/** Pods that cannot run as they were rendered once: another try is not kept waiting for them. */
function stuckRemovals(members: readonly Member<unknown>[]): readonly PodRemoval[] {
  return members.flatMap((member) => {
    const { pod } = member;
    if (!member.wanted || !isOutdated(member)) return [];
    if (pod?.trouble === undefined || pod.ready || pod.terminating) return [];
    return [removal(member, pod, 'safe', `${member.name} cannot run as it was: ${pod.trouble}`)];
  });
}

/** Whoever takes settings while it runs is told those that it has otherwise. */
function settingSteps<Options, Facts>({
  engine: { setLive },
  cluster,
  observed: { members },
}: PlanInput<Options, Facts>): readonly Step[] {
  if (setLive === undefined) return [];
  return members.flatMap((member): readonly Step[] => {
    const settings = otherSettings(cluster.settings ?? {}, member);
    const names = Object.keys(settings).join(', ');
    if (names === '' || !member.wanted) return [];
    return [
      {
        ...{ id: `set ${names} on ${member.name}`, on: member.name, risk: 'safe' },
        ...{ why: `${member.name} has another ${names} than the spec`, timeLimitSeconds: 60 },
        run: (signal) => setLive(member, settings, cluster, signal),
      },
    ];
  });
}

/** Whoever shows a certificate of before reads it anew; the file of its pod may be that of before yet. */
function certificateSteps<Options, Facts>({
  engine: { loadCertificate },
  cluster,
  observed: { members },
}: PlanInput<Options, Facts>): readonly Step[] {
  const wanted = cluster.tls?.fingerprint;
  if (loadCertificate === undefined || wanted === undefined) return [];
  return members.flatMap((member): readonly Step[] => {
    const shown = member.view?.certificate;
    if (shown === undefined || shown === wanted) return [];
    return [
      {
        ...{ id: `load certificate on ${member.name}`, on: member.name, risk: 'safe' },
        ...{ why: `${member.name} shows a certificate of before`, timeLimitSeconds: 300 },
        run: (signal) => loadCertificate(member, cluster, signal),
      },
    ];
  });
}

/** The next of those that are not as the spec says: followers first, then leaders that handed their work over. */
function rollActions<Options, Facts>(
  { engine, cluster }: PlanInput<Options, Facts>,
  members: readonly Member<Facts>[],
): readonly Action[] {
  const outdated = members.filter((member) => member.wanted && isOutdated(member));
  if (outdated.length === 0) return [];
  if (members.some((member) => member.wanted && !isHealthy(member))) return [];
  const leads = ({ view }: Member<Facts>): boolean => view?.role === 'leader';
  const inOrder = [...outdated.filter((one) => !leads(one)).reverse(), ...outdated.filter(leads)];
  return inOrder.flatMap((member): readonly Action[] => {
    const { pod } = member;
    if (pod === undefined) return [];
    const handOver = leads(member) ? engine.handOver?.(member, cluster, { members }) : undefined;
    const why = `${member.name} is not as the spec says`;
    return [handOver ?? removal(member, pod, 'disruptive', why)];
  });
}

function removal(
  { name }: Member<unknown>,
  pod: PodRemoval['removes'],
  risk: Step['risk'],
  why: string,
): PodRemoval {
  const removes = { name: pod.name, uid: pod.uid };
  return { id: `restart ${name}`, why, on: name, risk, timeLimitSeconds: rollSeconds, removes };
}

function leavers<Options, Facts>(
  { engine }: PlanInput<Options, Facts>,
  members: readonly Member<Facts>[],
): { readonly leaving: readonly string[]; readonly staying: string | undefined } {
  const leaving: string[] = [];
  let staying: string | undefined;
  for (const member of members.filter(({ wanted }) => !wanted)) {
    const may = engine.mayLeave?.(member, { members }) ?? true;
    if (may === true) leaving.push(member.name);
    else staying ??= `${member.name} cannot leave yet: ${may}`;
  }
  return { leaving, staying };
}
