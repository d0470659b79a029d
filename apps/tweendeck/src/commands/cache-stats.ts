// `tweendeck cache stats`: what the data planes say about themselves.

import { cacheServerKind, selectorOf, statusPort } from '@tweendeck/cacheserver';
import { type Pod, podResource } from '@tweendeck/kube';
import { isJsonObject, messageOf, PlatformError } from '@tweendeck/std';
import { stringify } from 'yaml';
import type { Ambient } from '../ambient.ts';
import type { Invocation, OptionValues } from '../command-line.ts';
import { connect } from '../connection.ts';

interface Source {
  readonly name: string;
  readonly url: string;
}

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const form = options.choice('output', ['json'] as const);
  const url = options.text('url');
  const sources =
    url === undefined ? await podSources(world, options, operands[0]) : [{ name: url, url }];
  const stats: Record<string, unknown> = {};
  for (const { name, url: address } of sources)
    stats[name] = await fetchStats(address, world.signal);
  if (form === 'json') world.write(JSON.stringify(stats, undefined, 2));
  else
    world.write(
      Object.keys(stats).length === 0 ? 'No running cache servers.' : stringify(stats).trimEnd(),
    );
  return 0;
}

async function podSources(
  world: Ambient,
  options: OptionValues,
  name: string | undefined,
): Promise<readonly Source[]> {
  await using connection = await connect(world, options);
  const { client, namespace } = connection;
  if (
    name !== undefined &&
    !(await client.get(cacheServerKind, { name, namespace }, world.signal))
  ) {
    throw new PlatformError(
      'CLI_NOT_FOUND',
      `there is no CacheServer "${name}" in namespace ${namespace}`,
      {
        hint: 'See "tweendeck get cacheservers -A".',
      },
    );
  }
  const labels =
    name === undefined ? { 'app.kubernetes.io/name': 'cacheserver' } : selectorOf(name);
  const labelSelector = Object.entries(labels)
    .map((pair) => pair.join('='))
    .join(',');
  const pods = await client.list(podResource, { namespace, labelSelector }, world.signal);
  return pods.items.flatMap((pod: Pod) => {
    const address = pod.status?.podIP;
    if (address === undefined || pod.status?.phase !== 'Running') return [];
    return [{ name: pod.metadata.name, url: `http://${address}:${statusPort}` }];
  });
}

async function fetchStats(base: string, signal: AbortSignal): Promise<unknown> {
  try {
    const response = await fetch(new URL('/stats', base), { signal });
    const stats: unknown = await response.json();
    if (response.ok && isJsonObject(stats)) return stats;
    throw new Error(`it answered ${response.status}`);
  } catch (cause) {
    throw new PlatformError(
      'CLI_STATUS_UNREACHABLE',
      `${base} did not answer: ${messageOf(cause)}`,
      {
        hint: 'In a cluster, forward the status port of the pod and name it with --url.',
        cause,
      },
    );
  }
}
