// Writes kubeconfig files for whoever speaks to the API server of a lab.

import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { CertificateFiles } from './certificates.ts';

export interface KubeconfigRequest {
  readonly path: string;
  readonly server: string;
  /** Path of the authority's certificate. */
  readonly authority: string;
  readonly user: CertificateFiles | { readonly token: string };
  readonly namespace?: string;
}

/** Everything is embedded: the file can be read from anywhere. JSON is YAML. Returns its path. */
export async function writeKubeconfig(request: KubeconfigRequest): Promise<string> {
  const { path, server, user, namespace } = request;
  const name = 'lab';
  const credentials =
    'token' in user
      ? { token: user.token }
      : {
          'client-certificate-data': await encoded(user.certificate),
          'client-key-data': await encoded(user.key),
        };
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: { server, 'certificate-authority-data': await encoded(request.authority) },
      },
    ],
    users: [{ name, user: credentials }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace && { namespace }) } }],
    'current-context': name,
  };
  await writeFile(path, JSON.stringify(file, undefined, 2));
  await chmod(path, 0o600);
  return path;
}

async function encoded(path: string): Promise<string> {
  return (await readFile(path)).toString('base64');
}
