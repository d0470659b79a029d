// The side door for machines: liveness, readiness, figures as text exposition and as JSON, and what the control asks.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { messageOf } from '@tweendeck/std';
import { type ListenAddress, listenOn } from './listen.ts';
import { metricsForm, metricsText, metricsType } from './metrics-text.ts';
import type { CacheServerStats } from './server-stats.ts';

export interface HealthServer extends AsyncDisposable {
  readonly address: ListenAddress;
}

/** A request as those who answer see it. */
export interface HealthRequest {
  readonly method: string;
  readonly url: URL;
  readonly accept: string;
  /** The token of the control that it shows; undefined: none. */
  readonly token: string | undefined;
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

/** Where the token of the control travels: proxies of Kubernetes keep `authorization` for themselves. */
export const controlTokenHeader = 'x-tweendeck-control-token';

/** Serves GET `/livez`, `/readyz` (503 once it stops), `/metrics` and `/stats`, and the control where there is one. */
export async function startHealthServer(
  address: ListenAddress,
  source: HealthSource,
): Promise<HealthServer> {
  const stop = new AbortController();
  const server: Server = createServer({ requestTimeout: 10_000 }, (message, response) => {
    message.resume(); // bodies say nothing here
    const send = ({ status, type, body }: HealthReply): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(message.method === 'HEAD' ? undefined : body);
    };
    const request = requestOf(message);
    if (request === undefined) {
      send(plain(400, 'no such address'));
      return;
    }
    const asked = source.control?.(request, stop.signal);
    if (asked === undefined) send(healthReply(request, source.stats));
    else asked.then(send, (error: unknown) => send(plain(500, messageOf(error))));
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

function requestOf({
  method = 'GET',
  url = '/',
  headers,
}: IncomingMessage): HealthRequest | undefined {
  const parsed = URL.parse(url, 'http://cache');
  if (parsed === null) return undefined;
  const token = headers[controlTokenHeader];
  const shown = typeof token === 'string' ? token : undefined;
  return { method, url: parsed, accept: headers.accept ?? '', token: shown };
}

/** One line of text. */
export function plain(status: number, line: string): HealthReply {
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
      return { status: 200, type: 'application/json', body: `${JSON.stringify(stats())}\n` };
    default:
      return plain(404, 'not found');
  }
}
