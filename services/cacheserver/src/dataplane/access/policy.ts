// Who may come in by a listener, and who may put.

import { createHash, timingSafeEqual } from 'node:crypto';
import { type AddressRange, type ClientAddress, inRange } from './address.ts';

/** A certificate of ours, and what is asked of clients. PEM. */
export interface TlsPolicy {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Who vouches for clients; undefined: they are not asked for certificates. */
  readonly clientCa: Buffer | undefined;
  readonly clientCertificates: 'required' | 'optional';
  /** Names in certificates that may put. */
  readonly putNames: readonly string[];
}

export interface TokenPolicy {
  readonly name: string;
  /** SHA-256, lower-case hex. */
  readonly sha256: string;
  readonly mayPut: boolean;
}

/** What a listener asks of its clients. Replaced whole at a reload: its identity tells that nothing changed. */
export interface ListenerPolicy {
  readonly readOnly: boolean;
  /** Who may put; empty: every address. */
  readonly putFrom: readonly AddressRange[];
  /** Proxies that must send a PROXY header, and are believed; undefined: there are none. */
  readonly proxiesTrusted: readonly AddressRange[] | undefined;
  readonly tls: TlsPolicy | undefined;
  readonly tokens: readonly TokenPolicy[];
  readonly tokenRequired: boolean;
}

/** Everybody may do everything. */
export const openPolicy: ListenerPolicy = {
  readOnly: false,
  putFrom: [],
  proxiesTrusted: undefined,
  tls: undefined,
  tokens: [],
  tokenRequired: false,
};

/** A client, as far as it showed who it is. */
export interface ClientIdentity {
  /** Behind a trusted proxy the address it tells. Undefined only when the client was gone at once. */
  readonly address: ClientAddress | undefined;
  /** Common and DNS names of its certificate, which our CA vouches for. */
  readonly certificateNames: readonly string[];
  readonly token: string | undefined;
}

/**
 * Whether a client may put: the listener takes puts, its address is among those that may, and where tokens or names
 * that may put are given, it showed one of them.
 */
export function mayPut(policy: ListenerPolicy, client: ClientIdentity): boolean {
  if (policy.readOnly) return false;
  const { address } = client;
  const { putFrom } = policy;
  if (putFrom.length > 0) {
    if (address === undefined || !putFrom.some((range) => inRange(address, range))) return false;
  }
  const putNames = policy.tls?.putNames ?? [];
  if (putNames.length === 0 && policy.tokens.length === 0) return true;
  const byName = client.certificateNames.some((name) => putNames.includes(name));
  return byName || policy.tokens.some(({ name, mayPut: puts }) => puts && name === client.token);
}

/** The name of a token; undefined for one that is not known. Takes the same time for every wrong one. */
export function tokenName(token: Uint8Array, tokens: readonly TokenPolicy[]): string | undefined {
  const digest = createHash('sha256').update(token).digest();
  const matches = tokens.filter(({ sha256 }) =>
    timingSafeEqual(digest, Buffer.from(sha256, 'hex')),
  );
  return matches[0]?.name;
}
