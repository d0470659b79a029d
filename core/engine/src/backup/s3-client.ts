// Speaks S3 with one bucket: whole objects, objects in parts, lists. Requests are signed with their bodies, and tried again where
// the other side is at fault.

import { Buffer } from 'node:buffer';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import {
  backoffMs,
  type Clock,
  messageOf,
  onAbort,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import {
  type AwsCredentials,
  encodeAwsPath,
  encodeAwsQuery,
  sha256Hex,
  signAwsRequest,
} from '@tweendeck/wire';

export interface S3Options {
  /** `https://host[:port]` */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: AwsCredentials;
  /** PEM of who vouches for the endpoint; those of the system when undefined. */
  readonly authority: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const triesMax = 5;
/** Without a byte for so long it is given up. */
const silenceMs = 60_000;
const answerBytesMax = 16 * 2 ** 20;

export class S3Client {
  readonly #options: S3Options;

  constructor(options: S3Options) {
    this.#options = options;
  }

  async put(key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'PUT', key, body }, signal);
  }

  /** Gives the id of an upload. */
  async begin(key: string, signal: AbortSignal): Promise<string> {
    const { text } = await this.#ask({ method: 'POST', key, query: { uploads: '' } }, signal);
    const id = wordIn(text, 'UploadId');
    if (id === undefined) throw failed(`POST ${key}`, 'the answer names no upload');
    return id;
  }

  /** Gives what the part is known by. */
  async putPart(
    {
      key,
      upload,
      number,
    }: { readonly key: string; readonly upload: string; readonly number: number },
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<string> {
    const query = { partNumber: String(number), uploadId: upload };
    const { tag } = await this.#ask({ method: 'PUT', key, query, body }, signal);
    if (tag === undefined)
      throw failed(`PUT ${key}`, 'the answer does not say what a part is known by');
    return tag;
  }

  /** Only now there is an object. */
  async complete(
    {
      key,
      upload,
      tags,
    }: { readonly key: string; readonly upload: string; readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const parts = tags.map(
      (tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`,
    );
    const body = Buffer.from(
      `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
    );
    const query = { uploadId: upload };
    const { text } = await this.#ask({ method: 'POST', key, query, body }, signal);
    // A failure may come behind a good status.
    if (/<Error>/.test(text)) throw failed(`POST ${key}`, wordsIn(text));
  }

  async abandon(
    { key, upload }: { readonly key: string; readonly upload: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#ask({ method: 'DELETE', key, query: { uploadId: upload } }, signal);
  }

  /** Undefined when there is none. */
  async get(key: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    const answer = await this.#open({ method: 'GET', key }, signal);
    if (answer.statusCode === 200) return answer;
    const text = await textOf(answer);
    if (answer.statusCode === 404 && wordIn(text, 'Code') === 'NoSuchKey') return undefined;
    throw failed(`GET ${key}`, refusal(answer, text));
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'DELETE', key }, signal);
  }

  /** Names that begin so. */
  async list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const keys: string[] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const query: Record<string, string> = {
        ...{ 'list-type': '2', prefix },
        ...(token === '' ? {} : { 'continuation-token': token }),
      };
      const { text } = await this.#ask({ method: 'GET', key: '', query }, signal);
      keys.push(...[...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => plain(key)));
      token =
        wordIn(text, 'IsTruncated') === 'true' ? wordIn(text, 'NextContinuationToken') : undefined;
    }
    return keys;
  }

  /** Throws when the answer is no good one. */
  async #ask(
    request: S3Request,
    signal: AbortSignal,
  ): Promise<{ readonly text: string; readonly tag: string | undefined }> {
    const what = `${request.method} ${request.key || this.#options.bucket}`;
    const answer = await this.#open(request, signal);
    const text = await textOf(answer);
    const { statusCode = 0, headers } = answer;
    if (statusCode >= 200 && statusCode < 300) return { text, tag: headers.etag };
    throw failed(what, refusal(answer, text));
  }

  /** Any answer that is not the fault of the other side. */
  async #open(request: S3Request, signal: AbortSignal): Promise<IncomingMessage> {
    const { clock, random, endpoint } = this.#options;
    for (let failures = 0; ; ) {
      const last = failures + 1 >= triesMax;
      try {
        const answer = await this.#send(request, signal);
        const { statusCode = 0 } = answer;
        if (last || (statusCode < 500 && statusCode !== 429)) return answer;
        answer.destroy();
      } catch (cause) {
        signal.throwIfAborted();
        if (last) throw failed(`${request.method} ${endpoint}`, messageOf(cause), cause);
      }
      await clock.sleep(backoffMs({ baseMs: 200, maxMs: 5_000 }, failures++, random), signal);
    }
  }

  #send(
    { method, key, query = {}, body = Buffer.alloc(0) }: S3Request,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { endpoint, bucket, region, credentials, authority, clock } = this.#options;
    const { host, hostname, port, protocol } = new URL(endpoint);
    const path = encodeAwsPath(`/${bucket}${key === '' ? '' : `/${key}`}`);
    const bodySha256 = sha256Hex(body);
    const headers = signAwsRequest(
      { method, host, path, query, bodySha256 },
      { credentials, region, service: 's3', nowMs: clock.nowMs() },
    );
    const asked = encodeAwsQuery(query);
    const options = {
      ...{ method, hostname, path: asked === '' ? path : `${path}?${asked}` },
      ...(port === '' ? {} : { port }),
      ...(authority === undefined ? {} : { ca: authority }),
      headers: { ...headers, 'content-length': body.length },
      timeout: silenceMs,
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = (protocol === 'https:' ? requestHttps : requestHttp)(options, resolve);
    const stop = onAbort(signal, (reason) =>
      sent.destroy(reason instanceof Error ? reason : new Error('stopped')),
    );
    sent.on('timeout', () => sent.destroy(new Error('it says nothing')));
    sent.on('error', reject);
    sent.on('close', () => stop[Symbol.dispose]());
    sent.end(body);
    return promise;
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer) {
    const chunk = part as Buffer; // no encoding is set
    bytes += chunk.length;
    if (bytes > answerBytesMax)
      throw failed('an answer', `it has more than ${answerBytesMax} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString();
}

function refusal({ statusCode }: IncomingMessage, text: string): string {
  return `it answers ${statusCode}: ${wordsIn(text)}`;
}

/** What a refusal says of itself. */
function wordsIn(text: string): string {
  const words = [wordIn(text, 'Code'), wordIn(text, 'Message')].filter(Boolean);
  return words.length > 0 ? words.join(': ') : text.slice(0, 200);
}

function wordIn(text: string, name: string): string | undefined {
  const [, word] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text) ?? [];
  return word === undefined ? undefined : plain(word);
}

const entities: Readonly<Record<string, string>> = {
  ...{ '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&#34;': '"', '&#39;': "'" },
};

function plain(text: string): string {
  return text
    .replace(/&(lt|gt|quot|apos|#34|#39);/g, (word) => entities[word] ?? word)
    .replaceAll('&amp;', '&');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function failed(what: string, fact: string, cause?: unknown): PlatformError {
  return new PlatformError('ENGINE_BACKUP_STORE_FAILED', `${what}: ${fact}`, {
    cause,
    hint: 'See that endpoint, bucket and keys are right, and that they may read and write there.',
  });
}
