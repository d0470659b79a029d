// Claims in use and volumes that are bound stay although their deletion was asked for. Rules: upstream's pvc- and pv-protection controllers.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import {
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  podResource,
} from '@tweendeck/kube';
import { isFinished } from '../pod/pod-state.ts';
import { wantedClaims } from '../scheduler/volume-check.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';

/** A pod that has a node uses its claims until it has ended. */
function usesClaim(pod: Pod, name: string): boolean {
  return (
    Boolean(pod.spec.nodeName) &&
    !isFinished(pod) &&
    wantedClaims(pod).some((each) => each.name === name)
  );
}

export function claimProtectionController(): Controller {
  return defineController<PersistentVolumeClaim>({
    name: 'pvc-protection-controller',
    resource: persistentVolumeClaimResource,
    underDeletion: 'reconcile',
    watches: [
      watching(podResource, (pod) =>
        wantedClaims(pod).map(({ name }) => ({ namespace: pod.metadata.namespace ?? '', name })),
      ),
    ],
    async reconcile(claim, context): Promise<void> {
      if (!isHeld(claim, claimFinalizer)) return;
      const { client, signal } = context;
      const { namespace = '', name } = claim.metadata;
      const known = context.cache(podResource).list({ namespace });
      if (known.some((pod) => usesClaim(pod, name))) return;
      // A pod may just have been given a node.
      const { items } = await client.list(podResource, { namespace }, signal);
      if (items.some((pod) => usesClaim(pod, name))) return;
      await client.update(
        persistentVolumeClaimResource,
        without(claim, claimFinalizer),
        {},
        signal,
      );
    },
  });
}

export function volumeProtectionController(): Controller {
  return defineController<PersistentVolume>({
    name: 'pv-protection-controller',
    resource: persistentVolumeResource,
    underDeletion: 'reconcile',
    async reconcile(volume, { client, signal }): Promise<void> {
      if (!isHeld(volume, volumeFinalizer) || volume.status?.phase === 'Bound') return;
      await client.update(persistentVolumeResource, without(volume, volumeFinalizer), {}, signal);
    },
  });
}

function isHeld({ metadata }: KubeObject, finalizer: string): boolean {
  const held = metadata.finalizers?.includes(finalizer) ?? false;
  return held && metadata.deletionTimestamp !== undefined;
}

function without<Obj extends KubeObject>(object: Obj, finalizer: string): Obj {
  const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
