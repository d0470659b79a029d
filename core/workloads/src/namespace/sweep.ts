// Deletes what a namespace holds: pods first, then everything else that is served, custom resources included.

import type { Client } from '@tweendeck/client';
import { groupResourceOf, isApiError, type KubeObject, refOf } from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { type DiscoveredResource, discoverResources } from '../discovery.ts';
import type { Sweep } from './plan.ts';

/** Deletes under way at once. */
const deletesMax = 16;

/** One pass. What is left afterwards waits for grace periods and finalizers, or failed; both are counted. */
export async function sweepNamespace(
  namespace: string,
  client: Client,
  signal: AbortSignal,
): Promise<Sweep> {
  const discovery = await discoverResources(client, signal);
  const deletable = discovery.resources.filter(
    ({ namespaced, verbs }) => namespaced && verbs.has('list') && verbs.has('delete'),
  );
  const tally = new Tally([...discovery.failures.keys()]);
  const pods = deletable.filter(({ group, plural }) => group === '' && plural === 'pods');
  for (const resource of pods) await sweepResource(resource, namespace, { client, tally }, signal);
  // Pods may still need their config maps, secrets and services to end well.
  if (tally.remaining.size > 0) return tally;
  for (const resource of deletable) {
    if (pods.includes(resource)) continue;
    await sweepResource(resource, namespace, { client, tally }, signal);
  }
  return tally;
}

class Tally implements Sweep {
  readonly undiscovered: readonly string[];
  readonly failures: string[] = [];
  readonly remaining = new Map<string, number>();
  readonly finalizers = new Map<string, number>();

  constructor(undiscovered: readonly string[]) {
    this.undiscovered = undiscovered;
  }

  left(resource: string, object: KubeObject): void {
    this.remaining.set(resource, (this.remaining.get(resource) ?? 0) + 1);
    for (const finalizer of object.metadata.finalizers ?? []) {
      this.finalizers.set(finalizer, (this.finalizers.get(finalizer) ?? 0) + 1);
    }
  }
}

async function sweepResource(
  resource: DiscoveredResource,
  namespace: string,
  { client, tally }: { readonly client: Client; readonly tally: Tally },
  signal: AbortSignal,
): Promise<void> {
  const name = groupResourceOf(resource);
  const label = resource.group === '' ? `${name}.` : name;
  const selection = { namespace, metadataOnly: true };
  try {
    const { items } = await client.list(resource, selection, signal);
    const fresh = items.filter((object) => !object.metadata.deletionTimestamp);
    for (let at = 0; at < fresh.length; at += deletesMax) {
      await Promise.all(
        fresh.slice(at, at + deletesMax).map((object) => {
          const preconditions = { uid: object.metadata.uid };
          const options = { propagation: 'Background', preconditions } as const; // the literal is the policy
          return client.delete(resource, refOf(object), options, signal);
        }),
      );
    }
    if (items.length === 0) return;
    const left = await client.list(resource, selection, signal);
    for (const object of left.items) tally.left(label, object);
  } catch (error) {
    signal.throwIfAborted();
    if (isApiError(error, 'NotFound') || isApiError(error, 'MethodNotAllowed')) return; // no longer served
    tally.failures.push(`${name}: ${messageOf(error)}`);
  }
}
