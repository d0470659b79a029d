// The storage class that a home has from the start: directories on the node where the first pod of a claim runs.

import type { Client } from '@tweendeck/client';
import {
  type Input,
  isApiError,
  localProvisioner,
  type StorageClass,
  storageClassResource,
} from '@tweendeck/kube';

/** Made once; whoever changes or deletes it is not contradicted until the next start. */
export async function ensureDefaultStorageClass(
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  const storageClass: Input<StorageClass> = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: 'local',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: localProvisioner,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  };
  try {
    await client.create(storageClassResource, storageClass, {}, signal);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}
