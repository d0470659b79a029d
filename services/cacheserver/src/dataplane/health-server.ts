// The side door for machines: liveness, readiness, figures as text exposition and as JSON, and what the control asks.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { messageOf, metricsForm, metricsType } from '@tweendeck/std';
import { kernelSettings } from './kernel-settings.ts';
import { type ListenAddress, listenOn } from './listen.ts';
import { metricsText } from './metrics-text.ts';
import type { CacheServerStats } from './server-stats.ts';

export interface HealthServer extends AsyncDisposable {
  readonly address: ListenAddress;
}

/** A request as those who answer see it. */
export interface HealthRequest {
  readonly method: string;
  readonly url: URL;
  readonly accept: string;
  /** Its parsed body; undefined without one, or when it is no JSON. */
  readonly body: unknown;
}

export interface HealthReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What answers at the side door. */
export interface HealthSource {
  readonly stats: () => CacheServerStats;
  /** Undefined for paths that are not the control's. */
  readonly control?: (
    request: HealthRequest,
    signal: AbortSignal,
  ) => Promise<HealthReply> | undefined;
}

const bodyBytesMax = 65_536;

/** Serves GET `/livez`, `/readyz` (503 once it stops), `/metrics` and `/stats`, and the control where there is one. */
export async function startHealthServer(
  address: ListenAddress,
  source: HealthSource,
): Promise<HealthServer> {
  const stop = new AbortController();
  const server: Server = createServer({ requestTimeout: 10_000 }, (message, response) => {
    const send = ({ status, type, body }: HealthReply): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(message.method === 'HEAD' ? undefined : body);
    };
    const answer = async (): Promise<HealthReply> => {
      const request = await requestOf(message);
      if (request === undefined) return plain(400, 'no such address, or too long a body');
      return source.control?.(request, stop.signal) ?? healthReply(request, source.stats);
    };
    answer().then(send, (error: unknown) => send(plain(500, messageOf(error))));
  });
  const port = await listenOn(server, address);
  return {
    address: { ...address, port },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        stop.abort(new Error('the cache stops'));
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function requestOf(message: IncomingMessage): Promise<HealthRequest | undefined> {
  const { method = 'GET', url = '/', headers } = message;
  const parsed = URL.parse(url, 'http://cache');
  const body = await bodyOf(message);
  if (parsed === null || body === undefined) return undefined;
  return { method, url: parsed, accept: headers.accept ?? '', body: parsedJson(body) };
}

/** Undefined for one that is too long. */
async function bodyOf(message: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message) {
    if (!Buffer.isBuffer(part)) continue; // no encoding is set: there are buffers alone
    bytes += part.length;
    if (bytes <= bodyBytesMax) parts.push(part);
  }
  return bytes > bodyBytesMax ? undefined : Buffer.concat(parts).toString('utf8');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One line of text. */
function plain(status: number, line: string): HealthReply {
  return { status, type: 'text/plain; charset=utf-8', body: `${line}\n` };
}

/** What a path answers that only tells how things stand. */
export function healthReply(
  { method, url, accept }: Pick<HealthRequest, 'method' | 'url' | 'accept'>,
  stats: () => CacheServerStats,
): HealthReply {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD are served here');
  switch (url.pathname) {
    case '/livez':
      return plain(200, 'ok');
    case '/readyz': {
      const { state } = stats();
      return state === 'serving' ? plain(200, 'ok') : plain(503, state);
    }
    case '/metrics': {
      const form = metricsForm(accept);
      return { status: 200, type: metricsType(form), body: metricsText(stats(), form) };
    }
    case '/stats':
      return {
        status: 200,
        type: 'application/json',
        body: `${JSON.stringify({ ...stats(), kernel: kernelSettings() })}\n`,
      };
    default:
      return plain(404, 'not found');
  }
}
