// Makes keys and signs certificates (RFC 5280), ECDSA on P-256.

import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { Random } from '@tweendeck/std';
import {
  bitString,
  boolean,
  explicit,
  identifier,
  implicit,
  integer,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

/** A certificate and its private key (PKCS #8), as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AuthorityRequest extends Validity {
  readonly commonName: string;
  readonly random: Random;
}

export interface LeafRequest extends AuthorityRequest {
  readonly authority: Issued;
  /** Host names and addresses: the certificate serves these. Empty: it is a client's alone. */
  readonly hosts: readonly string[];
  /** Groups of a client. Empty, with hosts: it is no client's. */
  readonly organizations: readonly string[];
}

const signatureAlgorithm = sequence(identifier('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
const serialBytes = 16;
const keyUsage = { signCertificates: Buffer.from([0x06]), signData: Buffer.from([0x80]) };

/** A new authority, signed by itself. */
export function issueAuthority(request: AuthorityRequest): Issued {
  const { privateKey, publicKey } = newKeys();
  const name = nameOf(request.commonName, []);
  return certificateOf(request, {
    subject: name,
    issuer: name,
    publicKey,
    privateKey,
    signingKey: privateKey,
    extensions: [
      extension('2.5.29.19', sequence(boolean(true), integer(Buffer.from([0]))), 'critical'),
      extension('2.5.29.15', bitString(keyUsage.signCertificates, 1), 'critical'),
      extension('2.5.29.14', octetString(keyIdentifier(publicKey))),
    ],
  });
}

/** A certificate for serving some hosts, or for a client. */
export function issueLeaf(request: LeafRequest): Issued {
  const { privateKey, publicKey } = newKeys();
  const { authority, hosts, organizations, commonName } = request;
  const parent = new X509Certificate(authority.certificate);
  const purposes = [
    ...(hosts.length > 0 ? ['1.3.6.1.5.5.7.3.1'] : []),
    ...(hosts.length === 0 || organizations.length > 0 ? ['1.3.6.1.5.5.7.3.2'] : []),
  ];
  return certificateOf(request, {
    subject: nameOf(commonName, organizations),
    issuer: nameOf(authorityName(parent), []),
    publicKey,
    privateKey,
    signingKey: createPrivateKey(authority.key),
    extensions: [
      extension('2.5.29.19', sequence(), 'critical'),
      extension('2.5.29.15', bitString(keyUsage.signData, 7), 'critical'),
      extension('2.5.29.37', sequence(...purposes.map(identifier))),
      extension('2.5.29.35', sequence(implicit(0, keyIdentifier(parent.publicKey)))),
      ...(hosts.length > 0
        ? [extension('2.5.29.17', sequence(...hosts.map(alternativeName)))]
        : []),
    ],
  });
}

interface Parts {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificateOf(request: AuthorityRequest, parts: Parts): Issued {
  const serial = Buffer.from(request.random.bytes(serialBytes));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and always of the same length
  const signed = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    signatureAlgorithm,
    parts.issuer,
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...parts.extensions)),
  );
  const signature = sign('sha256', signed, parts.signingKey);
  return {
    certificate: pemOf(sequence(signed, signatureAlgorithm, bitString(signature))),
    key: parts.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function newKeys(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function nameOf(commonName: string, organizations: readonly string[]): Buffer {
  const part = (type: string, text: string): Buffer =>
    setOf(sequence(identifier(type), utf8String(text)));
  return sequence(
    ...organizations.map((organization) => part('2.5.4.10', organization)),
    part('2.5.4.3', commonName),
  );
}

/** Our authorities have a common name and nothing else. */
function authorityName(certificate: X509Certificate): string {
  return certificate.subject.replace(/^CN=/, '');
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function extension(type: string, value: Buffer, weight?: 'critical'): Buffer {
  return sequence(identifier(type), ...(weight ? [boolean(true)] : []), octetString(value));
}

function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return implicit(7, Buffer.from(host.split('.').map(Number)));
  if (isIPv6(host)) return implicit(7, addressBytes(host));
  return implicit(2, Buffer.from(host));
}

/** The 16 bytes of an IPv6 address without an embedded IPv4 one. */
function addressBytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = groups(tail ?? '');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  const all = tail === undefined ? first : [...first, ...zeros, ...last];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
