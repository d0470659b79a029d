// Asks replicas for their figures over HTTP, no longer than a pass can wait, and no more often than a status is worth.

import { get, type IncomingMessage } from 'node:http';
import type { Pod } from '@tweendeck/kube';
import { type Clock, linkedAbort, messageOf } from '@tweendeck/std';
import { statusPort } from '../render.ts';
import { parseFigures, type ReplicaAnswer, replicasToAsk } from './figures.ts';

/** Gives what stands at `/stats` of this address, parsed; throws when there is no answer. */
export type AskReplica = (address: string, signal: AbortSignal) => Promise<unknown>;

/** A replica that takes longer counts as silent. */
const answerMs = 2_000;
const answerBytesMax = 1_048_576;
/** How often figures are asked for. */
export const figuresEveryMs = 15_000;

interface Remembered {
  readonly askedMs: number;
  /** Names and addresses of those who were asked. */
  readonly who: string;
  readonly answers: readonly ReplicaAnswer[];
}

/** Remembers the last answers of each CacheServer, so that a burst of passes asks once. */
export class ReplicaInquiry {
  readonly #ask: AskReplica;
  readonly #remembered = new Map<string, Remembered>();

  constructor(ask: AskReplica = askOverHttp) {
    this.#ask = ask;
  }

  forget(cache: string): void {
    this.#remembered.delete(cache);
  }

  /** Never throws for a replica: silence is an answer. */
  async answers(
    cache: string,
    pods: readonly Pod[],
    clock: Clock,
    signal: AbortSignal,
  ): Promise<readonly ReplicaAnswer[]> {
    const replicas = replicasToAsk(pods);
    const who = JSON.stringify(replicas);
    const known = this.#remembered.get(cache);
    const nowMs = clock.monotonicMs();
    // A little less than the interval: the pass that is due may come early.
    const fresh = known !== undefined && nowMs - known.askedMs < figuresEveryMs - 1_000;
    if (fresh && known.who === who) return known.answers;
    const answers = await Promise.all(
      replicas.map((replica) => this.#answer(replica, clock, signal)),
    );
    signal.throwIfAborted();
    this.#remembered.set(cache, { askedMs: nowMs, who, answers });
    return answers;
  }

  async #answer(
    { pod, address }: { readonly pod: string; readonly address: string },
    clock: Clock,
    signal: AbortSignal,
  ): Promise<ReplicaAnswer> {
    using limit = linkedAbort(signal);
    const late = new Error(`no answer within ${answerMs / 1_000} s`);
    using _timer = clock.timer(answerMs, () => limit.abort(late));
    try {
      const figures = parseFigures(await this.#ask(address, limit.signal));
      return figures ? { pod, figures } : { pod, silence: 'it answered something else' };
    } catch (error) {
      return { pod, silence: messageOf(limit.signal.aborted ? limit.signal.reason : error) };
    }
  }
}

/** No redirects, no proxies, a megabyte at most: a pod is asked itself. */
const askOverHttp: AskReplica = (address, signal) =>
  new Promise((resolve, reject) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const url = `http://${host}:${statusPort}/stats`;
    const request = get(url, { signal, agent: false }, (response) => {
      readJson(response).then(resolve, reject);
    });
    request.on('error', reject);
  });

async function readJson(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response) {
    const bytes: Buffer = part;
    length += bytes.length;
    if (length > answerBytesMax) throw new Error('it answered too much');
    parts.push(bytes);
  }
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}
