// HTTPS before the server: takes requests off sockets, knows callers by their certificates, streams answers.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError, type ApiRequest, type ApiResponse, WholeBody } from '@tweendeck/kube';
import { assert, type Clock, type Logger, linkedAbort, onAbort } from '@tweendeck/std';
import type { Caller } from './access/authenticator.ts';
import type { ApiServer } from './api-server.ts';
import { bodyBytesMax } from './body.ts';
import { tooLarge } from './failures.ts';
import type { ServingCertificates } from './pki/certificates.ts';
import { failureResponse } from './response.ts';

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
    requestTimeout: 0, // watches have a timeout of their own
  });
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
    });
    listener.on('request', (incoming, outgoing) => this.#start(incoming, outgoing));
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
    const running: Promise<void> = this.#serve(incoming, outgoing)
      .catch((error: unknown) => {
        if (!outgoing.destroyed) this.#log.debug('a request broke off', { error });
        outgoing.destroy();
      })
      .finally(() => this.#active.delete(running));
    this.#active.add(running);
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { caller, gone } = this.#connectionOf(incoming);
    const body = hasBody(incoming) ? await bodyOf(incoming) : undefined;
    const response =
      body instanceof ApiError
        ? failureResponse(body, { connection: 'close' })
        : await this.#server.serve(requestOf(incoming, body), caller, gone);
    await send(response, { outgoing, headOnly: incoming.method === 'HEAD' }, gone);
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

/** What all requests of a connection share: HTTP/1.1 has one of them under way at a time. */
interface Connection {
  readonly caller: Caller;
  /** Aborts when the client has gone, or the front closes. */
  readonly gone: AbortSignal;
}

function requestOf(incoming: IncomingMessage, body: Uint8Array | undefined): ApiRequest {
  return {
    method: methodOf(incoming),
    path: incoming.url ?? '/',
    headers: headersOf(incoming),
    ...(body && body.byteLength > 0 ? { body } : {}),
  };
}

/** By its headers, as RFC 9112 section 6 has it. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
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

async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array | ApiError> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    // Without an encoding a request gives buffers.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > bodyBytesMax) return tooLarge(bodyBytesMax);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
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

interface Sending {
  readonly outgoing: ServerResponse;
  readonly headOnly: boolean;
}

async function send(
  response: ApiResponse,
  { outgoing, headOnly }: Sending,
  signal: AbortSignal,
): Promise<void> {
  if (outgoing.destroyed) return;
  outgoing.writeHead(response.status, {
    'cache-control': 'no-cache, private',
    ...response.headers,
  });
  if (headOnly) {
    outgoing.end();
    return;
  }
  const { body } = response;
  if (body instanceof WholeBody) {
    await ended(outgoing, body.bytes);
    return;
  }
  outgoing.flushHeaders(); // a watch has begun, even if nothing happens for an hour
  for await (const chunk of body) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await drained(outgoing, signal);
  }
  await ended(outgoing);
}

/** Ends the answer, with its last bytes, and waits until it is out, or the connection is gone. */
async function ended(outgoing: ServerResponse, bytes?: Uint8Array): Promise<void> {
  if (outgoing.destroyed) return; // then nothing is called back any more
  await new Promise<void>((resolve) => {
    outgoing.on('close', resolve); // comes after the end, too
    outgoing.end(bytes);
  });
}

/** Waits until the socket takes more; a client that is gone ends the wait too. */
async function drained(outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
  using wait = linkedAbort(signal); // whichever comes first, nobody listens for the other any more
  const options = { signal: wait.signal };
  await Promise.race([once(outgoing, 'drain', options), once(outgoing, 'close', options)]);
}
