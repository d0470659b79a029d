// Certificates of a test: an authority, and what servers and clients show. Made by openssl.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths and contents of PEM files. */
export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface CertificateWish {
  readonly name: string;
  /** Who signs it; itself without one. */
  readonly authority?: Certificate;
  /** Its alternative name, such as `IP:127.0.0.1`. */
  readonly host?: string;
  /** Whether it has expired; only with an authority. */
  readonly expired?: boolean;
}

/** Makes a certificate in a directory. Throws when there is no openssl. */
export function makeCertificate(
  directory: string,
  { name, authority, host, expired = false }: CertificateWish,
): Certificate {
  const certificateFile = join(directory, `${name}.crt`);
  const keyFile = join(directory, `${name}.key`);
  const requestFile = join(directory, `${name}.csr`);
  const fresh = ['-newkey', 'ec', '-nodes', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const subject = ['-subj', `/CN=${name}`];
  const names = host === undefined ? [] : ['-addext', `subjectAltName=${host}`];
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { stdio: 'pipe' });
  const signer = authority
    ? ['-CA', authority.certificateFile, '-CAkey', authority.keyFile]
    : ['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'];
  if (expired) {
    openssl('req', '-new', ...fresh, '-keyout', keyFile, '-out', requestFile, ...subject, ...names);
    const request = ['-req', '-in', requestFile, '-copy_extensions', 'copy', '-days', '-1'];
    openssl('x509', ...request, ...signer, '-CAcreateserial', '-out', certificateFile);
  } else {
    const own = ['req', '-x509', '-sha256', '-days', '30', ...fresh, ...signer];
    openssl(...own, '-keyout', keyFile, '-out', certificateFile, ...subject, ...names);
  }
  return {
    certificateFile,
    keyFile,
    cert: readFileSync(certificateFile),
    key: readFileSync(keyFile),
  };
}
