// The side doors of the controllers over HTTP.

import { createServer, type Server } from 'node:http';
import { PlatformError } from '@tweendeck/std';
import { usage } from '../command-line.ts';
import { type StatusRoute, statusReply } from './status-reply.ts';

/** Where to listen; without a host on all addresses. */
export interface BindAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`; `0` is nowhere. Throws CLI_USAGE. */
export function parseBindAddress(option: string, text: string): BindAddress | undefined {
  if (text === '0') return undefined;
  const [, host = '', digits = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (digits === '' || port > 65_535 || (bare === host && host.includes(':')))
    throw usage(`--${option} takes HOST:PORT, :PORT or 0, not "${text}"`);
  return { host: bare === '' ? undefined : bare, port };
}

export interface StatusServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves the routes until disposed. Throws CLUSTER_LISTEN_FAILED. */
export async function startStatusServer(
  address: BindAddress,
  routes: readonly StatusRoute[],
): Promise<StatusServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const { method = '', url = '/', headers } = request;
    const reply = statusReply(routes, { method, url, accept: headers.accept });
    response.writeHead(reply.status, { 'content-type': reply.type, 'cache-control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : reply.body);
  });
  return {
    port: await listening(server, address),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { host, port }: BindAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const place = `${host ?? ''}:${port}`;
      reject(
        new PlatformError('CLUSTER_LISTEN_FAILED', `listening on ${place}`, {
          cause,
          hint: 'Choose another address or port, 0 for none, or stop the program that holds it.',
        }),
      );
    };
    server.once('error', failed);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', failed);
      server.on('error', () => undefined); // a failed accept (no descriptors left): the listener goes on
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}
