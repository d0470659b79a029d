// Carries a question to a webhook over HTTPS and its answer back, with failures in the words of Go's client.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { goQuote } from '@tweendeck/kube';
import { type Clock, isJsonObject, linkedAbort, messageOf, systemErrorCode } from '@tweendeck/std';
import type { HookClient } from './webhook-set.ts';

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where a service is served now. @throws Error in upstream's words. */
export type ResolveService = (namespace: string, name: string, port: number) => Place;

const answerBytesMax = 3 * 1024 * 1024;
const agentsMax = 200;
const socketsMax = 32;

/** Keeps connections to webhooks open between questions. */
export class WebhookClients implements Disposable {
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #resolve: ResolveService;
  readonly #agents = new Map<string, Agent>();

  constructor(clock: Pick<Clock, 'timer'>, resolve: ResolveService) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** The answer to a question, parsed. @throws Error in words for the client, never anything else. */
  async ask(
    client: HookClient,
    question: { readonly body: string; readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<unknown> {
    const url = urlOf(client);
    const seconds = Math.ceil(question.timeoutMs / 1_000);
    url.searchParams.set('timeout', `${seconds}s`);
    using limit = linkedAbort(signal);
    let late = false;
    using _timer = this.#clock.timer(question.timeoutMs, () => {
      late = true;
      limit.abort();
    });
    const shown = `Post ${goQuote(shownUrl(url, client))}`;
    try {
      const { status, text } = await this.#post(url, client, question.body, limit.signal);
      return parsed(status, text);
    } catch (error) {
      if (error instanceof Answered) throw error;
      throw new Error(`${shown}: ${late ? 'context deadline exceeded' : reasonOf(error, url)}`);
    }
  }

  async #post(
    url: URL,
    client: HookClient,
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { target } = client;
    const place =
      target.type === 'service'
        ? this.#resolve(target.service.namespace, target.service.name, target.service.port)
        : { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) };
    const servername = url.hostname.replace(/^\[|\]$/g, '');
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = httpsRequest({
      agent: this.#agentOf(client, servername),
      host: place.host,
      port: place.port,
      servername: /^[\d.]+$|:/.test(servername) ? '' : servername,
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      signal,
      headers: {
        host: url.host,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'kube-apiserver-admission',
      },
    });
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end(body);
    const response = await promise;
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  }

  #agentOf({ authority }: HookClient, servername: string): Agent {
    const key = `${servername} ${authority ?? ''}`;
    const known = this.#agents.get(key);
    if (known) return known;
    if (this.#agents.size >= agentsMax) this[Symbol.dispose]();
    const agent = new Agent({
      keepAlive: true,
      maxSockets: socketsMax,
      ...(authority === undefined ? {} : { ca: authority }),
    });
    this.#agents.set(key, agent);
    return agent;
  }
}

function urlOf({ target }: HookClient): URL {
  if (target.type === 'url') return new URL(target.url);
  const { namespace, name, port, path } = target.service;
  return new URL(`https://${name}.${namespace}.svc:${port}${path}`);
}

/** The standard port of a service is written too. */
function shownUrl(url: URL, { target }: HookClient): string {
  if (target.type === 'url') {
    const [start = ''] = target.url.split('?');
    return `${start}${start === url.origin ? '/' : ''}${url.search}`;
  }
  const { namespace, name, port } = target.service;
  return `https://${name}.${namespace}.svc:${port}${url.pathname}${url.search}`;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    // Without an encoding an answer gives buffers.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > answerBytesMax)
      throw new Answered(`the answer has more than ${answerBytesMax} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

/** A webhook was reached, and said something that helps nobody. */
class Answered extends Error {}

function parsed(status: number, text: string): unknown {
  if (status < 200 || status > 206) throw new Answered(refusalText(status, text));
  try {
    return JSON.parse(text);
  } catch {
    throw new Answered(
      `couldn't get version/kind; json parse error: invalid answer ${goQuote(text.slice(0, 60))}`,
    );
  }
}

/** As Kubernetes' REST client tells of status codes. */
function refusalText(status: number, text: string): string {
  const said = statusMessage(text);
  if (said !== undefined) return said;
  const known: Readonly<Record<number, string>> = {
    400: 'the server rejected our request for an unknown reason',
    401: 'the server has asked for the client to provide credentials',
    403: 'unknown',
    404: 'the server could not find the requested resource',
    405: 'the server does not allow this method on the requested resource',
    429: 'the server has received too many requests and has asked us to try again later',
    503: 'the server is currently unable to handle the request',
    504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
  };
  if (status >= 500 && known[status] === undefined) {
    return `an error on the server (${goQuote(text.trim() || 'unknown')}) has prevented the request from succeeding`;
  }
  return (
    known[status] ??
    `the server responded with the status code ${status} but did not return more information`
  );
}

/** What a Status object in the answer says. */
function statusMessage(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value) || value['kind'] !== 'Status') return undefined;
    return typeof value['message'] === 'string' ? value['message'] : undefined;
  } catch {
    return undefined;
  }
}

const distrust = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function reasonOf(error: unknown, url: URL): string {
  const code = systemErrorCode(error) ?? '';
  const { address, port, reason } = Object(error);
  const there = `dial tcp ${address ?? url.hostname}:${port ?? (url.port || 443)}`;
  switch (code) {
    case 'ECONNREFUSED':
      return `${there}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `${there}: connect: no route to host`;
    case 'ETIMEDOUT':
      return `${there}: i/o timeout`;
    case 'ENOTFOUND':
      return `dial tcp: lookup ${url.hostname}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${String(reason ?? messageOf(error))}`;
    default:
      if (distrust.has(code)) {
        return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
      }
      return messageOf(error);
  }
}
