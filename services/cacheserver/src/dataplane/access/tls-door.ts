// The TLS side of a listener: turns accepted sockets into secured ones.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { PlatformError } from '@tweendeck/std';
import type { TlsPolicy } from './policy.ts';

/**
 * Makes the handshakes of one policy. A reload makes a new one: handshakes that are under way end with the certificate
 * they began with, and no session of before is resumed.
 */
export class TlsDoor {
  readonly #server: Server;
  /** Handshakes by their addresses and ports, which no two sockets share. */
  readonly #waiting = new Map<string, (socket: TLSSocket) => void>();

  /** Throws CACHE_TLS_UNUSABLE for certificates and keys that cannot be used. */
  constructor(policy: TlsPolicy, handshakeTimeoutMs: number) {
    const { certificate, key, clientCa, minVersion, clientCertificates } = policy;
    const asked = clientCa !== undefined;
    try {
      this.#server = createServer({
        cert: certificate,
        key,
        minVersion,
        handshakeTimeout: handshakeTimeoutMs,
        ...(asked ? { ca: clientCa } : {}),
        requestCert: asked,
        rejectUnauthorized: asked && clientCertificates === 'required',
      });
    } catch (cause) {
      throw new PlatformError(
        'CACHE_TLS_UNUSABLE',
        'the certificate, its key or the CA of clients',
        {
          hint: 'Look that the files are PEM, belong together and are not encrypted.',
          cause,
        },
      );
    }
    this.#server.on('secureConnection', (socket) => {
      const key = socketKey(socket);
      const done = this.#waiting.get(key);
      this.#waiting.delete(key);
      socket.allowHalfOpen = true;
      if (done === undefined)
        socket.destroy(); // it was closed meanwhile
      else done(socket);
    });
    this.#server.on('tlsClientError', () => undefined); // its raw socket is closed, which its gate sees
  }

  /** Starts the handshake on a socket that nobody reads; `done` is not called when it fails, which ends the socket. */
  enter(socket: Socket, done: (secured: TLSSocket) => void): Disposable {
    const key = socketKey(socket);
    this.#waiting.set(key, done);
    socket.allowHalfOpen = false; // whoever ends its side in the handshake is gone; behind it answers are still sent
    this.#server.emit('connection', socket);
    return { [Symbol.dispose]: () => void this.#waiting.delete(key) };
  }
}

function socketKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}

/** The common name and the DNS names of a client's certificate; none when nobody vouches for it. */
export function certificateNames(socket: TLSSocket): readonly string[] {
  if (!socket.authorized) return [];
  const { subject, subjectaltname } = socket.getPeerCertificate();
  const common: unknown = subject?.CN; // a list when there are several
  const names = (Array.isArray(common) ? common : [common]).filter(
    (name): name is string => typeof name === 'string',
  );
  const others = (subjectaltname ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
  return [...names, ...others.map((name) => name.slice(4))];
}
