// Conditions of the older kinds, where a transition time moves with the status and, for deployments, an update time with the reason.

export interface AnyCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
}

export function conditionOf<Cond extends AnyCondition>(
  conditions: readonly Cond[] | undefined,
  type: string,
): Cond | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Sets a condition; nothing changes when status and reason are the same, and the transition time only with the status. */
export function withCondition<Cond extends AnyCondition>(
  conditions: readonly Cond[],
  next: Cond,
): readonly Cond[] {
  const current = conditionOf(conditions, next.type);
  if (current?.status === next.status && current.reason === next.reason) return conditions;
  const kept =
    current?.status === next.status && current.lastTransitionTime
      ? { ...next, lastTransitionTime: current.lastTransitionTime }
      : next;
  return [...withoutCondition(conditions, next.type), kept];
}

export function withoutCondition<Cond extends AnyCondition>(
  conditions: readonly Cond[],
  type: string,
): readonly Cond[] {
  return conditions.filter((condition) => condition.type !== type);
}
