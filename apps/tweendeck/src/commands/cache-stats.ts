// `tweendeck cache stats`: what the data planes say about themselves.

import { cacheServerKind, selectorOf, statusPort } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import { isApiError, type Pod, podResource } from '@tweendeck/kube';
import { isJsonObject, messageOf, PlatformError } from '@tweendeck/std';
import { stringify } from 'yaml';
import type { Ambient } from '../ambient.ts';
import type { Invocation, OptionValues } from '../command-line.ts';
import { connect } from '../connection.ts';

interface Source {
  readonly name: string;
  readonly read: () => Promise<unknown>;
}

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const form = options.choice('output', ['json'] as const);
  const url = options.text('url');
  const stats =
    url === undefined
      ? await podStats(world, options, operands[0])
      : { [url]: await fetchStats(url, world.signal) };
  if (form === 'json') world.write(JSON.stringify(stats, undefined, 2));
  else
    world.write(
      Object.keys(stats).length === 0 ? 'No running cache servers.' : stringify(stats).trimEnd(),
    );
  return 0;
}

async function podStats(
  world: Ambient,
  options: OptionValues,
  name: string | undefined,
): Promise<Readonly<Record<string, unknown>>> {
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
  const stats: Record<string, unknown> = {};
  for (const { name: pod, read } of pods.items.flatMap((one) => sourceOf(one, client, world)))
    stats[pod] = await read();
  return stats;
}

/** A pod of this machine is asked itself, others through the API server: only there their addresses answer. */
function sourceOf({ metadata, status }: Pod, client: Client, { signal }: Ambient): Source[] {
  const { name, namespace = 'default' } = metadata;
  const address = status?.podIP;
  const runs = status?.phase === 'Running' && metadata.deletionTimestamp === undefined;
  if (address === undefined || !runs) return [];
  const read = address.startsWith('127.')
    ? () => fetchStats(`http://${address}:${statusPort}`, signal)
    : () => proxyStats(client, { name, namespace }, signal);
  return [{ name, read }];
}

async function proxyStats(
  client: Client,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<unknown> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${statusPort}/proxy/stats`;
  try {
    return await client.request('GET', path, {}, signal);
  } catch (cause) {
    if (!isApiError(cause)) throw cause;
    throw new PlatformError(
      'CLI_STATUS_UNREACHABLE',
      `the API server does not reach pod ${name}: ${cause.message}`,
      {
        hint: 'It asks "get" on pods/proxy of you. Else run "kubectl port-forward", and name the address with --url.',
        cause,
      },
    );
  }
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
        hint: 'See that a data plane listens there with --status-listen.',
        cause,
      },
    );
  }
}
