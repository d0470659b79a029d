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

/** Makes a certificate in a directory, signed by `authority`, or by itself without one. Throws when there is no openssl. */
export function makeCertificate(
  directory: string,
  {
    name,
    authority,
    host,
  }: { readonly name: string; readonly authority?: Certificate; readonly host?: string },
): Certificate {
  const certificateFile = join(directory, `${name}.crt`);
  const keyFile = join(directory, `${name}.key`);
  const signer = authority
    ? ['-CA', authority.certificateFile, '-CAkey', authority.keyFile]
    : ['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-sha256', '-days', '30', '-newkey', 'ec', '-nodes'],
      ...['-pkeyopt', 'ec_paramgen_curve:P-256', ...signer],
      ...['-keyout', keyFile, '-out', certificateFile, '-subj', `/CN=${name}`],
      ...(host === undefined ? [] : ['-addext', `subjectAltName=${host}`]),
    ],
    { stdio: 'pipe' },
  );
  return {
    certificateFile,
    keyFile,
    cert: readFileSync(certificateFile),
    key: readFileSync(keyFile),
  };
}
