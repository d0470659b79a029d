// The certificates of one lab: an authority, and what servers and clients show. Made by openssl, in milliseconds.

import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

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

/** Makes an authority in an existing directory. */
export async function makeAuthority(directory: string): Promise<Authority> {
  const own = filesOf(directory, 'authority');
  await openssl(own, '/CN=tweendeck-lab', ['keyUsage=critical,keyCertSign,digitalSignature']);
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
      await openssl(files, subject, extensions, own);
      return files;
    },
  };
}

/** A key pair for signing service account tokens; the public key is the certificate's. */
export async function makeSigningKey(directory: string): Promise<CertificateFiles> {
  const files = filesOf(directory, 'service-accounts');
  await openssl(files, '/CN=service-accounts', []);
  return files;
}

async function openssl(
  files: CertificateFiles,
  subject: string,
  extensions: readonly string[],
  authority?: CertificateFiles,
): Promise<void> {
  const signer = authority ? ['-CA', authority.certificate, '-CAkey', authority.key] : [];
  await run('openssl', [
    ...['req', '-x509', '-sha256', '-days', '30', ...keyOptions, ...signer],
    ...['-keyout', files.key, '-out', files.certificate, '-subj', subject],
    ...extensions.flatMap((extension) => ['-addext', extension]),
  ]);
}
