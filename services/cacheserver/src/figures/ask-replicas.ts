// Asks a replica for its figures over HTTP.

import { get, type IncomingMessage } from 'node:http';
import { statusPort } from '../render.ts';

/** Gives what stands at `/stats` of this address, parsed; throws when there is no answer. */
export type AskReplica = (address: string, signal: AbortSignal) => Promise<unknown>;

const answerBytesMax = 1_048_576;

/** No redirects, no proxies, a megabyte at most: a pod is asked itself. */
export const askOverHttp: AskReplica = (address, signal) =>
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
