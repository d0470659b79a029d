// A client that reads and never writes: what is made is remembered, so that whoever made it finds it.

import type { Client } from '@tweendeck/client';
import {
  ApiError,
  isApiError,
  type KubeObject,
  type ObjectRef,
  type Resource,
  refKey,
} from '@tweendeck/kube';
import { assert } from '@tweendeck/std';

/** What would have been written. */
export interface DryWrite {
  readonly verb: 'create' | 'patch';
  readonly resource: Resource<KubeObject>;
  readonly name: string;
  readonly body: unknown;
}

export function dryClient(client: Client, wrote: (write: DryWrite) => void): Client {
  const made = new Map<string, KubeObject>();
  const keyOf = ({ group, plural }: Resource<KubeObject>, ref: ObjectRef): string =>
    `${group}/${plural} ${refKey(ref)}`;
  const get: Client['get'] = (resource, ref, signal) => {
    const own = made.get(keyOf(resource, ref));
    // Kept under its own resource.
    return own === undefined ? client.get(resource, ref, signal) : Promise.resolve(own as never);
  };
  /** Whoever may not look is told that it would be made. */
  const isThere = async (
    resource: Resource<KubeObject>,
    ref: ObjectRef,
    signal: AbortSignal,
  ): Promise<boolean> => {
    try {
      return (await get(resource, ref, signal)) !== undefined;
    } catch (error) {
      if (!isApiError(error, 'Forbidden')) throw error;
      return false;
    }
  };
  const present: Client['patch'] = async (resource, ref, _patch, _options, signal) => {
    const found = await get(resource, ref, signal);
    assert(found, `there is no ${resource.kind} ${ref.name} to patch`);
    return found;
  };
  return {
    get,
    list: (resource, selection, signal) => client.list(resource, selection, signal),
    watch: (resource, options, signal) => client.watch(resource, options, signal),
    logs: (pod, options, signal) => client.logs(pod, options, signal),
    create: async (resource, object, _options, signal) => {
      const { metadata } = object as unknown as KubeObject; // what is created has a name
      if (await isThere(resource, metadata, signal)) {
        throw new ApiError(409, 'AlreadyExists', `there is a ${resource.kind} ${metadata.name}`);
      }
      wrote({ verb: 'create', resource, name: metadata.name, body: object });
      made.set(keyOf(resource, metadata), object as unknown as KubeObject); // read back as it was given
      return object as never;
    },
    patch: (resource, ref, patch, options, signal) => {
      wrote({ verb: 'patch', resource, name: ref.name, body: patch.body });
      return present(resource, ref, patch, options, signal);
    },
    update: (resource, object) => {
      const { metadata } = object as unknown as KubeObject; // what is updated has a name
      wrote({ verb: 'patch', resource, name: metadata.name, body: object });
      return Promise.resolve(object as never);
    },
    apply: (resource, object, options, signal) => {
      const { name, namespace } = object.metadata;
      wrote({ verb: 'patch', resource, name, body: object });
      const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
      return present(resource, ref, { type: 'merge', body: object }, options, signal);
    },
    delete: () => Promise.resolve(true),
    request: (method, path, options, signal) => {
      assert(method === 'GET', `a dry run asks for ${method} ${path}`);
      return client.request(method, path, options, signal);
    },
  };
}
