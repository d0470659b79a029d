// Writes into the status of a cluster beside what its engine says.

import type { ReconcileContext } from '@tweendeck/controller';
import type { ClusterObject, ClusterStatus } from '../cluster-spec.ts';
import type { BackedUpEngine } from './backed-up.ts';

/** Says nothing of what the engine has seen: `observedGeneration` stays. */
export async function writeBeside(
  { kind }: Pick<BackedUpEngine, 'kind'>,
  { metadata: { name, namespace = 'default' } }: ClusterObject<unknown>,
  status: Partial<ClusterStatus>,
  { client, signal }: Pick<ReconcileContext<ClusterObject<unknown>>, 'client' | 'signal'>,
): Promise<void> {
  const patch = { type: 'merge', body: { status } } as const;
  const options = { subresource: 'status', fieldManager: 'backups' } as const;
  await client.patch(kind, { name, namespace }, patch, options, signal);
}
