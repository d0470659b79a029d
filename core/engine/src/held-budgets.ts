// Whether members of a shard may be evicted as things are. Pure.

import type { Applied } from '@tweendeck/client';
import { isJsonObject } from '@tweendeck/std';
import { isHealthy, type Member } from './member.ts';

/**
 * A pod is ready before it has what the others have: until it is in step, none of its shard is evicted. One that is to leave
 * counts for as long as it has a pod: a shard that goes has its data nowhere else yet.
 */
export function heldBudget(budget: Applied, members: readonly Member<unknown>[]): Applied {
  const { spec } = budget;
  const isHeld = members.some(
    (member) =>
      (member.wanted || member.pod !== undefined) &&
      budgetOf(member) === budget.metadata.name &&
      !isHealthy(member),
  );
  return isHeld && isJsonObject(spec)
    ? { ...budget, spec: { ...spec, maxUnavailable: 0 } }
    : budget;
}

/** Named as its members are, but for their ordinals. */
function budgetOf({ name }: Member<unknown>): string {
  return name.slice(0, name.lastIndexOf('-'));
}
