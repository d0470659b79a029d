// The quickstart: one ordinary CacheServer, made through the API as a user would.

import { CacheClient, type CacheServerObject, cacheServerKind } from '@tweendeck/cacheserver';
import { type Client, type InformerTools, openInformer } from '@tweendeck/client';
import { isApiError } from '@tweendeck/kube';
import { abortable, type Clock, PlatformError } from '@tweendeck/std';
import { cacheAddress } from '../cache-address.ts';

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

/** What is wrong with the CacheServer, as its Degraded condition says; undefined when nothing is. */
export function troubleOf({ status }: CacheServerObject): string | undefined {
  return status?.conditions?.find(
    ({ type, status: held }) => type === 'Degraded' && held === 'True',
  )?.message;
}

/**
 * Waits until the CacheServer is ready and answers at its endpoint: its status may be of before a crash. `seen` is told
 * every state on the way. Gives the endpoint; rejects when the signal aborts.
 */
export async function untilServed(
  { client, tools }: { readonly client: Client; readonly tools: InformerTools },
  seen: (cache: CacheServerObject) => void,
  signal: AbortSignal,
): Promise<string> {
  const { name, namespace } = quickstartRef;
  const selection = { namespace, fieldSelector: `metadata.name=${name}` };
  await using informer = openInformer(client, cacheServerKind, selection, tools, signal);
  let ready = Promise.withResolvers<string>();
  using _subscription = informer.subscribe({
    updated: (cache) => {
      seen(cache);
      const endpoint = readyEndpoint(cache);
      if (endpoint !== undefined) ready.resolve(endpoint);
    },
    deleted: () => undefined, // somebody may make it again
  });
  for (;;) {
    const endpoint = await abortable(ready.promise, signal);
    if (await answers(endpoint, tools.clock, signal)) return endpoint;
    await tools.clock.sleep(100, signal);
    ready = Promise.withResolvers();
    const cache = informer.get(quickstartRef);
    const again = cache && readyEndpoint(cache);
    if (again !== undefined) ready.resolve(again);
  }
}

function readyEndpoint({ metadata, status }: CacheServerObject): string | undefined {
  const current = status?.phase === 'Ready' && status.observedGeneration === metadata.generation;
  return current ? status.endpoint : undefined;
}

async function answers(endpoint: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    using client = await CacheClient.connect({ ...cacheAddress(endpoint), clock }, signal);
    client.quit();
    return true;
  } catch (error) {
    if (error instanceof PlatformError) return false; // not there yet
    throw error;
  }
}
