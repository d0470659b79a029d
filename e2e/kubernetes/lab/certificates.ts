// The certificates of one lab: an authority, and what servers and clients show. Made by openssl, in milliseconds.

import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Claim } from './claim.ts';
import { runFor } from './commands.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

interface CertificateRequest {
  /** File name without its end. */
  readonly file: string;
  readonly user: string;
  readonly groups?: readonly string[];
  /** Names and addresses that it serves; without any it is a client's alone. */
  readonly hosts?: readonly string[];
}

export interface Authority {
  /** Path of the authority's certificate, PEM. */
  readonly certificate: string;
  readonly key: string;
  issue(request: CertificateRequest): Promise<CertificateFiles>;
}

const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function filesOf(directory: string, name: string): CertificateFiles {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

/** Makes the authority of a lab and a directory for its certificates. */
export async function makeAuthority(claim: Claim): Promise<Authority> {
  const directory = directoryOf(claim);
  await mkdir(directory, { mode: 0o700 });
  const own = filesOf(directory, 'authority');
  await openssl(claim, own, {
    subject: '/CN=tweendeck-lab',
    extensions: ['keyUsage=critical,keyCertSign,digitalSignature'],
  });
  return {
    ...own,
    async issue({ file, user, groups = [], hosts = [] }) {
      const files = filesOf(directory, file);
      const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
      const names = hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',');
      const extensions = [
        'basicConstraints=critical,CA:false',
        'keyUsage=critical,digitalSignature',
        `extendedKeyUsage=clientAuth${names ? ',serverAuth' : ''}`,
        ...(names ? [`subjectAltName=${names}`] : []),
      ];
      await openssl(claim, files, { subject, extensions, authority: own });
      return files;
    },
  };
}

/** A key pair for signing service account tokens; the public key is the certificate's. */
export async function makeSigningKey(claim: Claim): Promise<CertificateFiles> {
  const files = filesOf(directoryOf(claim), 'service-accounts');
  await openssl(claim, files, { subject: '/CN=service-accounts', extensions: [] });
  return files;
}

function directoryOf({ directory }: Claim): string {
  return join(directory, 'certificates');
}

async function openssl(
  claim: Claim,
  files: CertificateFiles,
  request: {
    readonly subject: string;
    readonly extensions: readonly string[];
    /** Signs it; without one it is signed by itself. */
    readonly authority?: CertificateFiles;
  },
): Promise<void> {
  const { subject, extensions, authority } = request;
  const signer = authority ? ['-CA', authority.certificate, '-CAkey', authority.key] : [];
  await runFor(claim, 'openssl', [
    ...['req', '-x509', '-sha256', '-days', '30', ...keyOptions, ...signer],
    ...['-keyout', files.key, '-out', files.certificate, '-subj', subject],
    ...extensions.flatMap((extension) => ['-addext', extension]),
  ]);
}
