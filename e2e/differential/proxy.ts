// The door for clients: an HTTPS server on loopback that answers each request as the reference does, after both servers were asked.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ensureCertificates, kubeconfigText } from '@tweendeck/apiserver';
import { clockOf, randomOf } from '@tweendeck/std';
import type { Difference } from './answers.ts';
import { headOf } from './endpoint.ts';
import type { Pair } from './pair.ts';
import type { Sent } from './translation.ts';

const host = '127.0.0.1';

/** What one command sent, and where the servers differed. */
export interface Recording {
  readonly requests: readonly Sent[];
  readonly differences: readonly Difference[];
}

export class ComparingProxy implements AsyncDisposable {
  /** The path of one that leads here. */
  readonly kubeconfig: string;
  readonly #server: Server;
  readonly #pair: Pair;
  readonly #active = new Set<Promise<void>>();
  #requests: Sent[] = [];
  #differences: Difference[] = [];
  #failures: unknown[] = [];

  private constructor(pair: Pair, server: Server, kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    this.#pair = pair;
    this.#server = server;
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#start(this.#serve(incoming, outgoing));
    });
    server.on('upgrade', (incoming: IncomingMessage, socket) => {
      socket.on('error', () => undefined); // the client may leave first
      this.#start(
        this.#exchange(incoming, Buffer.alloc(0)).then((text) => {
          socket.end(text);
        }),
      );
    });
  }

  /** `directory` gets its certificates and a `kubeconfig` for clients. */
  static async open(pair: Pair, directory: string): Promise<ComparingProxy> {
    const certificates = await ensureCertificates(
      directory,
      { clock: clockOf(globalThis), random: randomOf(globalThis.crypto), hosts: [host] },
      new AbortController().signal,
    );
    const server = createServer({
      cert: certificates.servingCertificate,
      key: certificates.servingKey,
      keepAliveTimeout: 90_000,
    });
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // a listening TCP server has an address of this form
    const kubeconfig = join(directory, 'kubeconfig');
    const text = kubeconfigText(certificates, { server: `https://${host}:${port}` });
    await writeFile(kubeconfig, text, { mode: 0o600 });
    return new ComparingProxy(pair, server, kubeconfig);
  }

  /** What was asked since the last call, when all of it is answered. */
  async take(): Promise<Recording> {
    await Promise.all(this.#active);
    return this.takeAnswered();
  }

  /** What was asked and compared since the last call; what is under way comes later. */
  takeAnswered(): Recording {
    const recording = { requests: this.#requests, differences: this.#differences };
    const failures = this.#failures;
    this.#requests = [];
    this.#differences = [];
    this.#failures = [];
    if (failures.length > 0)
      throw new AggregateError(failures, 'a request could not be sent to both');
    return recording;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.all(this.#active);
  }

  #start(serving: Promise<void>): void {
    const running: Promise<void> = serving
      .catch((error: unknown) => void this.#failures.push(error))
      .finally(() => this.#active.delete(running));
    this.#active.add(running);
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer); // without an encoding a message gives buffers
    const sent = sentBy(incoming, Buffer.concat(chunks));
    this.#requests.push(sent);
    if (isEndless(sent)) return this.#stream(sent, outgoing);
    const gone = new AbortController();
    const { reference, differences } = await this.#pair.exchange(sent, gone.signal);
    this.#differences.push(...differences);
    outgoing.writeHead(reference.status, passed(reference.headers));
    outgoing.end(reference.body);
  }

  async #stream(sent: Sent, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const { differences } = await this.#pair.stream(
      sent,
      {
        onHead: ({ status, headers }) => {
          outgoing.writeHead(status, passed(headers));
          outgoing.flushHeaders();
        },
        onChunk: (chunk) => void outgoing.write(chunk),
      },
      gone.signal,
    );
    this.#differences.push(...differences);
    outgoing.end();
  }

  /** A request to speak another protocol: only whether that is granted is compared. The client is always refused. */
  async #exchange(incoming: IncomingMessage, body: Buffer): Promise<string> {
    const sent = sentBy(incoming, body);
    this.#requests.push(sent);
    const { reference, differences } = await this.#pair.exchange(
      sent,
      new AbortController().signal,
    );
    this.#differences.push(...differences);
    const status = reference.status === 101 ? 501 : reference.status;
    const type = reference.headers['content-type'] ?? 'text/plain';
    const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: ${type}\r\ncontent-length: ${reference.body.byteLength}\r\nconnection: close\r\n\r\n`;
    return head + reference.body.toString();
  }
}

function sentBy(incoming: IncomingMessage, body: Buffer): Sent {
  const { headers } = headOf(incoming);
  return { method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers, body };
}

/** Whether the answer may not end by itself. */
export function isEndless({ method, path }: Sent): boolean {
  const parameters = new URLSearchParams(path.split('?', 2)[1] ?? '');
  const isTrue = (name: string): boolean => ['true', '1'].includes(parameters.get(name) ?? '');
  return method === 'GET' && (isTrue('watch') || isTrue('follow'));
}

/** Headers of an answer that its body, sent anew, still bears out. */
function passed(headers: Readonly<Record<string, string>>): Record<string, string> {
  const own = /^(connection|keep-alive|transfer-encoding|content-length)$/;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.test(name)));
}
