// Addresses, and binding to them.

import type { Server } from 'node:net';
import { PlatformError } from '@tweendeck/std';

/** An address to listen on. Port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Several processes may listen on the same address; the kernel spreads connections over them. */
  readonly reusePort?: boolean;
}

/** Binds a server; resolves with its port. */
export function listenOn(server: Server, address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      reject(
        new PlatformError('CACHE_LISTEN_FAILED', `listening on ${addressText(address)}`, {
          hint: 'Choose another address or port, or stop the program that holds it.',
          cause,
        }),
      );
    };
    server.once('error', failed);
    const { host, port, reusePort = false } = address;
    server.listen({ host, port, reusePort }, () => {
      server.off('error', failed);
      server.on('error', () => undefined); // a failed accept (no descriptors left): the listener goes on
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

/** `host:port`, with brackets where they are needed. */
export function addressText({ host, port }: Pick<ListenAddress, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
