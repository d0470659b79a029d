// The namespaces that are always there.

import { isApiError } from '@tweendeck/kube';
import { createObject } from './create.ts';
import type { Services } from './resource-call.ts';
import { admitted, writingOf } from './resource-call.ts';
import { systemUser } from './users.ts';

const names = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Creates those that are missing. */
export async function systemNamespaces(services: Services, signal: AbortSignal): Promise<void> {
  const resource = services.registry.find('', 'v1', 'namespaces');
  if (!resource) return;
  for (const name of names) {
    signal.throwIfAborted();
    if (services.state.resource(resource.storagePrefix).get(name)) continue;
    const writing = writingOf(
      {
        services,
        resource,
        user: systemUser('apiserver'),
        http: { method: 'POST', path: '', headers: { 'user-agent': 'tweendeck-apiserver' } },
        request: {
          verb: 'create',
          group: '',
          version: 'v1',
          namespace: '',
          plural: 'namespaces',
          name: '',
          subresource: '',
          query: new URLSearchParams(),
        },
      },
      'CreateOptions',
    );
    try {
      await createObject(
        writing,
        admitted(writing, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
      );
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}
