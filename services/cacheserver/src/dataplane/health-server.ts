// The side door for machines: liveness, readiness, figures as text exposition and as JSON.

import { createServer } from 'node:http';
import { type ListenAddress, listenOn } from './listen.ts';
import { metricsText } from './metrics-text.ts';
import type { CacheServerStats } from './server-stats.ts';

export interface HealthServer extends AsyncDisposable {
  readonly address: ListenAddress;
}

/** Serves GET `/livez`, `/readyz` (503 once it stops), `/metrics` and `/stats`. */
export async function startHealthServer(
  address: ListenAddress,
  stats: () => CacheServerStats,
): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const { status, type, body } = healthReply(request.url ?? '/', stats);
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const port = await listenOn(server, address);
  return {
    address: { ...address, port },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface HealthReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What a path answers. */
export function healthReply(url: string, stats: () => CacheServerStats): HealthReply {
  switch (url.split('?', 1)[0] ?? '') {
    case '/livez':
      return { status: 200, type: 'text/plain', body: 'ok\n' };
    case '/readyz': {
      const { state } = stats();
      return state === 'serving'
        ? { status: 200, type: 'text/plain', body: 'ok\n' }
        : { status: 503, type: 'text/plain', body: `${state}\n` };
    }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: metricsText(stats()) };
    case '/stats':
      return { status: 200, type: 'application/json', body: `${JSON.stringify(stats())}\n` };
    default:
      return { status: 404, type: 'text/plain', body: 'not found\n' };
  }
}
