// What a write must pass that concerns other objects: its namespace must be there and not ending.

import type { ClusterState } from './cluster-state.ts';
import type { Draft } from './draft.ts';
import { forbidden, notFound } from './failures.ts';
import type { ServedResource } from './registry.ts';
import { storagePrefix } from './storage-key.ts';
import type { Admission, Intent } from './writing.ts';

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

const passing: Pick<Admission, 'admitPlace' | 'admitCreate' | 'admitUpdate'> = {
  admitPlace: () => undefined,
  admitCreate: () => nothing,
  admitUpdate: () => nothing,
};

/** Asks several in turn; each sees what the ones before it changed. */
export function inTurn(
  ...given: readonly Partial<Admission>[]
): Admission & Required<Pick<Admission, 'mutate' | 'check'>> {
  const parts = given.map((part) => ({ ...passing, ...part }));
  const all = (ask: (part: Admission) => Disposable): Disposable => {
    using stack = new DisposableStack();
    for (const part of parts) stack.use(ask(part));
    return stack.move();
  };
  const mutating = parts.filter(({ mutate }) => mutate);
  const checking = parts.filter(({ check }) => check);
  return {
    admitPlace(resource, draft) {
      for (const part of parts) part.admitPlace(resource, draft);
    },
    waits: (resource) => parts.some((part) => part.waits?.(resource) ?? false),
    mutate: (intent) => mutateInTurn(mutating, intent),
    check: (intent) => checkInTurn(checking, intent),
    admitCreate: (resource, draft) => all((part) => part.admitCreate(resource, draft)),
    admitUpdate: (resource, draft, previous) =>
      all((part) => part.admitUpdate(resource, draft, previous)),
  };
}

/** Waits only where a part does: most writes pass without leaving the turn of the event loop. */
function mutateInTurn(
  parts: readonly Admission[],
  intent: Intent,
): Draft | undefined | Promise<Draft | undefined> {
  let changed: Draft | undefined;
  for (const [position, part] of parts.entries()) {
    const object = changed ?? intent.object;
    const result = part.mutate?.({ ...intent, object });
    if (result instanceof Promise) {
      const rest = parts.slice(position + 1);
      return result.then(async (answer) => {
        const now = answer ?? changed;
        return (await mutateInTurn(rest, { ...intent, object: now ?? object })) ?? now;
      });
    }
    changed = result ?? changed;
  }
  return changed;
}

function checkInTurn(parts: readonly Admission[], intent: Intent): void | Promise<void> {
  for (const [position, part] of parts.entries()) {
    const result = part.check?.(intent);
    if (result instanceof Promise) {
      return result.then(() => checkInTurn(parts.slice(position + 1), intent));
    }
  }
}
