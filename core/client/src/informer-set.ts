// One informer per resource, shared by everyone in a program who wants it.

import { apiVersionOf, type KubeObject, type Resource } from '@tweendeck/kube';
import type { Client, Selection } from './client.ts';
import type { Informer, InformerOptions } from './informer.ts';
import { type InformerTools, ListWatchInformer } from './open-informer.ts';

/** Informers of whole resources, or of what the set was told to select. Disposing the set closes all of them. */
export interface InformerSet extends AsyncDisposable {
  /** Opens the informer at the first call; later calls get the same, and may add indexes. */
  informer<Obj extends KubeObject>(
    resource: Resource<Obj>,
    indexes?: InformerOptions<Obj>['indexes'],
  ): Informer<Obj>;
  /** Those that were opened, in that order. */
  all(): readonly Informer<KubeObject>[];
  /** Settles when every informer of the set has its first list. */
  synced(): Promise<void>;
}

export interface InformerSetOptions extends InformerTools {
  /** Which objects of a resource are cached; omitted: all. Two askers of one resource share its selection. */
  readonly selectionOf?: ((resource: Resource<KubeObject>) => Selection) | undefined;
}

export function openInformerSet(
  client: Client,
  options: InformerSetOptions,
  signal: AbortSignal,
): InformerSet {
  const informers = new Map<string, ListWatchInformer<KubeObject>>();
  return {
    informer<Obj extends KubeObject>(
      resource: Resource<Obj>,
      indexes: InformerOptions<Obj>['indexes'] = {},
    ): Informer<Obj> {
      const key = `${apiVersionOf(resource)}/${resource.plural}`;
      // The map pairs every resource with an informer of its own type, which its own type cannot say.
      const known = informers.get(key) as ListWatchInformer<Obj> | undefined;
      known?.addIndexes(indexes);
      if (known) return known;
      const selection = options.selectionOf?.(resource) ?? {};
      const what = { ...selection, indexes };
      const opened = new ListWatchInformer(client, resource, what, options, signal);
      informers.set(key, opened as unknown as ListWatchInformer<KubeObject>);
      return opened;
    },
    all: () => [...informers.values()],
    async synced() {
      await Promise.all([...informers.values()].map((informer) => informer.synced));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...informers.values()].map((one) => one[Symbol.asyncDispose]()));
    },
  };
}
