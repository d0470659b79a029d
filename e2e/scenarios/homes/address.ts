// Where a client on this machine reaches a CacheServer.

import type { CacheServerObject } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import { serviceResource } from '@tweendeck/kube';

/** The Service's cluster address: it answers from this machine, in the embedded home and in a lab. */
export async function clusterAddress(
  client: Client,
  { metadata, spec }: CacheServerObject,
): Promise<{ readonly host: string; readonly port: number }> {
  const { name, namespace = 'default' } = metadata;
  const ref = { name, namespace };
  const service = await client.get(serviceResource, ref, AbortSignal.timeout(10_000));
  return { host: service?.spec.clusterIP ?? '', port: spec.port };
}
