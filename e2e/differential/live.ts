// Conversations of anybody: the proxy stands open for whatever client is pointed at it, may write down what it is asked, and asks it again later.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '@tweendeck/std';
import type { Difference } from './answers.ts';
import type { Conversation } from './conversation.ts';
import { startFakeNode } from './fake-node.ts';
import { Pair } from './pair.ts';
import { ComparingProxy, isEndless } from './proxy.ts';
import { startServers } from './servers.ts';
import { type Sent, Translation } from './translation.ts';

export interface LiveOptions {
  readonly servers: Conversation['servers'];
  readonly directory: string;
  readonly write: (text: string) => void;
}

/** Keeps the proxy open until the signal aborts; tells of each request as it is answered. `record`: a file that gets them, a line of JSON each. */
export async function serveLive(
  { servers: set, directory, write }: LiveOptions,
  record: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const pair = await openPair(set, directory, opened);
  const proxy = opened.use(await ComparingProxy.open(pair, join(directory, 'proxy')));
  write(`point clients here, and end with Ctrl-C:\n  export KUBECONFIG=${proxy.kubeconfig}\n`);
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { requests, differences } = proxy.takeAnswered();
    for (const sent of requests) {
      write(`${sent.method} ${sent.path}\n`);
      if (record !== undefined) appendFileSync(record, `${lineOf(sent)}\n`);
    }
    tell(differences, write);
  }
}

/** Sends the requests of a file that {@link serveLive} wrote, and tells where the servers differ. Returns how often. */
export async function replay(
  { servers: set, directory, write }: LiveOptions,
  file: string,
): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const pair = await openPair(set, directory, opened);
  const never = new AbortController().signal;
  let count = 0;
  for (const sent of readFileSync(file, 'utf8').split('\n').filter(Boolean).map(sentIn)) {
    write(`${sent.method} ${sent.path}\n`);
    // A recorded watch ended when its client had seen enough; this one ends by itself.
    const ignored = { onHead: () => undefined, onChunk: () => undefined };
    const { differences } = isEndless(sent)
      ? await pair.stream(sent, ignored, AbortSignal.timeout(watchMs))
      : await pair.exchange(sent, never);
    tell(differences, write);
    count += differences.length;
  }
  return count;
}

const watchMs = 1_000;

async function openPair(
  set: Conversation['servers'],
  directory: string,
  opened: AsyncDisposableStack,
): Promise<Pair> {
  const servers = opened.use(await startServers(set, join(directory, 'subject')));
  const controllers = set === 'controllers';
  if (controllers) {
    for (const side of [servers.reference, servers.subject]) opened.use(await startFakeNode(side));
  }
  const translation = new Translation({ followsVersions: !controllers });
  return new Pair({ ...servers, translation, controllers });
}

function tell(differences: readonly Difference[], write: (text: string) => void): void {
  for (const { area, key, where } of differences) write(`    [${area}] ${key}\n        ${where}\n`);
}

function lineOf({ method, path, headers, body }: Sent): string {
  const { authorization: _, ...kept } = headers;
  return JSON.stringify({ method, path, headers: kept, body: body.toString('base64') });
}

function sentIn(line: string): Sent {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value) || !isJsonObject(value['headers']))
    throw new Error(`no request: ${line}`);
  const headers = Object.entries(value['headers']).map(([name, text]) => [name, String(text)]);
  return {
    method: String(value['method']),
    path: String(value['path']),
    headers: Object.fromEntries(headers),
    body: Buffer.from(String(value['body']), 'base64'),
  };
}
