// What ends with the pods of a cluster that is to be stopped: data of members without a volume. Pure.

import type { Cluster, Engine, Step } from './engine.ts';
import type { Member, Observed } from './member.ts';

/** Stopping loses data: a step that somebody approved of, or nobody yet. */
export interface Stopping {
  readonly step: Step;
  readonly isApproved: boolean;
}

/** Undefined: it is not to be stopped, or nothing is lost. Who does not answer counts as having data. */
export function stoppingOf<Options, Facts>(
  engine: Pick<Engine<Options, Facts>, 'groups' | 'holdsData'>,
  { name, spec }: Pick<Cluster<Options>, 'name' | 'spec'>,
  { members }: Observed<Facts>,
  approved: ReadonlySet<string>,
): Stopping | undefined {
  if (!spec.suspend) return undefined;
  const losing = members.filter((member) => {
    const { group } = member.place;
    if (!engine.groups[group]?.keepsData || spec.groups[group]?.storage) return false;
    return !isGoing(member) && (engine.holdsData?.(member) ?? true);
  });
  const [first] = losing;
  if (first === undefined) return undefined;
  const others = losing.length > 1 ? ` and ${losing.length - 1} more` : '';
  const step: Step = {
    ...{ id: `stop ${name}`, risk: 'dataLoss', timeLimitSeconds: 600 },
    why: `spec.suspend is set, and what ${first.name}${others} hold${others ? '' : 's'} is on no volume`,
    // Workloads are told by what is rendered.
    run: () => Promise.resolve(),
  };
  return { step, isApproved: approved.has(step.id) };
}

/** Nothing of it is left to be kept. */
function isGoing({ pod }: Member<unknown>): boolean {
  return pod === undefined || pod.terminating;
}
