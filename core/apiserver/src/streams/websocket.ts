// The one place that uses a WebSocket library: takes the upgrade of a connection, and shows it as messages.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { MessageSocket } from './upgrade.ts';

/** As upstream's server. */
const messageBytesMax = 32 * 1024 * 1024;

export interface OfferedUpgrade {
  readonly incoming: IncomingMessage;
  readonly socket: Duplex;
  /** What came right after the request. */
  readonly head: Buffer;
}

/** Completes the handshake. Undefined when the request was not a proper one: then it has been answered. */
export function acceptWebSocket(
  { incoming, socket, head }: OfferedUpgrade,
  protocol: string,
): Promise<MessageSocket | undefined> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
    handleProtocols: () => protocol || false,
  });
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(incoming, socket, head, (webSocket) => {
      webSocket.pause(); // until somebody listens
      resolve(messageSocket(webSocket));
    });
  });
}

function messageSocket(webSocket: WebSocket): MessageSocket {
  webSocket.on('error', () => undefined); // followed by a close, which is what counts
  return {
    listen({ message, gone }) {
      webSocket.on('message', (data) => message(bufferOf(data)));
      if (webSocket.readyState === webSocket.CLOSED) gone();
      else webSocket.once('close', gone);
      webSocket.resume();
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        webSocket.send(message, (error) => (error ? reject(error) : resolve()));
      }),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    ping: () => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
    },
    close(code, reason) {
      webSocket.resume(); // so that the other side's good-bye is read
      webSocket.close(code, reason);
    },
    terminate: () => webSocket.terminate(),
  };
}

/** Messages come whole, as buffers, unless one asks for something else. */
function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
