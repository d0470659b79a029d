// One of the two servers as requests reach it: an address, an authority and the administrator's credentials.

import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { dirname, join } from 'node:path';
import { parseKubeconfig } from '@tweendeck/client';
import type { Sent } from './translation.ts';

export interface Answer {
  readonly status: number;
  /** Names in lower case; several of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An idle connection is closed by us before a server closes it under our next request. */
const idleMs = 15_000;

export class Endpoint implements Disposable {
  readonly kubeconfig: string;
  readonly #server: URL;
  readonly #agent: Agent;
  readonly #credentials: Readonly<Record<string, string>>;

  /** Reads the kubeconfig at once. */
  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    const connection = parseKubeconfig(readFileSync(kubeconfig, 'utf8'), {
      readFile: (path) => readFileSync(join(dirname(kubeconfig), path), 'utf8'),
    });
    this.#server = new URL(connection.server);
    this.#agent = new Agent({
      keepAlive: true,
      timeout: idleMs,
      rejectUnauthorized: !connection.skipServerVerification,
      ...(connection.ca === undefined ? {} : { ca: connection.ca }),
      ...(connection.clientCertificate === undefined ? {} : { cert: connection.clientCertificate }),
      ...(connection.clientKey === undefined ? {} : { key: connection.clientKey }),
    });
    this.#credentials =
      connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` };
  }

  /** Sends a request; the answer's body is still to be read. A refused upgrade is an answer like any other, an accepted one has status 101. */
  open(sent: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: this.#server.hostname,
        port: this.#server.port,
        path: sent.path,
        method: sent.method,
        agent: sent.headers['upgrade'] === undefined ? this.#agent : false,
        ...(sent.headers['upgrade'] === undefined ? {} : this.#tls()),
        signal,
        headers: {
          ...sent.headers,
          ...this.#credentials,
          ...(sent.body.byteLength > 0 ? { 'content-length': sent.body.byteLength } : {}),
        },
      });
      outgoing.on('response', resolve);
      outgoing.on('upgrade', (incoming, socket) => {
        socket.destroy(); // that it was accepted is all we compare
        resolve(incoming);
      });
      outgoing.on('error', reject);
      outgoing.end(sent.body);
    });
  }

  async ask(sent: Sent, signal: AbortSignal): Promise<Answer> {
    const incoming = await this.open(sent, signal);
    return { ...headOf(incoming), body: await bodyOf(incoming) };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #tls(): object {
    const { ca, cert, key, rejectUnauthorized } = this.#agent.options;
    return { ca, cert, key, rejectUnauthorized };
  }
}

/** Status and headers of an answer. */
export function headOf({ statusCode, headers }: IncomingMessage): Omit<Answer, 'body'> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) all[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: statusCode ?? 0, headers: all };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  if (incoming.statusCode === 101) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer); // without an encoding a message gives buffers
  return Buffer.concat(chunks);
}
