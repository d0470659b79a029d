// Makes keys and signs certificates: ECDSA on P-256. Loaded only when something must be made.

import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Random } from '@tweendeck/std';

/** A certificate and its private key (PKCS #8), as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

interface Request {
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly random: Random;
}

export interface LeafRequest extends Request {
  readonly authority: Issued;
  /** Host names and addresses: the certificate serves these. Empty: it is a client's. */
  readonly hosts: readonly string[];
  readonly organizations: readonly string[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const serialBytes = 16;

/** A new authority, signed by itself. */
export async function issueAuthority(request: Request): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...common(request),
    name: nameOf(request.commonName, []),
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await keyText(keys) };
}

/** A certificate for serving some hosts, or for a client. */
export async function issueLeaf(request: LeafRequest): Promise<Issued> {
  const keys = await newKeys();
  const { authority, hosts, organizations } = request;
  const issuer = new X509Certificate(authority.certificate);
  const serves = hosts.length > 0;
  const certificate = await X509CertificateGenerator.create({
    ...common(request),
    subject: nameOf(request.commonName, organizations),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([
        serves ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
      ]),
      await AuthorityKeyIdentifierExtension.create(issuer),
      ...(serves ? [new SubjectAlternativeNameExtension(hosts.map(alternativeName))] : []),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await keyText(keys) };
}

function common({ notBeforeMs, notAfterMs, random }: Request) {
  cryptoProvider.set(webcrypto);
  const serial = Buffer.from(random.bytes(serialBytes));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and always of the same length
  return {
    serialNumber: serial.toString('hex'),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: algorithm,
  };
}

function nameOf(commonName: string, organizations: readonly string[]) {
  return [...organizations.map((each) => ({ O: [each] })), { CN: [commonName] }];
}

function alternativeName(host: string): { readonly type: 'ip' | 'dns'; readonly value: string } {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function keyText(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return `${PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), algorithm, false, [
    'sign',
  ]);
}
