// HTTPS before the server: takes requests off sockets, knows callers by their certificates, streams answers.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ApiError, type ApiRequest } from '@tweendeck/kube';
import { assert, type Clock, type Logger, onAbort } from '@tweendeck/std';
import type { Caller } from './access/authenticator.ts';
import type { ApiServer, UnreadRequest } from './api-server.ts';
import { compressed } from './compression.ts';
import { badRequest, headersTooLarge } from './failures.ts';
import { bodyReader, hasBody, isAnnouncedTooLarge, linger } from './guards/request-body.ts';
import { send } from './guards/sending.ts';
import type { ServingCertificates } from './pki/certificates.ts';
import { isStreamUpgrade, serveUpgrade } from './streams/upgrade-front.ts';
import type { OfferedUpgrade } from './streams/websocket.ts';

export interface HttpsOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly certificates: ServingCertificates;
  readonly clock: Pick<Clock, 'timer'>;
  readonly log: Logger;
}

export interface HttpsFront extends AsyncDisposable {
  /** `https://host:port`. */
  readonly address: string;
  readonly port: number;
}

const methods: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** A client has this long for its part of the handshake, and as long for its headers. */
const slowMs = 10_000;
/** A reader who takes nothing for so long while something waits for him is cut off. */
const stallMs = 30_000;
/** Request line and headers; beyond it 431. */
const headerBytesMax = 256 * 1024;
/** Beyond it new connections are closed; idle ones are closed before. */
const connectionsMax = 16_384;
const crowdedConnections = 12_288;

/** What is under way when the front is disposed gets this long; then its connections are cut, whoever holds them. */
const lastWordsMs = 1_000;

/** Listens until disposed; disposing ends watches and followed logs at once, and takes a second at most. Fails with the system's error (`EADDRINUSE`, ...). */
export async function listenHttps(
  server: ApiServer,
  options: HttpsOptions,
  signal: AbortSignal,
): Promise<HttpsFront> {
  signal.throwIfAborted();
  const { host, port, certificates } = options;
  const listener = createServer({
    ca: certificates.authority,
    cert: certificates.servingCertificate,
    key: certificates.servingKey,
    requestCert: true,
    rejectUnauthorized: false, // who has none is anonymous, and may ask for health and version
    minVersion: 'TLSv1.2',
    keepAliveTimeout: 90_000, // longer than Go's clients keep idle connections
    handshakeTimeout: slowMs,
    headersTimeout: slowMs,
    requestTimeout: 60_000, // until the body is there; what comes after has timeouts of its own
    connectionsCheckingInterval: 2_000,
    maxHeaderSize: headerBytesMax,
    shouldUpgradeCallback: isStreamUpgrade,
  });
  listener.maxConnections = connectionsMax;
  listener.listen({ host, port });
  await once(listener, 'listening', { signal });
  return new Front(server, listener, options);
}

class Front implements HttpsFront {
  readonly port: number;
  readonly address: string;
  readonly #server: ApiServer;
  readonly #listener: Server;
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #log: Logger;
  /** With those that have not said yet that they speak TLS: the listener itself does not count them as connections. */
  readonly #sockets = new Set<Socket>();
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #closing = new AbortController();
  readonly #active = new Set<Promise<void>>();

