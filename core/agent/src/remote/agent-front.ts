// The door of an agent in a process of its own: the API server comes here for logs and for streams of containers, as to a
// kubelet. HTTPS; who comes has to show a certificate of the home's authority for a member of system:masters.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ApiError, type Pod } from '@tweendeck/kube';
import { BoundedQueue, type Logger, linkedAbort, messageOf } from '@tweendeck/std';
import type { RemoteExit, RemoteStreams } from '../container-exec.ts';
import type { TerminalSize } from '../container-terminal.ts';
import type { PodLogOptions } from '../pod-logs.ts';
import { endData, frameChannels, framesProtocol, readFrames, writeFrame } from './frames.ts';
import type { PodAccess } from './pod-access.ts';

export interface AgentFrontOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM: the home's authority, and what the agent shows. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly log: Logger;
}

/** What is asked for comes when it is there: an agent has to know its port before it starts. */
export interface AgentFront extends AsyncDisposable {
  readonly port: number;
  /** From now on requests are answered. */
  serve(access: PodAccess, pods: PodLookup): void;
}

type PodLookup = (namespace: string, name: string) => Pod | undefined;

const connectionsMax = 1_024;

export async function openAgentFront(
  options: AgentFrontOptions,
  signal: AbortSignal,
): Promise<AgentFront> {
  const { host, port, authority, certificate, key } = options;
  const listener = createServer({
    ca: authority,
    cert: certificate,
    key,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    headersTimeout: 10_000,
  });
  listener.maxConnections = connectionsMax;
  listener.listen({ host, port });
  await once(listener, 'listening', { signal });
  return new Front(listener, options.log);
}

class Front implements AgentFront {
  readonly port: number;
  readonly #listener: Server;
  readonly #log: Logger;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();
  #served: { readonly access: PodAccess; readonly pods: PodLookup } | undefined;

  constructor(listener: Server, log: Logger) {
    const bound = listener.address();
    this.port = typeof bound === 'object' && bound ? bound.port : 0;
    this.#listener = listener;
    this.#log = log;
    listener.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined); // a close follows
    });
    listener.on('request', (incoming, outgoing) => void this.#answer(incoming, outgoing));
    listener.on('upgrade', (incoming, socket, head) => void this.#stream(incoming, socket, head));
    listener.on('tlsClientError', (error) => log.debug('a TLS connection failed', { error }));
  }

  serve(access: PodAccess, pods: PodLookup): void {
    this.#served = { access, pods };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    using gone = linkedAbort(this.#closing.signal);
    outgoing.once('close', () => gone.abort());
    try {
      refuseStranger(incoming);
      const url = urlOf(incoming);
      if (url.pathname === '/healthz') {
        outgoing.end('ok');
        return;
      }
      const { access, pod, container } = this.#find(url, 'containerLogs');
      const options = logOptionsOf(url.searchParams, container);
      const lines = await access.logs(pod, options, gone.signal);
      outgoing.writeHead(200, { 'content-type': 'text/plain' });
      outgoing.flushHeaders();
      for await (const chunk of lines) {
        if (!outgoing.write(chunk)) await once(outgoing, 'drain', { signal: gone.signal });
      }
      outgoing.end();
    } catch (error) {
      if (gone.signal.aborted || outgoing.headersSent) outgoing.destroy();
      else refuse(outgoing, error);
    }
  }

  async #stream(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined); // a close follows
    using gone = linkedAbort(this.#closing.signal);
    socket.once('close', () => gone.abort(new Error('the client is gone')));
    if (head.length > 0) socket.unshift(head);
    const upgraded = `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${framesProtocol}\r\n\r\n`;
    socket.write(upgraded);
    let end: RemoteExit | { readonly error: unknown };
    try {
      refuseStranger(incoming);
      end = await this.#run(urlOf(incoming), socket, gone.signal);
    } catch (error) {
      this.#log.debug('a session failed', { error });
      end = { error };
    }
    await writeFrame(socket, frameChannels.end, endData(end)).catch(() => undefined);
    socket.end();
  }

  async #run(url: URL, socket: Duplex, signal: AbortSignal): Promise<RemoteExit> {
    const kind = url.pathname.startsWith('/attach/') ? 'attach' : 'exec';
    const { access, pod, container } = this.#find(url, kind);
    const query = url.searchParams;
    const target = { container, tty: query.get('tty') === 'true' };
    const wanted = query.get('stdin') === 'true';
    const streams = streamsOf(socket, { wantsInput: wanted });
    if (kind === 'attach') return access.attach(pod, target, streams, signal);
    return access.exec(pod, { ...target, command: query.getAll('command') }, streams, signal);
  }

  /** @throws ApiError NotFound, ServiceUnavailable. */
  #find(url: URL, kind: string): { access: PodAccess; pod: Pod; container: string } {
    const [, first, namespace = '', name = '', container = '', ...more] = url.pathname
      .split('/')
      .map(decodeURIComponent);
    if (first !== kind || container === '' || more.length > 0) {
      throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    }
    if (!this.#served) {
      throw new ApiError(503, 'ServiceUnavailable', 'the agent is starting', {
        retryAfterSeconds: 1,
      });
    }
    const pod = this.#served.pods(namespace, name);
    const uid = url.searchParams.get('uid');
    if (!pod || (uid && pod.metadata.uid !== uid)) {
      throw new ApiError(404, 'NotFound', `pod "${namespace}_${name}" does not exist`);
    }
    return { access: this.#served.access, pod, container };
  }
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  return new URL(url, 'https://agent');
}

