// How a test speaks to the API server of a lab: our client, kubectl, Helm, and as a service account.

import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, httpsTransport, parseKubeconfig } from '@tweendeck/client';
import type { ApiTransport } from '@tweendeck/kube';
import { clockOf, isJsonObject, randomOf } from '@tweendeck/std';
import { helmProgram, kubectlProgram, runProgram } from '../../support/kubectl.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { ControlPlane } from './lab.ts';
import type { Site } from './site.ts';

export type Access = Pick<
  ControlPlane,
  'client' | 'kubectl' | 'helm' | 'serviceAccountKubeconfig'
> & { readonly transport: ApiTransport & Disposable };

const programTimeoutMs = 300_000;
const tokenSeconds = 24 * 3_600;

/** As the administrator whose kubeconfig this is. Dispose the transport in the end. */
export async function openAccess(site: Site, kubeconfig: string): Promise<Access> {
  const { directory } = site.claim;
  const home = join(directory, 'home');
  await mkdir(home);
  const transport = httpsTransport(
    parseKubeconfig(readFileSync(kubeconfig, 'utf8'), { readFile: () => '' }), // all is embedded
  );
  const client = createClient({
    transport,
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    userAgent: 'tweendeck-lab',
  });
  const environment = { KUBECONFIG: kubeconfig, HOME: home, ...site.claim.marker };
  return {
    transport,
    client,
    kubectl: (version, args, input) =>
      runProgram(kubectlProgram(version), args, {
        environment,
        timeoutMs: programTimeoutMs,
        ...(input === undefined ? {} : { input }),
      }),
    helm: (version, args) =>
      runProgram(helmProgram(version), args, {
        environment: { ...environment, ...helmFolders(join(home, `helm-${version}`)) },
        timeoutMs: programTimeoutMs,
      }),
    async serviceAccountKubeconfig({ namespace, name }) {
      const answer = await client.request(
        'POST',
        `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        {
          body: {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: { expirationSeconds: tokenSeconds },
          },
        },
        new AbortController().signal,
      );
      return writeKubeconfig({
        path: join(directory, `account-${namespace}-${name}.kubeconfig`),
        server: site.server,
        authority: site.authority.certificate,
        user: { token: tokenOf(answer) },
        namespace,
      });
    },
  };
}

/** Helm's folders, apart from the person's own and from those of the other Helm. */
function helmFolders(folder: string): Readonly<Record<string, string>> {
  const below = (name: string): string => join(folder, name);
  return {
    XDG_CACHE_HOME: below('cache'),
    XDG_CONFIG_HOME: below('config'),
    XDG_DATA_HOME: below('data'),
    HELM_CACHE_HOME: below('cache'),
    HELM_CONFIG_HOME: below('config'),
    HELM_DATA_HOME: below('data'),
    HELM_PLUGINS: below('plugins'),
    HELM_REGISTRY_CONFIG: below('registry.json'),
    HELM_REPOSITORY_CONFIG: below('repositories.yaml'),
    HELM_REPOSITORY_CACHE: below('repository'),
  };
}

function tokenOf(answer: unknown): string {
  const status = isJsonObject(answer) ? answer['status'] : undefined;
  const token = isJsonObject(status) ? status['token'] : undefined;
  if (typeof token !== 'string') throw new Error('the API server gave no token');
  return token;
}
