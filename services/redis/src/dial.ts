// The way to a redis-server: TCP, or TLS on it.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';

export interface DialAddress {
  readonly host: string;
  readonly port: number;
  /** Given: TLS is spoken, with whom this authority (PEM) vouches for by that name. */
  readonly tls?: { readonly authority: string; readonly serverName: string } | undefined;
}

/** A connection that is being made. */
export interface Dialled {
  readonly socket: Socket;
  /** Told once, when it can be used. */
  readonly openEvent: 'connect' | 'secureConnect';
  /** Leaves it at once: what is on its way and is lost is not sent again, as it would be for minutes. */
  reset(): void;
}

export function dial({ host, port, tls }: DialAddress): Dialled {
  const way = { host, port, noDelay: true, keepAlive: true };
  const below = connect(way);
  const reset = (): void => void below.resetAndDestroy();
  if (tls === undefined) return { socket: below, openEvent: 'connect', reset };
  const { authority, serverName } = tls;
  const socket = connectTls({ socket: below, ca: authority, servername: serverName });
  return { socket, openEvent: 'secureConnect', reset };
}

/** SHA-256 of what the other side showed, as in `AB:CD`; undefined without TLS. */
export function certificateOf(socket: Socket): string | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
}
