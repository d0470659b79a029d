// TLS of redis-servers: they speak nothing else, to clients and to one another, and ask nobody for a certificate.

import { type Cluster, tlsFilesPath } from '@tweendeck/engine';
import type { Command } from './redis-link.ts';

const files = {
  'tls-cert-file': `${tlsFilesPath}/tls.crt`,
  'tls-key-file': `${tlsFilesPath}/tls.key`,
  'tls-ca-cert-file': `${tlsFilesPath}/ca.crt`,
} as const;

type Declared = Pick<Cluster<unknown>, 'spec'>;

/** What a server listens with. */
export function listening(
  cluster: Declared,
  port: number,
): Readonly<Record<string, string | number>> {
  return { port: 0, [listenSetting(cluster)]: port, ...speaking(cluster) };
}

/** Which setting says where it listens. */
export function listenSetting({ spec: { tls } }: Declared): 'port' | 'tls-port' {
  return tls?.mode === 'required' ? 'tls-port' : 'port';
}

/** How it speaks, wherever it listens. */
export function speaking({ spec: { tls } }: Declared): Readonly<Record<string, string | number>> {
  if (tls?.mode !== 'required') return {};
  return { port: 0, ...files, 'tls-auth-clients': 'no', 'tls-replication': 'yes' };
}

/** A setting that stays the same is taken anew: the files are read again. */
export const loadCertificateCommand: Command = ['CONFIG', 'SET', ...Object.entries(files).flat()];
