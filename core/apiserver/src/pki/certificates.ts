// The certificates of one home: own authority, one for serving, one for the administrator, one for speaking to agents; made once,
// renewed in time. And those of its nodes.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type Clock, PlatformError, type Random, systemErrorCode } from '@tweendeck/std';
import type { Issued } from '@tweendeck/wire';
import { adminUser, nodeUser } from '../users.ts';

/** What an HTTPS server needs; PEM texts. */
export interface ServingCertificates {
  /** The authority whose client certificates are believed. */
  readonly authority: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
}

/** All of them; PEM texts. */
export interface ApiCertificates extends ServingCertificates {
  readonly adminCertificate: string;
  readonly adminKey: string;
  /** What the API server shows to agents. */
  readonly agentsCertificate: string;
  readonly agentsKey: string;
}

export interface CertificateOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly random: Random;
  /** Host names and IP addresses that the server is reached at. */
  readonly hosts: readonly string[];
}

const dayMs = 24 * 60 * 60 * 1_000;
const authorityDays = 3_650;
const leafDays = 365;
const renewBeforeDays = 30;

const names = ['authority', 'serving', 'admin', 'agents'] as const;
type Name = (typeof names)[number];
type Pairs = Readonly<Record<Name, Issued | undefined>>;

/**
 * Reads the certificates of a directory and makes what is missing, near its end, or not for these hosts. Keys are
 * readable by their owner only. @throws PlatformError APISERVER_CERTIFICATES_UNREADABLE.
 */
export async function ensureCertificates(
  directory: string,
  options: CertificateOptions,
  signal: AbortSignal,
): Promise<ApiCertificates> {
  signal.throwIfAborted();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await readAll(directory);
  const authority = lasting(found.authority, options)
    ? found.authority
    : await makeAuthority(directory, options);
  const serving = await leafOf('serving', { directory, found: found.serving, authority }, options);
  const admin = await leafOf('admin', { directory, found: found.admin, authority }, options);
  const agents = await leafOf('agents', { directory, found: found.agents, authority }, options);
  return {
    authority: authority.certificate,
    servingCertificate: serving.certificate,
    servingKey: serving.key,
    adminCertificate: admin.certificate,
    adminKey: admin.key,
    agentsCertificate: agents.certificate,
    agentsKey: agents.key,
  };
}

/** The certificate of a node's agent, under which it reads, writes and serves. */
export interface NodeCertificate extends Issued {
  /** PEM of the home's authority. */
  readonly authority: string;
}

/**
 * Makes one with the authority of a home's directory: good for a year. Undefined when there is no authority there.
 *
 * @throws PlatformError APISERVER_CERTIFICATES_UNREADABLE.
 */
export async function issueNodeCertificate(
  directory: string,
  { nodeName, ...options }: Omit<CertificateOptions, 'hosts'> & { readonly nodeName: string },
  signal: AbortSignal,
): Promise<NodeCertificate | undefined> {
  signal.throwIfAborted();
  const authority = await read(directory, 'authority');
  if (!authority) return undefined;
  const { issueLeaf } = await import('@tweendeck/wire');
  const user = nodeUser(nodeName);
  const issued = issueLeaf({
    ...validity(options, leafDays),
    authority,
    hosts: [nodeName],
    commonName: user.name,
    organizations: ['system:nodes'],
    random: options.random,
  });
  return { ...issued, authority: authority.certificate };
}

interface LeafPlace {
  readonly directory: string;
  readonly found: Issued | undefined;
  readonly authority: Issued;
}

const commonNames = {
  serving: 'tweendeck-apiserver',
  admin: adminUser.name,
  agents: 'tweendeck-apiserver-agents',
} as const;

async function leafOf(
  name: Exclude<Name, 'authority'>,
  { directory, found, authority }: LeafPlace,
  options: CertificateOptions,
): Promise<Issued> {
  const hosts = name === 'serving' ? options.hosts : [];
  if (lasting(found, options) && signedBy(found, authority) && servesHosts(found, hosts))
    return found;
  const { issueLeaf } = await import('@tweendeck/wire');
  const issued = issueLeaf({
    ...validity(options, leafDays),
    authority,
    hosts,
    commonName: commonNames[name],
    organizations: name === 'serving' ? [] : ['system:masters'],
    random: options.random,
  });
  await save(directory, name, issued);
  return issued;
}

async function makeAuthority(directory: string, options: CertificateOptions): Promise<Issued> {
  const { issueAuthority } = await import('@tweendeck/wire');
  const issued = issueAuthority({
    ...validity(options, authorityDays),
    commonName: 'tweendeck-ca',
    random: options.random,
  });
  await save(directory, 'authority', issued);
  return issued;
}

function validity(
  { clock }: Pick<CertificateOptions, 'clock'>,
  days: number,
): { notBeforeMs: number; notAfterMs: number } {
  const nowMs = clock.nowMs();
  return { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + days * dayMs };
}

/** Whether a certificate is there and will be good for a while. */
function lasting(issued: Issued | undefined, { clock }: CertificateOptions): issued is Issued {
  if (!issued) return false;
  const { validFrom, validTo } = new X509Certificate(issued.certificate);
  const nowMs = clock.nowMs();
  return Date.parse(validFrom) <= nowMs && Date.parse(validTo) - renewBeforeDays * dayMs > nowMs;
}

function signedBy(issued: Issued, authority: Issued): boolean {
  const parent = new X509Certificate(authority.certificate);
  return new X509Certificate(issued.certificate).verify(parent.publicKey);
}

function servesHosts(issued: Issued, hosts: readonly string[]): boolean {
  const certificate = new X509Certificate(issued.certificate);
  return hosts.every(
    (host) =>
      (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
  );
}

async function readAll(directory: string): Promise<Pairs> {
  const [authority, serving, admin, agents] = await Promise.all(
    names.map((name) => read(directory, name)),
  );
  return { authority, serving, admin, agents };
}

async function read(directory: string, name: Name): Promise<Issued | undefined> {
  try {
    const [certificate, key] = await Promise.all([
      readFile(join(directory, `${name}.crt`), 'utf8'),
      readFile(join(directory, `${name}.key`), 'utf8'),
    ]);
    const parsed = new X509Certificate(certificate); // fails here, by name, rather than later
    // A renewal that was cut short leaves a new key beside the old certificate: they are made again.
    return parsed.checkPrivateKey(createPrivateKey(key)) ? { certificate, key } : undefined;
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new PlatformError(
      'APISERVER_CERTIFICATES_UNREADABLE',
      `the certificate ${name} in ${directory} cannot be read`,
      { cause, hint: 'Remove the directory: new certificates are made at the next start.' },
    );
  }
}

/** Key first: a certificate without its key would stop the next start, a key without its certificate does not. */
async function save(directory: string, name: Name, issued: Issued): Promise<void> {
  for (const [suffix, text] of [
    ['key', issued.key],
    ['crt', issued.certificate],
  ] as const) {
    const path = join(directory, `${name}.${suffix}`);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await chmod(`${path}.new`, 0o600);
    await rename(`${path}.new`, path);
  }
}
