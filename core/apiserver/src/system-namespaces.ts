// The namespaces that are always there.

import { isApiError } from '@tweendeck/kube';
import { createObject } from './create.ts';
import type { Draft } from './draft.ts';
import { internalWriting } from './internal-writing.ts';
import { admitted, type Services } from './resource-call.ts';

const names = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Creates those that are missing. */
export async function systemNamespaces(services: Services, signal: AbortSignal): Promise<void> {
  const resource = services.registry.find('', 'v1', 'namespaces');
  if (!resource) return;
  for (const name of names) {
    signal.throwIfAborted();
    if (services.state.resource(resource.storagePrefix).get(name)) continue;
    const writing = internalWriting(services, { resource, verb: 'create' });
    const draft: Draft = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    try {
      await createObject(writing, admitted(writing, draft));
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}
