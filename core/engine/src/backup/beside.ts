// Writes into the status of a cluster beside what its engine says.

import type { ReconcileContext } from '@tweendeck/controller';
import type { ClusterObject, ClusterStatus } from '../cluster-spec.ts';
import type { BackedUpEngine } from './backed-up.ts';

/**
 * Says nothing of what the engine has seen: `observedGeneration` stays. Where conditions are written, only on the version
 * that was read: else others' would be lost.
 */
export async function writeBeside(
  { kind }: Pick<BackedUpEngine, 'kind'>,
  { metadata: { name, namespace = 'default', resourceVersion } }: ClusterObject<unknown>,
  status: Partial<ClusterStatus>,
  { client, signal }: Pick<ReconcileContext<ClusterObject<unknown>>, 'client' | 'signal'>,
): Promise<void> {
  const metadata = status.conditions ? { metadata: { resourceVersion } } : {};
  const patch = { type: 'merge', body: { ...metadata, status } } as const;
  const options = { subresource: 'status', fieldManager: 'backups' } as const;
  await client.patch(kind, { name, namespace }, patch, options, signal);
}
