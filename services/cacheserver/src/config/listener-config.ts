// What the document says of one listener: where it is, who may do what, and how clients show who they are.

import { resolve } from 'node:path';
import { type AddressRange, parseRange } from '../dataplane/access/address.ts';
import { type ListenerPolicy, openPolicy, type TokenPolicy } from '../dataplane/access/policy.ts';
import type { ListenAddress } from '../dataplane/listen.ts';
import type { ConfigFields, ConfigNode } from './config-reader.ts';

/** TLS of a listener, by files; they are read again at each reload. */
interface TlsConfig {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Who vouches for clients; undefined: they are not asked for certificates. */
  readonly clientCaFile: string | undefined;
  /** Whether a client without a certificate is let in. */
  readonly clientCertificates: 'required' | 'optional';
  /** Names in certificates (common name or DNS name) that may put; empty: certificates say nothing of puts. */
  readonly putNames: readonly string[];
}

/** As {@link ListenerPolicy}, with the files of TLS not read yet. */
export interface ListenerConfig extends Omit<ListenerPolicy, 'tls'> {
  readonly address: ListenAddress;
  readonly tls: TlsConfig | undefined;
}

/** A listener that says nothing but its address: everybody may do everything. */
export function plainListener(address: ListenAddress): ListenerConfig {
  return { ...openPolicy, address, tls: undefined };
}

/** Reads `HOST:PORT` alone, or a mapping with `address`. */
export function readListener(item: ConfigNode, directory: string): ListenerConfig {
  if (typeof item.value === 'string') return plainListener(readAddress(item, 8_126));
  const fields = item.fields();
  const listener = readFields(fields, directory);
  fields.end();
  return listener;
}

function readFields(fields: ConfigFields, directory: string): ListenerConfig {
  const address = readAddress(
    fields.get('address') ?? fields.node.child('address', undefined),
    8_126,
  );
  const shared = fields.flag('shared') === true;
  const tls = fields.section('tls', (section) => readTls(section, directory));
  const tokens = fields.list('tokens', readToken);
  const tokenRequired = fields.flag('tokenRequired') === true;
  if (tls === undefined && tokens.length > 0) {
    fields.node
      .child('tokens', undefined)
      .fail('tokens would travel in the clear', 'Give the listener "tls", or leave them out.');
  }
  if (tokenRequired && tokens.length === 0) {
    fields.node
      .child('tokenRequired', undefined)
      .fail('nobody could come in', 'Name the tokens in "tokens".');
  }
  return {
    address: shared ? { ...address, reusePort: true } : address,
    readOnly: fields.flag('readOnly') === true,
    putFrom: fields.list('putFrom', readRange),
    proxiesTrusted: fields.section('proxyProtocol', readProxies),
    tls,
    tokens,
    tokenRequired,
  };
}

/** `host:port`, `[v6]:port` or a host alone. A missing node gives the loopback address. */
export function readAddress(node: ConfigNode | undefined, defaultPort: number): ListenAddress {
  if (node === undefined) return { host: '127.0.0.1', port: defaultPort };
  const text = typeof node.value === 'string' ? node.value : '';
  const [, v6, host, digits] =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = Number(digits ?? defaultPort);
  const name = v6 ?? host;
  if (name === undefined || port > 65_535) {
    const fact =
      node.value === undefined ? 'is missing' : `${JSON.stringify(node.value)} is no address`;
    node.fail(fact, 'Write HOST:PORT, such as 127.0.0.1:8126 or "[::]:8126".');
    return { host: '127.0.0.1', port: 0 };
  }
  return { host: name, port };
}

function readTls(fields: ConfigFields, directory: string): TlsConfig {
  const certificateFile = fields.needed('certificate', 'Name the PEM file of the certificate.');
  const keyFile = fields.needed('key', 'Name the PEM file of its private key.');
  const minVersion = fields.choice('minVersion', ['1.2', '1.3']) ?? '1.2';
  const clientCaFile = fields.text('clientCa');
  const clientCertificates = fields.choice('clientCertificates', ['required', 'optional']);
  const putNames = fields.list('putNames', (item) => item.text());
  if (clientCaFile === undefined && (clientCertificates !== undefined || putNames.length > 0)) {
    fields.node
      .child('clientCa', undefined)
      .fail('is missing', 'Name the PEM file of those who sign the certificates of clients.');
  }
  return {
    certificateFile: resolve(directory, certificateFile),
    keyFile: resolve(directory, keyFile),
    minVersion: `TLSv${minVersion}`,
    clientCaFile: clientCaFile === undefined ? undefined : resolve(directory, clientCaFile),
    clientCertificates: clientCertificates ?? 'required',
    putNames,
  };
}

function readToken(item: ConfigNode): TokenPolicy {
  const fields = item.fields();
  const name = fields.needed('name', 'Name the token: logs and figures show it.');
  const sha256 = fields.needed('sha256', 'Give the digest of the token, never the token.', {
    pattern: /^[0-9a-fA-F]{64}$/,
    what: 'SHA-256 digest',
    hint: 'Write 64 hex digits: printf %s "$TOKEN" | sha256sum',
  });
  const mayPut = fields.flag('put') === true;
  fields.end();
  return { name, sha256: sha256.toLowerCase(), mayPut };
}

function readProxies(fields: ConfigFields): readonly AddressRange[] {
  const trusted = fields.list('trusted', readRange);
  if (trusted.length === 0) {
    fields.node
      .child('trusted', undefined)
      .fail('is missing or empty', 'Name the proxies: whoever is believed can be anybody.');
  }
  return trusted;
}

/** A range of addresses, or one. */
export function readRange(item: ConfigNode): AddressRange {
  const range = typeof item.value === 'string' ? parseRange(item.value) : undefined;
  if (range === undefined) {
    item.fail(
      `${JSON.stringify(item.value)} is no range of addresses`,
      'Write 10.0.0.0/8, 2001:db8::/32 or one address, without a port.',
    );
  }
  return range ?? { bytes: new Uint8Array(4), bits: 32, zone: '' };
}
