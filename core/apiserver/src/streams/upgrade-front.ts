// Requests that Node has taken off HTTP, because they ask for WebSockets: answered as all others are, then upgraded.

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiRequest, ApiResponse } from '@tweendeck/kube';
import type { Caller } from '../access/authenticator.ts';
import { upgradeOf, wantsWebSocket } from './upgrade.ts';
import { acceptWebSocket, type OfferedUpgrade } from './websocket.ts';

/** Whoever answers requests. */
interface RequestServer {
  serve(request: ApiRequest, caller: Caller, signal: AbortSignal): Promise<ApiResponse>;
}

export interface UpgradeRequest extends OfferedUpgrade {
  readonly request: ApiRequest;
  readonly caller: Caller;
}

/** Whether Node shall leave a request's connection to {@link serveUpgrade}. What other requests would like to change to is passed over, as HTTP allows. */
export function isStreamUpgrade({ headers, url = '' }: IncomingMessage): boolean {
  return wantsWebSocket(headers) && /^\/api\/[^?]*\/(?:exec|attach)\/?(?:\?|$)/.test(url);
}

/** Answers, and sees the connection through to its end if it is upgraded. */
export async function serveUpgrade(
  server: RequestServer,
  { request, caller, incoming, socket, head }: UpgradeRequest,
  signal: AbortSignal,
): Promise<void> {
  socket.on('error', () => undefined); // a close follows
  const response = await server.serve(request, caller, signal);
  const upgrade = upgradeOf(response);
  if (!upgrade) {
    await refuse(response, socket);
    return;
  }
  try {
    const messages = await acceptWebSocket({ incoming, socket, head }, upgrade.protocol);
    if (messages) await upgrade.run(messages, signal);
  } finally {
    for await (const _ of response.body); // whoever follows the answer learns that it is over
  }
}

/** The answer in full, by hand; then the connection is closed. */
async function refuse({ status, headers, body }: ApiResponse, socket: Duplex): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const lines = Object.entries({
    'cache-control': 'no-cache, private',
    ...headers,
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
  socket.end(Buffer.concat(chunks));
}
