// Carries requests to an API server over HTTPS (or HTTP, for a local proxy) on connections that are kept.

import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ApiRequest, ApiResponse, ApiTransport } from '@tweendeck/kube';
import { onAbort, PlatformError, systemErrorCode } from '@tweendeck/std';

/** How to reach an API server and who to be there. Certificates and keys are PEM. */
export interface Connection {
  /** Such as `https://127.0.0.1:6443`; a path is put before every request's own. */
  readonly server: string;
  /** Certificates of the authorities that may vouch for the server; omitted: those of Node. */
  readonly ca?: string | undefined;
  readonly clientCertificate?: string | undefined;
  readonly clientKey?: string | undefined;
  /** Bearer token; a function is asked at every request, for tokens that are renewed. */
  readonly token?: string | (() => string) | undefined;
  /** Name that the server's certificate must carry, when it is not the host of `server`. */
  readonly serverName?: string | undefined;
  /** Trusts any server: only where the user asked for it. */
  readonly skipServerVerification?: boolean | undefined;
}

const ordinaryConnectionsMax = 32;
const idleConnectionMs = 30_000;
const keepAliveProbeMs = 15_000;

/** Opens connections as needed; dispose to close them. Failures to get an answer are CLIENT_UNREACHABLE. */
export function httpsTransport(connection: Connection): ApiTransport & Disposable {
  const server = new URL(connection.server);
  const ordinary = agentOf(server, connection, ordinaryConnectionsMax);
  // Watches and followed logs hold a connection each for minutes; they must not starve the others.
  const streaming = agentOf(server, connection, Number.POSITIVE_INFINITY);
  return {
    request(request, signal) {
      const agent = /[?&](watch|follow)=(true|1)/.test(request.path) ? streaming : ordinary;
      return send({ server, connection, agent }, request, signal);
    },
    [Symbol.dispose]() {
      ordinary.destroy();
      streaming.destroy();
    },
  };
}

function agentOf(server: URL, connection: Connection, maxSockets: number): HttpAgent {
  const common = {
    keepAlive: true,
    keepAliveMsecs: keepAliveProbeMs,
    maxSockets,
    maxFreeSockets: 8,
    timeout: idleConnectionMs,
  };
  if (server.protocol === 'http:') return new HttpAgent(common);
  return new HttpsAgent({
    ...common,
    ...(connection.ca === undefined ? {} : { ca: connection.ca }),
    ...(connection.clientCertificate === undefined ? {} : { cert: connection.clientCertificate }),
    ...(connection.clientKey === undefined ? {} : { key: connection.clientKey }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    rejectUnauthorized: connection.skipServerVerification !== true,
  });
}

interface Route {
  readonly server: URL;
  readonly connection: Connection;
  readonly agent: HttpAgent;
}

function send(route: Route, request: ApiRequest, signal: AbortSignal): Promise<ApiResponse> {
  const { server, connection } = route;
  const token = typeof connection.token === 'function' ? connection.token() : connection.token;
  const headers: Record<string, string> = { ...request.headers };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (request.body) headers['content-length'] = String(request.body.length);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const make = server.protocol === 'http:' ? httpRequest : httpsRequest;
    const outgoing = make(new URL(server.pathname.replace(/\/$/, '') + request.path, server), {
      method: request.method,
      headers,
      agent: route.agent,
    });
    const link = onAbort(signal, () => outgoing.destroy());
    outgoing.once('close', () => link[Symbol.dispose]());
    outgoing.on('error', (cause) => {
      reject(signal.aborted ? signal.reason : unreachable(server, request, cause));
    });
    outgoing.once('response', (incoming) => {
      resolve({
        status: incoming.statusCode ?? 0,
        headers: headersOf(incoming),
        body: bodyOf(incoming, outgoing, (cause) =>
          signal.aborted ? signal.reason : unreachable(server, request, cause),
        ),
      });
    });
    outgoing.end(request.body);
  });
}

function headersOf(incoming: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

async function* bodyOf(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  failure: (cause: unknown) => unknown,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of incoming) {
      // No encoding is set on the message, so it gives buffers.
      yield piece as Uint8Array;
    }
  } catch (cause) {
    throw failure(cause);
  } finally {
    if (!incoming.complete) outgoing.destroy();
  }
}

function unreachable(server: URL, request: ApiRequest, cause: unknown): PlatformError {
  const code = systemErrorCode(cause);
  const [path] = request.path.split('?');
  return new PlatformError(
    'CLIENT_UNREACHABLE',
    `no answer from ${server.origin} to ${request.method} ${path}`,
    {
      cause,
      hint:
        code !== undefined && /CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(code)
          ? 'The server is there but its certificate is not trusted; check the certificate authority in the kubeconfig.'
          : 'Check that the API server runs and listens at this address.',
    },
  );
}
