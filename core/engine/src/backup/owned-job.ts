// The Job of an attempt, as it stands.

import type { ReconcileContext } from '@tweendeck/controller';
import { jobResource, type KubeObject, type Pod, podResource } from '@tweendeck/kube';
import { type JobOutcome, jobOutcome, podWaits } from './job-outcome.ts';

export interface OwnedJob {
  readonly outcome: JobOutcome;
  /** Why its pod does not begin. */
  readonly waits: string | undefined;
}

/** Undefined when there is none of this owner. `labels` are those of its pods. */
export async function ownedJob<Obj extends KubeObject>(
  owner: Obj,
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  { cache, client, signal }: Pick<ReconcileContext<Obj>, 'cache' | 'client' | 'signal'>,
): Promise<OwnedJob | undefined> {
  const { namespace = 'default', uid } = owner.metadata;
  const ref = { name, namespace };
  const job = cache(jobResource).get(ref) ?? (await client.get(jobResource, ref, signal));
  const holder = job?.metadata.ownerReferences?.find(({ controller }) => controller);
  if (job === undefined || holder?.uid !== uid || job.metadata.deletionTimestamp) return undefined;
  const isItsOwn = ({ metadata }: Pod): boolean =>
    metadata.ownerReferences?.some((reference) => reference.uid === job.metadata.uid) ?? false;
  const pods = cache(podResource).list({ namespace, labels }).filter(isItsOwn);
  return { outcome: jobOutcome(job, pods), waits: podWaits(pods) };
}
