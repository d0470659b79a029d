// Delivers a report to a webhook that may be dead, slow, or not what it should be: so often, so long, and no longer.

import {
  backoffMs,
  type Clock,
  isAbort,
  type Logger,
  linkedAbort,
  messageOf,
  type Random,
} from '@tweendeck/std';
import type { RunReport } from './run-report.ts';
import { signatureHeader, signatureOf } from './signature.ts';

export interface HttpPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the other side says; throws when it says nothing. Never follows a redirect. */
export type Post = (post: HttpPost, signal: AbortSignal) => Promise<{ readonly status: number }>;

export interface DeliverOptions {
  readonly webhook: string;
  /** Undefined: the report is not signed. */
  readonly key: string | undefined;
  readonly post: Post;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What became of it. `refused`: the other side does not want it, and asking again would not help. */
export type Delivery =
  | { readonly outcome: 'delivered'; readonly attempts: number }
  | {
      readonly outcome: 'refused' | 'given-up';
      readonly attempts: number;
      readonly why: string;
    };

/** One attempt. */
const attemptMs = 10_000;
const attemptsMax = 8;
/** 0.5 to 1 s, doubling to a minute: two to four minutes in all when nobody is there. */
const backoff = { baseMs: 1_000, maxMs: 60_000 };

/** Never throws but when the signal aborts. */
export async function deliver(
  report: RunReport,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Delivery> {
  const { clock, random, log } = options;
  const body = JSON.stringify(report);
  for (let attempts = 1; ; attempts++) {
    const { why, final } = await attempt(body, report.id, options, signal);
    if (why === undefined) return { outcome: 'delivered', attempts };
    log.warn('report not delivered', { id: report.id, attempt: attempts, why });
    if (final) return { outcome: 'refused', attempts, why };
    if (attempts >= attemptsMax) return { outcome: 'given-up', attempts, why };
    await clock.sleep(backoffMs(backoff, attempts - 1, random), signal);
  }
}

interface Failure {
  /** Undefined: it worked. */
  readonly why?: string;
  readonly final?: boolean;
}

/** Each attempt is signed anew: the receiver may bound the age of what it takes. */
async function attempt(
  body: string,
  id: string,
  { webhook, key, post, clock }: DeliverOptions,
  signal: AbortSignal,
): Promise<Failure> {
  using limit = linkedAbort(signal);
  const late = new Error(`no answer within ${attemptMs / 1_000} s`);
  using _timer = clock.timer(attemptMs, () => limit.abort(late));
  const headers = {
    'content-type': 'application/json',
    'tweendeck-report-id': id,
    ...(key === undefined ? {} : { [signatureHeader]: signatureOf(body, key, clock.nowMs()) }),
  };
  try {
    return judge((await post({ url: webhook, headers, body }, limit.signal)).status);
  } catch (error) {
    if (isAbort(error, signal)) throw error;
    return { why: messageOf(limit.signal.aborted ? limit.signal.reason : error) };
  }
}

/** What is the other side's trouble is tried again; what is ours is not. */
function judge(status: number): Failure {
  if (status >= 200 && status < 300) return {};
  if (status >= 300 && status < 400) {
    return { why: `it redirects (${status}), which is not followed`, final: true };
  }
  const again = status >= 500 || status === 408 || status === 425 || status === 429;
  return { why: `it answers ${status}`, final: !again };
}
