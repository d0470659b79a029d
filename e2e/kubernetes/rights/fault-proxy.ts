// Stands between a client and an API server, and holds or cuts the requests that a test picks. Speaks plain HTTP to the
// client, so that it can tell requests apart; whoever asks is passed on with its token.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Connection, parseKubeconfig } from '@tweendeck/client';

/** Decides over a request that came; what it waits for holds the request. */
type Fault = (method: string, path: string) => Verdict | Promise<Verdict>;

export type Verdict = 'pass' | 'lose the answer' | 'refuse';

export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly server: string;
  /** From now on; `pass` lets everything through. */
  fault: Fault;
  /** Ends every connection that is open, as a server does that falls. */
  cut(): void;
}

/** Passes requests on to the server of this kubeconfig, with its token. */
export async function openFaultProxy(kubeconfig: string): Promise<FaultProxy> {
  const connection = parseKubeconfig(kubeconfig, { readFile: () => '' }); // all is embedded
  const agent = new Agent({ keepAlive: true, ...(connection.ca ? { ca: connection.ca } : {}) });
  const proxy = { fault: (() => 'pass') as Fault };
  const server = createServer((incoming, outgoing) => {
    const exchange = { incoming, outgoing, connection, agent };
    Promise.resolve(proxy.fault(incoming.method ?? '', incoming.url ?? ''))
      .then((verdict) => {
        if (verdict === 'refuse') outgoing.destroy();
        else passOn(exchange, verdict === 'lose the answer');
      })
      .catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return Object.assign(proxy, {
    server: `http://127.0.0.1:${port}`,
    cut: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  });
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly connection: Connection;
  readonly agent: Agent;
}

function passOn({ incoming, outgoing, connection, agent }: Exchange, loseAnswer: boolean): void {
  const { host: _, ...headers } = incoming.headers;
  const { method, url = '/' } = incoming;
  const token = typeof connection.token === 'function' ? connection.token() : connection.token;
  const onward = httpsRequest(new URL(url, connection.server), {
    ...{ agent, headers: { ...headers, authorization: `Bearer ${token ?? ''}` } },
    ...(method ? { method } : {}),
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  onward.on('response', (answer) => {
    if (loseAnswer) {
      answer.on('end', () => outgoing.destroy()).resume();
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  incoming.pipe(onward);
}
