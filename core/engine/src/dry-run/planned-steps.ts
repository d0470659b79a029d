// Steps in their order, with what each waits for. Pure.

import type { Step } from '../engine.ts';
import type { ClusterPlan } from '../plan.ts';

export interface PlannedStep extends Pick<Step, 'id' | 'why' | 'on' | 'risk'> {
  /**
   * `now`: done in the next pass; `after`: behind the one before that may disturb; `approval`: once a person approved of
   * it; `under way`: begun, and waited for.
   */
  readonly when: 'now' | 'after' | 'approval' | 'under way';
  /** The id of the step that it waits for. */
  readonly after?: string;
}

export function plannedSteps({
  actions,
  ahead,
  troubles,
}: Pick<ClusterPlan, 'actions' | 'ahead' | 'troubles'>): readonly PlannedStep[] {
  const now = new Set(actions.map(({ id }) => id));
  const needsApproval = troubles.some(({ reason }) => reason === 'ApprovalNeeded');
  const acting = actions.find(({ risk }) => risk !== 'safe');
  // What is done now comes before what waits.
  const risky = ahead
    .filter(({ risk }) => risk !== 'safe')
    .toSorted((a, b) => Number(b === acting) - Number(a === acting));
  const safe = ahead.filter(({ risk }) => risk === 'safe');
  return [...safe, ...risky].map(({ id, why, on, risk }): PlannedStep => {
    const told = { id, why, risk, ...(on === undefined ? {} : { on }) };
    if (now.has(id)) return { ...told, when: 'now' };
    const before = risky[risky.findIndex((one) => one.id === id) - 1];
    if (before) return { ...told, when: 'after', after: before.id };
    return { ...told, when: needsApproval && risk === 'dataLoss' ? 'approval' : 'under way' };
  });
}
