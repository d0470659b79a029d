// HTTP POST as reports and orders travel: no redirects, no proxies, a connection of its own, answers of bounded size.

import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { HttpPost } from './deliver.ts';

const answerBytesMax = 1_048_576;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Resolves with any answer, whatever its status; rejects when there is none, or too much of one. */
export function postOverHttp(
  { url, headers, body }: HttpPost,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const target = new URL(url);
  const request = target.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const sent = request(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: false,
        signal,
      },
      (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > answerBytesMax) sent.destroy(new Error('it answers too much'));
          else parts.push(part);
        });
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body: text });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
