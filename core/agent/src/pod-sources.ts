// Fetches the config maps and secrets that containers or volumes of a pod refer to, so that the rest is pure.

import type { ConfigMap, Container, Secret, Volume } from '@tweendeck/kube';
import { type EnvironmentSources, environmentReferences } from './environment.ts';
import type { PodContext } from './pod-context.ts';
import { volumeReferences } from './volumes.ts';

export async function podSources(
  context: Pick<PodContext, 'pod' | 'podIP' | 'runtime'>,
  users: { readonly containers?: readonly Container[]; readonly volumes?: readonly Volume[] },
  signal: AbortSignal,
): Promise<EnvironmentSources> {
  const { runtime, podIP } = context;
  const pod = context.pod();
  const namespace = pod.metadata.namespace ?? '';
  const references = [
    ...(users.containers ?? []).map(environmentReferences),
    ...(users.volumes ?? []).map(volumeReferences),
  ];
  const configMaps = new Map<string, ConfigMap>();
  const secrets = new Map<string, Secret>();
  for (const name of new Set(references.flatMap((one) => [...one.configMaps]))) {
    const found = await runtime.host.configMap({ namespace, name }, signal);
    if (found) configMaps.set(name, found);
  }
  for (const name of new Set(references.flatMap((one) => [...one.secrets]))) {
    const found = await runtime.host.secret({ namespace, name }, signal);
    if (found) secrets.set(name, found);
  }
  return {
    pod,
    podIP,
    hostIP: runtime.hostIP,
    allocatable: runtime.allocatable,
    configMap: (name) => configMaps.get(name),
    secret: (name) => secrets.get(name),
  };
}
