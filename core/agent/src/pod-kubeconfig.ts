// Clients of the API look for a token at a fixed path, which is no real path here: a kubeconfig tells them where it is.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@tweendeck/kube';
import type { MountMap } from './mount-paths.ts';
import { podRunDirectory } from './pod-paths.ts';
import type { PodRuntime } from './runtime.ts';

const tokenDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Variables that lead clients to the API: none for a container without a token, or in a world without an address of the API. */
export async function apiVariables(
  { directory, environment }: Pick<PodRuntime, 'directory' | 'environment'>,
  {
    pod,
    container,
    mounts,
  }: { readonly pod: Pod; readonly container: string; readonly mounts: MountMap },
): Promise<Readonly<Record<string, string>>> {
  const secrets = mounts[tokenDirectory];
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (secrets === undefined || host === undefined || port === undefined) return {};
  const path = join(podRunDirectory(directory, pod.metadata.uid), `kubeconfig-${container}`);
  const namespace = pod.metadata.namespace ?? '';
  const text = podKubeconfig({ server: `https://${host}:${port}`, secrets, namespace });
  await writeFile(path, text, { mode: 0o644 }); // no secret itself: it names the file that is one
  return { KUBECONFIG: path };
}

/** With the token and the certificate as files, so that what is replaced there is found. JSON is YAML too. */
function podKubeconfig({
  server,
  secrets,
  namespace,
}: {
  readonly server: string;
  readonly secrets: string;
  readonly namespace: string;
}): string {
  const name = 'in-cluster';
  const cluster = { server, 'certificate-authority': join(secrets, 'ca.crt') };
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user: { tokenFile: join(secrets, 'token') } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  })}\n`;
}
