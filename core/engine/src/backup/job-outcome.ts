// How a Job of one pod stands, and why it failed, in the words of its program where it had any. Pure.

import type { Job, Pod } from '@tweendeck/kube';

export type JobOutcome =
  | { readonly state: 'running' }
  | { readonly state: 'complete' }
  | { readonly state: 'failed'; readonly why: string };

export function jobOutcome({ status }: Job, pods: readonly Pod[]): JobOutcome {
  const has = (type: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === 'True');
  if (has('Complete')) return { state: 'complete' };
  const failed = has('Failed');
  if (failed === undefined) return { state: 'running' };
  if (failed.reason === 'DeadlineExceeded')
    return { state: 'failed', why: 'it took longer than its time limit' };
  const [ended] = pods.flatMap(
    (pod) => pod.status?.containerStatuses?.flatMap(({ state }) => state?.terminated ?? []) ?? [],
  );
  if (ended === undefined) return { state: 'failed', why: 'its pod is gone' };
  return { state: 'failed', why: wordsOf(ended) };
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
