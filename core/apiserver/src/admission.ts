// What a write must pass that concerns other objects: its namespace must be there and not ending.

import type { ClusterState } from './cluster-state.ts';
import type { Draft } from './draft.ts';
import { forbidden, notFound } from './failures.ts';
import type { ServedResource } from './registry.ts';
import { storagePrefix } from './storage-key.ts';
import type { Admission } from './writing.ts';

const namespaces = { group: '', plural: 'namespaces' };
const nothing: Disposable = { [Symbol.dispose]: () => undefined };

/** @throws ApiError NotFound or Forbidden from its functions. */
export function namespaceAdmission(state: ClusterState): Admission {
  const cache = state.resource(storagePrefix(namespaces));
  return {
    admitPlace(resource, draft) {
      if (!resource.namespaced) return;
      refuseEnding(cache.get(draft.metadata.namespace ?? '')?.peek(), resource, draft);
    },
    admitCreate: () => nothing,
    admitUpdate: () => nothing,
  };
}

function refuseEnding(namespace: Draft | undefined, resource: ServedResource, draft: Draft): void {
  const name = draft.metadata.namespace ?? '';
  if (!namespace) throw notFound(namespaces, name);
  if (namespace.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    resource,
    draft.metadata.name ?? '',
    `unable to create new content in namespace ${name} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${name} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}

/** Asks several in turn; each sees what the ones before it changed. */
export function inTurn(...parts: readonly Admission[]): Admission {
  const all = (ask: (part: Admission) => Disposable): Disposable => {
    using stack = new DisposableStack();
    for (const part of parts) stack.use(ask(part));
    return stack.move();
  };
  return {
    admitPlace(resource, draft) {
      for (const part of parts) part.admitPlace(resource, draft);
    },
    admitCreate: (resource, draft) => all((part) => part.admitCreate(resource, draft)),
    admitUpdate: (resource, draft, previous) =>
      all((part) => part.admitUpdate(resource, draft, previous)),
  };
}
