// Whether members of a shard may be evicted as things are. Pure.

import type { Applied } from '@tweendeck/client';
import { isJsonObject } from '@tweendeck/std';
import { isHealthy, type Member } from './member.ts';

/** A pod is ready before it has what the others have: until it is in step, none of its shard is evicted. */
export function heldBudget(budget: Applied, members: readonly Member<unknown>[]): Applied {
  const { spec } = budget;
  const isHeld = members.some(
    (member) => member.wanted && budgetOf(member) === budget.metadata.name && !isHealthy(member),
  );
  return isHeld && isJsonObject(spec)
    ? { ...budget, spec: { ...spec, maxUnavailable: 0 } }
    : budget;
}

/** Named as its members are, but for their ordinals. */
function budgetOf({ name }: Member<unknown>): string {
  return name.slice(0, name.lastIndexOf('-'));
}
