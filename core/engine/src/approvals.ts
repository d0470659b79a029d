// What a person approved of, in an annotation: ids of steps that may lose data. Each is good for once. Pure.

import type { ClusterObject } from './cluster-spec.ts';
import { approvalAnnotation } from './labels.ts';
import type { ClusterPlan } from './plan.ts';

interface Approvable extends Pick<ClusterObject<unknown>, 'status'> {
  readonly metadata: Pick<ClusterObject<unknown>['metadata'], 'annotations'>;
}

/** Those that were not used up yet. */
export function approvalsOf(object: Approvable): ReadonlySet<string> {
  const spent = new Set(object.status?.spentApprovals);
  return annotated(object).difference(spent);
}

/**
 * Those whose step was under way and is planned no more, as long as they are annotated: the next step of that name is asked for
 * anew, also months later.
 */
export function spentApprovals(
  object: Approvable,
  { ahead }: Pick<ClusterPlan, 'ahead'>,
): readonly string[] {
  const { step, spentApprovals: spent = [] } = object.status ?? {};
  const isDone = step && !ahead.some(({ id }) => id === step.id);
  const all = new Set([...spent, ...(isDone ? [step.id] : [])]);
  return [...annotated(object).intersection(all)].sort();
}

/** Separated by commas. */
function annotated({ metadata }: Approvable): ReadonlySet<string> {
  const ids = (metadata.annotations?.[approvalAnnotation] ?? '').split(',').map((id) => id.trim());
  return new Set(ids.filter((id) => id !== ''));
}
