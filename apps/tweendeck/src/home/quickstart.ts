// The quickstart: one ordinary CacheServer, made through the API as a user would.

import { type CacheServerObject, cacheServerKind } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import { isApiError } from '@tweendeck/kube';

export const quickstartRef = { namespace: 'default', name: 'cache' };

/** Makes the CacheServer when there is none of this name; what a user changed stays. True when it was made. */
export async function applyQuickstart(
  client: Client,
  options: { readonly port: number },
  signal: AbortSignal,
): Promise<boolean> {
  if (await client.get(cacheServerKind, quickstartRef, signal)) return false;
  const object = {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: quickstartRef,
    spec: { storage: 10 * 1024 ** 3, port: options.port, serviceType: 'LoadBalancer' },
  };
  try {
    await client.apply(cacheServerKind, object, { fieldManager: 'tweendeck-quickstart' }, signal);
    return true;
  } catch (error) {
    if (isApiError(error, 'Conflict')) return false; // somebody made it in the meantime
    throw error;
  }
}

/** Waits until the CacheServer is ready; gives the last state seen when the signal aborts first. */
export async function untilReady(
  client: Client,
  seen: (cache: CacheServerObject) => void,
  signal: AbortSignal,
): Promise<CacheServerObject | undefined> {
  let resourceVersion: string | undefined;
  for (;;) {
    const found = await client.get(cacheServerKind, quickstartRef, signal);
    if (!found) return undefined;
    seen(found);
    if (isReady(found)) return found;
    resourceVersion = found.metadata.resourceVersion;
    const selection = {
      namespace: quickstartRef.namespace,
      fieldSelector: `metadata.name=${quickstartRef.name}`,
      resourceVersion,
    };
    for await (const event of client.watch(cacheServerKind, selection, signal)) {
      if (event.type === 'DELETED') return undefined;
      if (event.type === 'BOOKMARK') continue;
      seen(event.object);
      if (isReady(event.object)) return event.object;
    }
  }
}

function isReady(cache: CacheServerObject): boolean {
  return (
    cache.status?.phase === 'Ready' &&
    cache.status.observedGeneration === cache.metadata.generation &&
    cache.status.endpoint !== undefined
  );
}
