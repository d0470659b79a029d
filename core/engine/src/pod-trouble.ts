// Why a pod cannot run, in the words of those who know. Pure.

import type { Pod } from '@tweendeck/kube';

/** Waiting reasons that time alone does not mend. */
const stuckReasons: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
]);

/** Undefined when nothing is wrong, or nothing that stays so. */
export function podTrouble({ metadata: { name }, status }: Pod): string | undefined {
  if (status?.phase === 'Failed') {
    return `pod ${name} failed: ${status.message ?? status.reason ?? 'no reason given'}`;
  }
  const unscheduled = status?.conditions?.find(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable',
  );
  if (unscheduled) return `pod ${name} finds no node: ${unscheduled.message ?? ''}`.trimEnd();
  for (const { image, state, lastState } of status?.containerStatuses ?? []) {
    const waiting = state?.waiting;
    if (!waiting?.reason || !stuckReasons.has(waiting.reason)) continue;
    const last = lastState?.terminated;
    const exit = last ? ` (last exit code ${last.exitCode})` : '';
    return `pod ${name} cannot run ${image}: ${waiting.message ?? waiting.reason}${exit}`;
  }
  return undefined;
}
