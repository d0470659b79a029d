// Events for what a person would want to read in `describe`: a change of the phase, or of what is wrong.

import type { ConditionInput, ReconcileContext } from '@tweendeck/controller';
import type { Condition, KubeObject } from '@tweendeck/kube';

interface Announced extends KubeObject {
  readonly status?:
    | { readonly phase?: string; readonly conditions?: readonly Condition[] }
    | undefined;
}

/** Compares what is said now with what the status said before the pass. */
export function announce(
  { status }: Announced,
  { phase, conditions }: { readonly phase: string; readonly conditions: readonly ConditionInput[] },
  context: Pick<ReconcileContext<KubeObject>, 'event'>,
): void {
  const isWrong = phase === 'Degraded' || phase === 'Failed';
  const type = isWrong ? 'Degraded' : 'Ready';
  const now = conditions.find((condition) => condition.type === type);
  const before = status?.conditions?.find((condition) => condition.type === type);
  if (status?.phase === phase && before?.reason === now?.reason) return;
  const message = now?.message ?? phase;
  if (phase === 'Ready') context.event('Normal', 'Ready', message);
  if (isWrong) context.event('Warning', phase, message);
}
