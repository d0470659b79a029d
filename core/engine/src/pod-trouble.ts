// Why a pod cannot run, in the words of those who know. Pure.

import type { Pod } from '@tweendeck/kube';
import type { Trouble } from './engine.ts';

/** What a user can do about a pod, in the words of the kind's own spec: appended to what Kubernetes says. */
export interface PodHints {
  /** No node takes it, for what the scheduler says. */
  readonly placement?: (why: string) => string | undefined;
  /** A container does not run: why it waits, and how it ended last. */
  readonly container?: (waiting: string, lastEnd: string | undefined) => string | undefined;
  /** It was ended. */
  readonly failure?: (reason: string, why: string) => string | undefined;
}

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
export function podTrouble({ metadata, status }: Pod, hints: PodHints = {}): Trouble | undefined {
  const { name } = metadata;
  if (status?.phase === 'Failed') {
    const reason = status.reason ?? 'PodFailed';
    const why = status.message ?? status.reason ?? 'no reason given';
    return {
      reason,
      message: withHint(`pod ${name} failed: ${why}`, hints.failure?.(reason, why)),
    };
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: held, reason }) =>
      type === 'PodScheduled' && held === 'False' && reason === 'Unschedulable',
  );
  if (unscheduled) {
    const why = unscheduled.message ?? '';
    const message = `pod ${name} finds no node: ${why}`.trimEnd();
    return { reason: 'Unschedulable', message: withHint(message, hints.placement?.(why)) };
  }
  for (const { image, state, lastState } of status?.containerStatuses ?? []) {
    const waiting = state?.waiting;
    if (!waiting?.reason || !stuckReasons.has(waiting.reason)) continue;
    const last = lastState?.terminated;
    const why = last?.message ? `: ${lastWords(last.message)}` : '';
    const exit = last ? ` (last exit code ${last.exitCode}${why})` : '';
    const message = `pod ${name} cannot run ${image}: ${waiting.message ?? waiting.reason}${exit}`;
    const hint = hints.container?.(waiting.reason, last?.reason);
    return { reason: waiting.reason, message: withHint(message, hint) };
  }
  return undefined;
}

/** The message with its advice; without any it stays as it is. */
export function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message.replace(/[.\s]+$/, '')}; ${hint}`;
}

/** The end of a log: what went wrong and the hint stand on its last two lines. */
function lastWords(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-2);
  return lines
    .map((line) => line.trim())
    .join(' ')
    .slice(0, 500);
}
