// Where the claim of a pod's volume lies on this node.

import { join } from 'node:path';
import {
  localProvisioner,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type Volume,
} from '@tweendeck/kube';
import { PlatformError } from '@tweendeck/std';
import { persistentDirectory } from './pod-paths.ts';
import type { PodHost } from './runtime.ts';

export interface ClaimedVolume {
  readonly claim: PersistentVolumeClaim;
  readonly path: string;
  /** The directory is ours to make. */
  readonly isOurs: boolean;
  /** The type that a hostPath says it has. */
  readonly hostPathType: string;
}

/** Name of the claim that a volume stands for; undefined for other volumes. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined;
}

/** @throws PlatformError AGENT_VOLUME_FAILED while the claim is not bound to a volume that this node can use */
export async function findClaimed(
  { host, directory }: { readonly host: PodHost; readonly directory: string },
  { pod, name }: { readonly pod: Pod; readonly name: string },
  signal: AbortSignal,
): Promise<ClaimedVolume> {
  const { namespace = '', uid } = pod.metadata;
  const claim = await host.claim({ namespace, name }, signal);
  if (!claim) throw failed(`persistentvolumeclaim "${name}" not found`);
  const owner = claim.metadata.ownerReferences?.find(({ controller }) => controller);
  const isEphemeral = pod.spec.volumes?.some(
    (volume) => volume.ephemeral && claimNameOf(pod, volume) === name,
  );
  if (isEphemeral && owner?.uid !== uid) {
    throw failed(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    );
  }
  if (claim.metadata.deletionTimestamp)
    throw failed(`persistentvolumeclaim "${name}" is being deleted`);
  const { volumeName } = claim.spec;
  if (!volumeName || claim.status?.phase !== 'Bound') {
    throw failed(`PVC ${namespace}/${name} is not bound`);
  }
  const volume = await host.volume(volumeName, signal);
  if (volume?.spec.claimRef?.uid !== claim.metadata.uid) {
    throw failed(`PV ${volumeName} is not bound to PVC ${namespace}/${name}`);
  }
  return { claim, ...placeOf(volume, directory) };
}

function placeOf(
  { metadata, spec }: PersistentVolume,
  directory: string,
): Omit<ClaimedVolume, 'claim'> {
  const { csi, hostPath, local } = spec;
  if (csi?.driver === localProvisioner) {
    const path = persistentDirectory(directory, safeHandle(csi.volumeHandle));
    return { path, isOurs: true, hostPathType: '' };
  }
  if (hostPath) return { path: hostPath.path, isOurs: false, hostPathType: hostPath.type ?? '' };
  if (local) return { path: local.path, isOurs: false, hostPathType: 'Directory' };
  throw failed(`PV ${metadata.name} is of a kind that does not exist in this home`);
}

/** Whoever writes volumes must not reach other directories. */
export function safeHandle(handle: string): string {
  if (/^[a-z0-9][a-z0-9.-]*$/.test(handle)) return handle;
  throw failed(`"${join(handle)}" is no name of a directory`);
}

function failed(message: string): PlatformError {
  return new PlatformError('AGENT_VOLUME_FAILED', message, {
    hint: 'See the claim, its volume and their storage class.',
  });
}
