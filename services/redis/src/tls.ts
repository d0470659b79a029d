// TLS of redis-servers: they speak nothing else, to clients and to one another, and ask nobody for a certificate.

import { type Cluster, tlsFilesPath } from '@tweendeck/engine';
import type { Command } from './redis-link.ts';

const files = {
  'tls-cert-file': `${tlsFilesPath}/tls.crt`,
  'tls-key-file': `${tlsFilesPath}/tls.key`,
  'tls-ca-cert-file': `${tlsFilesPath}/ca.crt`,
} as const;

/** What a server listens with. */
export function listening(
  { spec: { tls } }: Pick<Cluster<unknown>, 'spec'>,
  port: number,
): Readonly<Record<string, string | number>> {
  if (tls?.mode !== 'required') return { port };
  const towards = { 'tls-auth-clients': 'no', 'tls-replication': 'yes' };
  return { port: 0, 'tls-port': port, ...files, ...towards };
}

/** A setting that stays the same is taken anew: the files are read again. */
export const loadCertificateCommand: Command = ['CONFIG', 'SET', ...Object.entries(files).flat()];
