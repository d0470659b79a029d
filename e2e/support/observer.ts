// Another client of a home, on a thread of its own: asks a small thing again and again, and says how long the longest answer took.

import { Agent, request } from 'node:https';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface Observed {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

export interface Waits {
  readonly count: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Answers that were no 200. */
  readonly refused: number;
}

/** Runs until it is disposed. */
export class Observer implements AsyncDisposable {
  readonly #worker: Worker;

  constructor(observed: Observed) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: observed });
  }

  /** What was seen since this was last asked. */
  take(): Promise<Waits> {
    return new Promise((resolve, reject) => {
      const settle = (run: () => void): void => {
        this.#worker.off('message', onMessage).off('error', onError);
        run();
      };
      const onMessage = (waits: Waits): void => settle(() => resolve(waits));
      const onError = (error: unknown): void => settle(() => reject(error));
      this.#worker.on('message', onMessage).on('error', onError);
      this.#worker.postMessage('take');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

function ask({ url, ca, token }: Observed, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const sent = request(url, { ca, agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function observe(observed: Observed): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let waits: number[] = [];
  let refused = 0;
  let pending: (() => void) | undefined;
  const answer = (): void => {
    const sorted = waits.toSorted((a, b) => a - b);
    const seen: Waits = {
      count: sorted.length,
      medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
      worstMs: sorted.at(-1) ?? 0,
      refused,
    };
    waits = [];
    refused = 0;
    parentPort?.postMessage(seen);
  };
  parentPort?.on('message', () => {
    pending = answer; // after the request that is under way, so that its wait counts
  });
  for (;;) {
    const startMs = performance.now();
    const status = await ask(observed, agent).catch(() => 0);
    waits.push(performance.now() - startMs);
    if (status !== 200) refused++;
    pending?.();
    pending = undefined;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

if (!isMainThread) await observe(workerData as Observed); // nothing else starts this thread
