// Another server, and how it is reached: in the clear, or inside TLS with certificates and a token (docs/decisions/0009).
// Whoever connects to one comes through here.

import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
} from 'node:tls';
import { messageOf, PlatformError } from '@tweendeck/std';

/** By PEM files, which are read at each connection: a renewed certificate needs no word. */
export interface FarTls {
  /** Who vouches for the server; undefined: whom the system trusts. */
  readonly caFile?: string | undefined;
  /** What is shown to the server; both or neither. */
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The name in its certificate; undefined: the host of the address. */
  readonly serverName?: string | undefined;
}

/** Another cache. */
export interface FarCache {
  readonly host: string;
  readonly port: number;
  /** Undefined: in the clear. A token is the first line of its file; it is shown to a server that is trusted, and only inside TLS. */
  readonly tls?: (FarTls & { readonly tokenFile?: string | undefined }) | undefined;
}

/**
 * Begins to connect. `ready` is called once it is connected, the server is trusted and the token is shown; what goes wrong is
 * an `error` of the socket. Throws CACHE_TLS_UNUSABLE when a file cannot be read.
 */
export function reach(
  { host, port, tls }: FarCache,
  ready: (socket: Socket) => void,
  { allowHalfOpen = false }: { readonly allowHalfOpen?: boolean } = {},
): Socket {
  if (tls === undefined) {
    const socket = connectTcp({ host, port, allowHalfOpen });
    return socket.once('connect', () => ready(socket));
  }
  const token = tokenOf(tls.tokenFile);
  const options = usable(() => ({ host, port, allowHalfOpen, ...tlsOptions(tls, host) }));
  const socket = usable(() => connectTls(options));
  return socket.once('secureConnect', () => {
    if (token !== undefined) socket.write(`TWEENDECK-TOKEN ${token}\n`);
    ready(socket);
  });
}

/** What Node is told to speak TLS to `host`. Throws CACHE_TLS_UNUSABLE. */
export function tlsOptions(tls: FarTls, host: string): ConnectionOptions {
  const { caFile, certificateFile, keyFile, serverName = host } = tls;
  return {
    minVersion: 'TLSv1.2',
    // An address is no server name, but is looked for in the certificate all the same.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
    ...(caFile === undefined ? {} : { ca: readPem(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: readPem(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: readPem(keyFile) }),
  };
}

/** Reads and tries the files that are named. Throws CACHE_TLS_UNUSABLE. */
export function checkFar({ host, tls }: FarCache): void {
  if (tls === undefined) return;
  tokenOf(tls.tokenFile);
  const options = tlsOptions(tls, host);
  usable(() => createSecureContext(options));
}

/** A file of a certificate, a key or a token. Throws CACHE_TLS_UNUSABLE. */
export function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PlatformError('CACHE_TLS_UNUSABLE', `${path} cannot be read`, {
      hint: 'Look at the path, and whether this user may read it.',
      cause,
    });
  }
}

function tokenOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const token = readPem(path).toString('latin1').split('\n', 1)[0]?.trim() ?? '';
  if (token !== '') return token;
  throw new PlatformError('CACHE_TLS_UNUSABLE', `${path} holds no token in its first line`);
}

function usable<Result>(use: () => Result): Result {
  try {
    return use();
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError('CACHE_TLS_UNUSABLE', 'the certificate, its key or the CA', {
      hint: 'Look that the files are PEM, belong together and are not encrypted.',
      cause,
    });
  }
}

/** Codes of OpenSSL and Node for a certificate that is not believed. */
const untrusted =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|HOSTNAME_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_)/;

/**
 * What a connection that did not come about says of the two sides' trust: CACHE_SERVER_UNTRUSTED, CACHE_NOT_ADMITTED,
 * or undefined when it says nothing. `secured`: whether the handshake was over.
 */
export function trustFault(
  { host, port, tls }: FarCache,
  cause: unknown,
  { secured }: { readonly secured: boolean },
): PlatformError | undefined {
  if (tls === undefined) return undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (untrusted.test(code)) {
    return new PlatformError('CACHE_SERVER_UNTRUSTED', `${host}:${port}: ${messageOf(cause)}`, {
      hint: hintOf(code),
    });
  }
  if (!secured && !code.includes('ALERT')) return undefined;
  const told = code === '' ? 'it closed the connection before its first word' : messageOf(cause);
  return new PlatformError('CACHE_NOT_ADMITTED', `${host}:${port}: ${told}`, {
    hint: 'Look whether it trusts the certificate and knows the token that are shown to it; its log says which.',
  });
}

function hintOf(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'Renew the certificate of that server.';
  if (code === 'CERT_NOT_YET_VALID') return 'Compare the clocks of both machines.';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'Say the name that stands in its certificate as the name of the server.';
  }
  return 'Name the file of those who signed its certificate as the CA.';
}
