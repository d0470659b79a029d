// The priority classes that are always there.

import { isApiError } from '@tweendeck/kube';
import { createObject } from './create.ts';
import type { Draft } from './draft.ts';
import { internalWriting } from './internal-writing.ts';
import { systemPriorityClasses as classes } from './kinds/priority-class-rules.ts';
import { admitted, type Services } from './resource-call.ts';

/** Creates those that are missing. */
export async function systemPriorityClasses(
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const resource = services.registry.find('scheduling.k8s.io', 'v1', 'priorityclasses');
  if (!resource) return;
  for (const { name, value, description } of classes) {
    signal.throwIfAborted();
    if (services.state.resource(resource.storagePrefix).get(name)) continue;
    const writing = internalWriting(services, { resource, verb: 'create' });
    const draft: Draft = {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      description,
    };
    try {
      await createObject(writing, admitted(writing, draft));
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}
