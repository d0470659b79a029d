// How a failed pod counts: by the first rule of the job's policy that fits. Rules and texts: upstream's pod_failure_policy.

import type { ContainerStatus, Job, Pod, PodFailurePolicyRule } from '@tweendeck/kube';

export interface FailureVerdict {
  /** Whether it counts towards the back-off limits. */
  readonly counts: boolean;
  readonly action: PodFailurePolicyRule['action'] | undefined;
  /** Why the whole job fails; undefined when it does not. */
  readonly failsJob: string | undefined;
}

export function judgeFailure({ spec }: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const what = matchOf(rule, pod);
    if (what === undefined) continue;
    const { action } = rule;
    const failsJob =
      action === 'FailJob' ? `${what} matching FailJob rule at index ${index}` : undefined;
    return { counts: action !== 'Ignore', action, failsJob };
  }
  return { counts: true, action: undefined, failsJob: undefined };
}

function matchOf(rule: PodFailurePolicyRule, { metadata, status }: Pod): string | undefined {
  const name = `${metadata.namespace}/${metadata.name}`;
  if (rule.onExitCodes) {
    const lists = [status?.containerStatuses, status?.initContainerStatuses];
    const found = lists.flatMap((list) => list ?? []).find((each) => exitFits(rule, each));
    if (!found) return undefined;
    return `Container ${found.name} for pod ${name} failed with exit code ${exitCode(found)}`;
  }
  const condition = status?.conditions?.find((each) =>
    rule.onPodConditions?.some(
      (pattern) => pattern.type === each.type && pattern.status === each.status,
    ),
  );
  return condition ? `Pod ${name} has condition ${condition.type}` : undefined;
}

function exitCode({ state }: ContainerStatus): number {
  return state?.terminated?.exitCode ?? 0;
}

function exitFits({ onExitCodes }: PodFailurePolicyRule, status: ContainerStatus): boolean {
  const code = exitCode(status);
  if (!onExitCodes || code === 0) return false;
  const { containerName, operator, values } = onExitCodes;
  if (containerName !== undefined && containerName !== status.name) return false;
  return values.includes(code) === (operator === 'In');
}
