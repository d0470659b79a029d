// The kubeconfig that kubectl and every other client reads.

import type { ApiCertificates } from './certificates.ts';

export interface KubeconfigOptions {
  /** `https://host:port`. */
  readonly server: string;
  /** Name of cluster, user and context. Default `tweendeck`. */
  readonly name?: string;
  /** Namespace of the context. Default: none named, which clients take for `default`. */
  readonly namespace?: string;
}

/** YAML with one cluster, user and context, certificates embedded. Holds a private key: keep it readable by its owner only. */
export function kubeconfigText(
  certificates: Pick<ApiCertificates, 'authority' | 'adminCertificate' | 'adminKey'>,
  { server, name = 'tweendeck', namespace }: KubeconfigOptions,
): string {
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${name}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${encoded(certificates.authority)}`,
    'users:',
    `- name: ${name}`,
    '  user:',
    `    client-certificate-data: ${encoded(certificates.adminCertificate)}`,
    `    client-key-data: ${encoded(certificates.adminKey)}`,
    'contexts:',
    `- name: ${name}`,
    '  context:',
    `    cluster: ${name}`,
    `    user: ${name}`,
    ...(namespace ? [`    namespace: ${namespace}`] : []),
    `current-context: ${name}`,
    'preferences: {}',
    '',
  ].join('\n');
}
