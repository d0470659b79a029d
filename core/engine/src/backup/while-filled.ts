// A cluster that is to begin with the data of a backup is not ready before it has them. Pure.

import type { ClusterObject } from '../cluster-spec.ts';
import type { ClusterPlan } from '../plan.ts';

/** What else is wrong or under way comes first. */
export function whileFilled(
  plan: ClusterPlan,
  { spec, status }: Pick<ClusterObject<unknown>, 'spec' | 'status'>,
): ClusterPlan {
  const { phase, message = 'it is to be filled from a backup' } = status?.restore ?? {};
  if (spec.restore === undefined || phase === 'Complete' || spec.suspend) return plan;
  if (phase !== 'Failed') return { ...plan, waits: plan.waits ?? message };
  const trouble = { reason: 'RestoreFailed', message: `${message}; delete it and make it anew` };
  return { ...plan, troubles: [...plan.troubles, trouble], waits: plan.waits ?? message };
}
