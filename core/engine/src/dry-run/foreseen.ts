// The whole way to what the spec asks for: plan after plan, each of what would be seen were the steps before done. Pure.

import type { Cluster, Engine } from '../engine.ts';
import type { Member, Observed } from '../member.ts';
import { type Action, type ClusterPlan, planCluster } from '../plan.ts';
import { type PlannedStep, plannedSteps } from './planned-steps.ts';

interface ForesightInput<Options, Facts> {
  readonly engine: Engine<Options, Facts>;
  readonly cluster: Cluster<Options>;
  readonly observed: Observed<Facts>;
  /** Of what is seen now. */
  readonly plan: ClusterPlan;
  readonly nowMs: number;
}

/** Rounds in which nothing new is planned, until it is given up. */
const idleMax = 20;
const stepsMax = 1_000;

/** Steps of now, then those that follow from them; as far as the engine can tell what follows. */
export function foreseenSteps<Options, Facts>(
  input: ForesightInput<Options, Facts>,
): readonly PlannedStep[] {
  const { engine, plan, nowMs } = input;
  const present = plannedSteps(plan);
  const steps = present.filter(({ when }) => when !== 'after');
  const listed = new Set(steps.map(({ id }) => id));
  // What is done only after everything was well for a while is not foreseen.
  const cluster = { ...input.cluster, calmMs: undefined };
  let { observed } = input;
  for (let idle = 0; idle < idleMax && steps.length < stepsMax; idle++) {
    const approved: ReadonlySet<string> = new Set();
    const next = planCluster({ engine, cluster, observed, underWay: undefined, approved, nowMs });
    const after = steps.at(-1)?.id;
    for (const action of next.actions) {
      if (!listed.has(action.id)) {
        steps.push({ ...told(action), when: after ? 'after' : 'now', ...(after ? { after } : {}) });
        listed.add(action.id);
        idle = 0;
      }
      observed = seenAfter(action, { engine, cluster, observed });
    }
    const staying = observed.members.filter(({ name }) => !next.leaving.includes(name));
    const isChanged = next.actions.length > 0 || staying.length < observed.members.length;
    observed = { members: staying };
    if (isChanged) continue;
    const arrived = engine.foresee?.(observed, cluster, undefined);
    if (arrived === undefined) break;
    observed = arrived;
  }
  return [...steps, ...present.filter(({ id }) => !listed.has(id))];
}

function told({ id, why, on, risk }: Action): Pick<PlannedStep, 'id' | 'why' | 'on' | 'risk'> {
  return { id, why, risk, ...(on === undefined ? {} : { on }) };
}

function seenAfter<Options, Facts>(
  action: Action,
  {
    engine,
    cluster,
    observed,
  }: Pick<ForesightInput<Options, Facts>, 'engine' | 'cluster' | 'observed'>,
): Observed<Facts> {
  const own = 'removes' in action ? undefined : engine.foresee?.(observed, cluster, action.id);
  if (own) return own;
  const change = (member: Member<Facts>): Member<Facts> => {
    const { pod, revision, view } = member;
    if (member.name !== action.on || pod === undefined) return member;
    if ('removes' in action) return { ...member, pod: { ...pod, revision } };
    const certificate = cluster.tls?.fingerprint;
    const has = {
      ...(cluster.settings ? { settings: cluster.settings } : {}),
      ...(certificate === undefined ? {} : { certificate }),
    };
    return view ? { ...member, view: { ...view, ...has } } : member;
  };
  return { members: observed.members.map(change) };
}
