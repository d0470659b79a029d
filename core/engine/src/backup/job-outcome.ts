// How a Job of one pod stands, and why it failed, in the words of its program where it had any. Pure.

import type { Job, Pod } from '@tweendeck/kube';

export type JobOutcome =
  | { readonly state: 'running' }
  | { readonly state: 'complete' }
  /** `isFinal`: another attempt would end the same way. */
  | { readonly state: 'failed'; readonly why: string; readonly isFinal: boolean };

export function jobOutcome({ status }: Job, pods: readonly Pod[]): JobOutcome {
  const has = (type: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === 'True');
  if (has('Complete')) return { state: 'complete' };
  const failed = has('Failed');
  if (failed === undefined) return { state: 'running' };
  const why = reasonOf(failed.reason, pods);
  return { state: 'failed', why, isFinal: finalCodes.some((code) => why.endsWith(`(${code})`)) };
}

/** What stays as it is, however often it is tried. */
const finalCodes: readonly string[] = [
  ...['ENGINE_BACKUP_DAMAGED', 'ENGINE_BACKUP_FOLDER_TAKEN'],
  ...['ENGINE_BACKUP_NOT_EMPTY', 'ENGINE_BACKUP_OTHER_KIND'],
];

function reasonOf(reason: string | undefined, pods: readonly Pod[]): string {
  if (reason === 'DeadlineExceeded') return 'it took longer than its time limit';
  const [ended] = pods.flatMap(
    (pod) => pod.status?.containerStatuses?.flatMap(({ state }) => state?.terminated ?? []) ?? [],
  );
  return ended ? wordsOf(ended) : 'its pod is gone';
}

/** What the program said last, without what was for a log. */
function wordsOf({
  message = '',
  reason = '',
  exitCode,
  signal,
}: {
  readonly message?: string;
  readonly reason?: string;
  readonly exitCode: number;
  readonly signal?: number;
}): string {
  if (reason === 'OOMKilled') return 'it used more memory than it may';
  const lines = message.split('\n').filter((line) => line.startsWith('tweendeck: '));
  const said = lines.at(-1)?.slice('tweendeck: '.length);
  if (said) return said;
  return signal ? `it was ended by signal ${signal}` : `it ended with code ${exitCode}`;
}

/** Why a pod of a Job does not begin, where that is known. */
export function podWaits(pods: readonly Pod[]): string | undefined {
  for (const { status } of pods) {
    const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting?.message);
    if (waiting?.state?.waiting?.message) return waiting.state.waiting.message;
    const unscheduled = status?.conditions?.find(
      ({ type, status: held }) => type === 'PodScheduled' && held === 'False',
    );
    if (unscheduled?.message) return unscheduled.message;
  }
  return undefined;
}