/** The listener has seen to it that the certificate is the home's; its other holders are nodes. @throws ApiError Forbidden. */
function refuseStranger({ socket }: IncomingMessage): void {
  const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined;
  const groups: string | readonly string[] | undefined = subject?.O;
  const all = typeof groups === 'string' ? [groups] : (groups ?? []);
  if (all.includes('system:masters')) return;
  throw new ApiError(403, 'Forbidden', `user "${subject?.CN ?? ''}" cannot reach this agent`);
}

function refuse(outgoing: ServerResponse, error: unknown): void {
  const failure =
    error instanceof ApiError ? error : new ApiError(500, 'InternalError', messageOf(error));
  outgoing.writeHead(failure.code, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify(failure.toStatus()));
}

function logOptionsOf(query: URLSearchParams, container: string): PodLogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    return text === null ? undefined : Number(text);
  };
  return {
    container,
    follow: query.get('follow') === 'true',
    previous: query.get('previous') === 'true',
    timestamps: query.get('timestamps') === 'true',
    tailLines: number('tailLines'),
    sinceSeconds: number('sinceSeconds'),
    sinceTime: query.get('sinceTime') ?? undefined,
    limitBytes: number('limitBytes'),
  };
}

/** Input that nobody reads stays with its sender; sizes are passed on as they come. */
function streamsOf(
  socket: Duplex,
  { wantsInput }: { readonly wantsInput: boolean },
): RemoteStreams {
  const sizes = new BoundedQueue<TerminalSize>({ lengthMax: 8, whenFull: 'drop-oldest' });
  const input = new TransformStream<Uint8Array, Uint8Array>();
  const writer = input.writable.getWriter();
  void (async () => {
    try {
      for await (const { channel, data } of readFrames(socket)) {
        if (channel === frameChannels.size) sizes.push(JSON.parse(data.toString()));
        else if (channel !== frameChannels.stdin || !wantsInput) continue;
        else if (data.length === 0) await writer.close();
        else await writer.write(Uint8Array.from(data));
      }
    } catch {
      // The client is gone: whoever reads its input learns of that by the signal.
    }
    sizes.close();
    await writer.close().catch(() => undefined);
  })();
  const { stdout, stderr } = frameChannels;
  return {
    stdin: wantsInput ? input.readable : undefined,
    stdout: (chunk) => writeFrame(socket, stdout, chunk),
    stderr: (chunk) => writeFrame(socket, stderr, chunk),
    sizes,
  };
}