  constructor(server: ApiServer, listener: Server, { host, clock, log }: HttpsOptions) {
    const bound = listener.address();
    assert(typeof bound === 'object' && bound !== null, 'a TCP listener has an address');
    this.port = bound.port;
    this.address = `https://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
    this.#server = server;
    this.#listener = listener;
    this.#clock = clock;
    this.#log = log;
    listener.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#sockets.size > crowdedConnections) listener.closeIdleConnections();
    });
    listener.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      if (!isAnnouncedTooLarge(incoming)) outgoing.writeContinue();
      this.#start(incoming, outgoing);
    });
    listener.on('clientError', refuseUnread);
    listener.on('request', (incoming, outgoing) => this.#start(incoming, outgoing));
    listener.on('upgrade', (incoming, socket, head) =>
      this.#startUpgrade({ incoming, socket, head }),
    );
    listener.on('tlsClientError', (error) => log.debug('a TLS connection failed', { error }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#closing.abort();
    await this.#lastWords();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Waits for the requests that are under way, but not for those that hang. */
  async #lastWords(): Promise<void> {
    const late = Promise.withResolvers<void>();
    using _patience = this.#clock.timer(lastWordsMs, () => late.resolve());
    await Promise.race([Promise.all(this.#active), late.promise]);
  }

  #start(incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.on('error', (error) => this.#log.debug('an answer did not get out', { error }));
    this.#track(this.#serve(incoming, outgoing), outgoing);
  }

  #startUpgrade(offered: OfferedUpgrade): void {
    const { incoming, socket } = offered;
    const { caller, gone } = this.#connectionOf(incoming);
    const request = requestOf(incoming);
    this.#track(serveUpgrade(this.#server, { ...offered, request, caller }, gone), socket);
  }

  #track(work: Promise<void>, end: ServerResponse | Duplex): void {
    const running: Promise<void> = work
      .catch((error: unknown) => {
        if (!end.destroyed) this.#log.debug('a request broke off', { error });
        end.destroy();
      })
      .finally(() => this.#active.delete(running));
    this.#active.add(running);
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { caller, gone } = this.#connectionOf(incoming);
    const request = requestOf(incoming);
    const response = compressed(request, await this.#server.serve(request, caller, gone));
    const sending = {
      outgoing,
      headOnly: incoming.method === 'HEAD',
      clock: this.#clock,
      stallMs,
      onCut: () => this.#server.guards.metrics.refused('slow-reader'),
    };
    const unread = response.headers['connection'] === 'close' && !incoming.complete;
    const beforeEnd = (): Promise<void> => linger(incoming, this.#clock);
    await send(response, unread ? { ...sending, beforeEnd } : sending, gone);
  }

  /** Looked at once per connection: reading a certificate takes longer than deciding about a request. */
  #connectionOf({ socket }: IncomingMessage): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const gone = new AbortController();
    const link = onAbort(this.#closing.signal, (reason) => gone.abort(reason));
    socket.once('close', () => {
      link[Symbol.dispose]();
      gone.abort(new Error('the client closed the connection'));
    });
    const caller: Caller = socket instanceof TLSSocket ? callerOf(socket) : { type: 'nobody' };
    const connection = { caller: { ...caller, address: socket.remoteAddress }, gone: gone.signal };
    this.#connections.set(socket, connection);
    return connection;
  }
}

/** What cannot be read as a request is answered, if it can be, and its connection closed. */
function refuseUnread(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [line, failure] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', headersTooLarge()]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', new ApiError(408, 'Timeout', 'the request took too long to come')]
        : ['400 Bad Request', badRequest('the request is not valid HTTP')];
  const body = `${JSON.stringify(failure.toStatus())}\n`;
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`;
  socket.end(`HTTP/1.1 ${line}\r\nconnection: close\r\n${headers}\r\n\r\n${body}`);
}

/** What all requests of a connection share: HTTP/1.1 has one of them under way at a time. */
interface Connection {
  readonly caller: Caller;
  /** Aborts when the client has gone, or the front closes. */
  readonly gone: AbortSignal;
}

function requestOf(incoming: IncomingMessage): UnreadRequest {
  return {
    method: methodOf(incoming),
    path: incoming.url ?? '/',
    headers: headersOf(incoming),
    ...(hasBody(incoming) ? { readBody: bodyReader(incoming) } : {}),
  };
}

function methodOf({ method = 'GET' }: IncomingMessage): ApiRequest['method'] {
  // What is not one of ours cannot do anything: OPTIONS is answered as a read.
  return methods.includes(method) ? (method as ApiRequest['method']) : 'OPTIONS';
}

/** By the certificate shown: its common name is the user's, its organizations are his groups. After apiserver's CommonNameUserConversion. */
function callerOf(socket: TLSSocket): Caller {
  const certificate = socket.getPeerCertificate();
  if (!certificate.subject) return { type: 'nobody' };
  if (!socket.authorized) return { type: 'bad-certificate' };
  const organizations: string | readonly string[] | undefined = certificate.subject.O;
  const groups = typeof organizations === 'string' ? [organizations] : (organizations ?? []);
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    type: 'certificate',
    user: {
      name: String(certificate.subject.CN),
      groups: [...groups, 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
    },
  };
}

/** Whom to act as may be said in several headers of one name, with any sign in them: they are joined by line ends. */
function headersOf(incoming: IncomingMessage): Readonly<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value === undefined) continue;
    if (name.startsWith('impersonate-')) {
      all[name] = incoming.headersDistinct[name]?.join('\n') ?? '';
    } else all[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return all;
}
