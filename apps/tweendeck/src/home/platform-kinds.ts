// Installs the platform's own kinds, as CustomResourceDefinitions.

import type { Applied, Client } from '@tweendeck/client';
import { customResourceDefinitionResource } from '@tweendeck/kube';
import { platformKinds } from '../platform.ts';

/** Applies every definition; their objects are served when this returns. */
export async function installKinds(client: Client, signal: AbortSignal): Promise<void> {
  for (const kind of platformKinds) {
    // A definition is an object like any other; apply takes the part of it that we own, which is all of it.
    const definition = kind.crd() as unknown as Applied;
    await client.apply(
      customResourceDefinitionResource,
      definition,
      { fieldManager: 'tweendeck', force: true },
      signal,
    );
  }
}
