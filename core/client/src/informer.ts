// A list-watch cache: the last known state of one resource in memory, that survives resets and 410.

import type { KubeObject, ObjectRef, Resource } from '@tweendeck/kube';
import type { Selection } from './client.ts';

/** A read-only view of cached objects. Objects are shared: do not change them. `metadata.managedFields` is dropped. */
export interface ObjectCache<Obj extends KubeObject> {
  get(ref: ObjectRef): Obj | undefined;
  list(selection?: {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  }): readonly Obj[];
  /** Objects with this value under an index declared when the informer was made. */
  by(index: string, value: string): readonly Obj[];
}

export interface InformerHandler<Obj extends KubeObject> {
  /** `previous` is undefined for a new object. Called in order, after the cache changed. */
  readonly updated: (object: Obj, previous: Obj | undefined) => void;
  /** `object` is the last known state; deletes that were missed are found by the next list. */
  readonly deleted: (object: Obj) => void;
}

export interface InformerOptions<Obj extends KubeObject> extends Selection {
  readonly indexes?: Readonly<Record<string, (object: Obj) => readonly string[]>>;
}

export interface Informer<Obj extends KubeObject> extends ObjectCache<Obj>, AsyncDisposable {
  readonly resource: Resource<Obj>;
  /** Settles when the first list is in; rejects only when the informer is closed before. */
  readonly synced: Promise<void>;
  /** Whether the first list is in. */
  readonly hasSynced: boolean;
  /** Why the cache is not current: the list failed, or the server refused the watch. Undefined since the last good list. */
  readonly trouble: Error | undefined;
  /** Added handlers get everything that is in the cache first. */
  subscribe(handler: InformerHandler<Obj>): Disposable;
  /** Waits until the cache has seen this resource version or a later one of its resource: read your own writes. */
  atLeast(resourceVersion: string, signal: AbortSignal): Promise<void>;
  /** Waits until `holds` gives true; it is asked now and after every change of the cache. */
  until(holds: () => boolean, signal: AbortSignal): Promise<void>;
}
