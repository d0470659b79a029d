// Remembers what a pass wrote, so that the next pass over the same object waits until the caches show it.

import type { Client, Informer } from '@tweendeck/client';
import { isApiError, type KubeObject, type ObjectRef, type Resource } from '@tweendeck/kube';

/** Gives the informer of a resource, if the controller has one. */
export type InformerOf = (resource: Resource<KubeObject>) => Informer<KubeObject> | undefined;

type Expectation = (client: Client, signal: AbortSignal) => Promise<void>;

/** What one pass wrote to resources that are cached. */
export class OwnWrites {
  readonly #informerOf: InformerOf;
  readonly #expectations: Expectation[] = [];

  constructor(informerOf: InformerOf) {
    this.#informerOf = informerOf;
  }

  /** Waits until the caches show all of it. */
  async seen(client: Client, signal: AbortSignal): Promise<void> {
    for (const expectation of this.#expectations) await expectation(client, signal);
  }

  /** The client, with its writes remembered. */
  track(client: Client): Client {
    return {
      ...client,
      create: (resource, object, options, signal) => {
        const { name, namespace } = object.metadata;
        const ref = name === undefined ? undefined : { name, ...(namespace ? { namespace } : {}) };
        return this.#remember(resource, ref, options.dryRun, () =>
          client.create(resource, object, options, signal),
        );
      },
      update: (resource, object, options, signal) => {
        const { name = '', namespace } = object.metadata;
        const ref = { name, ...(namespace ? { namespace } : {}) };
        return this.#remember(resource, ref, options.dryRun, () =>
          client.update(resource, object, options, signal),
        );
      },
      patch: (resource, ref, patch, options, signal) =>
        this.#remember(resource, ref, options.dryRun, () =>
          client.patch(resource, ref, patch, options, signal),
        ),
      apply: (resource, object, options, signal) => {
        const { name, namespace } = object.metadata;
        const ref = { name, ...(namespace ? { namespace } : {}) };
        return this.#remember(resource, ref, options.dryRun, () =>
          client.apply(resource, object, options, signal),
        );
      },
      delete: async (resource, ref, options, signal) => {
        const uid = this.#informerOf(resource)?.get(ref)?.metadata.uid;
        const deleted = await client.delete(resource, ref, options, signal);
        if (uid !== undefined && !options.dryRun) this.#expectDeletion(resource, ref, uid);
        return deleted;
      },
    };
  }

  async #remember<Obj extends KubeObject>(
    resource: Resource<Obj>,
    ref: ObjectRef | undefined,
    dryRun: boolean | undefined,
    write: () => Promise<Obj>,
  ): Promise<Obj> {
    if (dryRun) return write();
    try {
      const object = await write();
      this.#expectVersion(resource, object);
      return object;
    } catch (error) {
      // Without an answer nobody knows whether it took effect: the next pass asks.
      if (ref && !isApiError(error)) this.#expectUnknown(resource, ref);
      throw error;
    }
  }

  #expectVersion(resource: Resource<KubeObject>, object: KubeObject): void {
    const version: unknown = object.metadata?.resourceVersion;
    if (typeof version !== 'string') return; // a Status, as bindings are answered
    const informer = this.#informerOf(resource);
    if (informer) this.#expectations.push((_, signal) => informer.atLeast(version, signal));
  }

  #expectUnknown(resource: Resource<KubeObject>, ref: ObjectRef): void {
    const informer = this.#informerOf(resource);
    if (!informer) return;
    this.#expectations.push(async (client, signal) => {
      const now = await client.get(resource, ref, signal);
      if (now) await informer.atLeast(now.metadata.resourceVersion, signal);
    });
  }

  #expectDeletion(resource: Resource<KubeObject>, ref: ObjectRef, uid: string): void {
    const informer = this.#informerOf(resource);
    if (!informer) return;
    this.#expectations.push((_, signal) =>
      informer.until(() => {
        const metadata = informer.get(ref)?.metadata;
        return metadata?.uid !== uid || metadata.deletionTimestamp !== undefined;
      }, signal),
    );
  }
}
