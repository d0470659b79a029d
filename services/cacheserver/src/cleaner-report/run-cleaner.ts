// One run of the cleaner over all replicas of a CacheServer, and its report. Cleaning waits for no webhook: the report goes
// out when all is done.

import type { EndpointSlice } from '@tweendeck/kube';
import { isAbort, isJsonObject, linkedAbort, messageOf, timestampOf } from '@tweendeck/std';
import type { CleanerRules } from '../cleaner/cleaner-rules.ts';
import { type DeliverOptions, type Delivery, deliver, type HttpPost } from './deliver.ts';
import type { HttpAnswer } from './post.ts';
import { parseCleaned, type ReplicaRun, type RunReport, runReport } from './run-report.ts';

export interface CleanedReplica {
  readonly pod: string;
  /** `host:port` of its status port. */
  readonly address: string;
}

export interface RunCleanerOptions extends Omit<DeliverOptions, 'webhook' | 'post'> {
  readonly cacheServer: RunReport['cacheServer'];
  readonly replicas: readonly CleanedReplica[];
  /** Of the replicas' control. */
  readonly token: string;
  readonly rules: CleanerRules;
  readonly dryRun: boolean;
  /** Undefined: nobody is told. */
  readonly webhook: string | undefined;
  readonly post: (post: HttpPost, signal: AbortSignal) => Promise<HttpAnswer>;
}

/** How long a replica may take. */
const replicaMs = 600_000;

/** Cleans one replica after the other, so that others serve undisturbed. Throws only when the signal aborts. */
export async function runCleaner(
  options: RunCleanerOptions,
  signal: AbortSignal,
): Promise<{ readonly report: RunReport; readonly delivery: Delivery | undefined }> {
  const { clock, random, cacheServer, dryRun, webhook, log } = options;
  const startedAt = timestampOf(clock.nowMs());
  const startedMs = clock.monotonicMs();
  const runs: ReplicaRun[] = [];
  for (const replica of options.replicas) runs.push(await cleanReplica(replica, options, signal));
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const facts = { id: random.uuid(), startedAt, cacheServer, dryRun, durationMs };
  const report = runReport(facts, runs);
  log.info('cleaned', { ...report });
  const delivery =
    webhook === undefined ? undefined : await deliver(report, { ...options, webhook }, signal);
  return { report, delivery };
}

async function cleanReplica(
  { pod, address }: CleanedReplica,
  { clock, token, rules, dryRun, post }: RunCleanerOptions,
  signal: AbortSignal,
): Promise<ReplicaRun> {
  using limit = linkedAbort(signal);
  const late = new Error(`no answer within ${replicaMs / 1_000} s`);
  using _timer = clock.timer(replicaMs, () => limit.abort(late));
  const url = `http://${address}/control/clean?dryRun=${dryRun}`;
  const headers = { 'content-type': 'application/json' };
  try {
    const body = JSON.stringify({ token, rules });
    const answer = await post({ url, headers, body }, limit.signal);
    const said: unknown = JSON.parse(answer.body);
    const report = parseCleaned(isJsonObject(said) ? said['report'] : undefined);
    if (report) return { pod, outcome: 'cleaned', report };
    const why =
      isJsonObject(said) && typeof said['error'] === 'string' ? said['error'] : 'no report';
    return { pod, outcome: 'failed', error: `it answers ${answer.status}: ${why}` };
  } catch (error) {
    if (isAbort(error, signal)) throw error;
    const cause = limit.signal.aborted ? limit.signal.reason : error;
    return { pod, outcome: 'failed', error: messageOf(cause) };
  }
}

/** Replicas that are ready, by what the API says of them; in order of their names. */
export function replicasOf(slices: readonly EndpointSlice[]): readonly CleanedReplica[] {
  const found = new Map<string, CleanedReplica>();
  for (const { addressType, endpoints, ports } of slices) {
    const port = ports?.find(({ name }) => name === 'status')?.port;
    if (port === undefined || addressType === 'FQDN') continue;
    for (const { addresses, conditions, targetRef } of endpoints) {
      const [host] = addresses;
      if (host === undefined || conditions?.ready === false) continue;
      const address = addressType === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`;
      found.set(address, { pod: targetRef?.name ?? address, address });
    }
  }
  return [...found.values()].sort((left, right) => (left.pod < right.pod ? -1 : 1));
}
