// The quickstart: one ordinary CacheServer, made through the API as a user would.

import { type CacheServerObject, cacheServerKind } from '@tweendeck/cacheserver';
import { type Client, type InformerTools, openInformer } from '@tweendeck/client';
import { isApiError } from '@tweendeck/kube';
import { abortable } from '@tweendeck/std';

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

/** Waits until the CacheServer is ready; `seen` is told every state on the way. Rejects when the signal aborts. */
export async function untilReady(
  { client, tools }: { readonly client: Client; readonly tools: InformerTools },
  seen: (cache: CacheServerObject) => void,
  signal: AbortSignal,
): Promise<CacheServerObject> {
  const { name, namespace } = quickstartRef;
  const selection = { namespace, fieldSelector: `metadata.name=${name}` };
  await using informer = openInformer(client, cacheServerKind, selection, tools, signal);
  const { promise, resolve } = Promise.withResolvers<CacheServerObject>();
  using _subscription = informer.subscribe({
    updated: (cache) => {
      seen(cache);
      if (isReady(cache)) resolve(cache);
    },
    deleted: () => undefined, // somebody may make it again
  });
  return await abortable(promise, signal);
}

function isReady(cache: CacheServerObject): boolean {
  return (
    cache.status?.phase === 'Ready' &&
    cache.status.observedGeneration === cache.metadata.generation &&
    cache.status.endpoint !== undefined
  );
}
