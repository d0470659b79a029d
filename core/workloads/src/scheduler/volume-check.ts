// Which nodes the claims of a pod leave it. Rules and texts: the VolumeBinding plugin of kube-scheduler.

import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from '@tweendeck/kube';
import {
  classNameOf,
  findVolume,
  isBound,
  isOnNode,
  isProvisioned,
  selectedNodeAnnotation,
  waitsForConsumer,
} from '../volume/volume-facts.ts';

/** What the server says of storage. */
export interface StorageView {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
}

export interface VolumeCheck {
  /** Why no node will do. */
  readonly hindrance: string | undefined;
  /** Claims that get their volume once they are told which node the pod goes to. */
  readonly waiting: readonly PersistentVolumeClaim[];
  /** Why this node will not do. */
  readonly problem: (node: Node) => string | undefined;
}

const nothingToCheck: VolumeCheck = {
  hindrance: undefined,
  waiting: [],
  problem: () => undefined,
};

export function checkVolumes(pod: Pod, view: StorageView): VolumeCheck {
  const bound: PersistentVolumeClaim[] = [];
  const waiting: PersistentVolumeClaim[] = [];
  const immediate: PersistentVolumeClaim[] = [];
  for (const wanted of wantedClaims(pod)) {
    const claim = view.claim(pod.metadata.namespace ?? '', wanted.name);
    const hindrance = hindranceOf(claim, wanted);
    if (!claim || hindrance !== undefined) return { ...nothingToCheck, hindrance };
    if (isBound(claim)) bound.push(claim);
    else if (!claim.spec.volumeName && waitsForConsumer(view.storageClass(classNameOf(claim))))
      waiting.push(claim);
    else immediate.push(claim);
  }
  if (immediate.length > 0) {
    const hindrance = 'pod has unbound immediate PersistentVolumeClaims';
    return { ...nothingToCheck, hindrance };
  }
  if (bound.length + waiting.length === 0) return nothingToCheck;
  const volumes = view.volumes();
  const problem = (node: Node): string | undefined => {
    for (const { spec } of bound) {
      const volume = volumes.find(({ metadata }) => metadata.name === spec.volumeName);
      if (!volume)
        return 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
      if (!isOnNode(volume, node)) return "node(s) didn't match PersistentVolume's node affinity";
    }
    const found = waiting.every((claim) => mayGetVolume(claim, node, view));
    return found ? undefined : "node(s) didn't find available persistent volumes to bind";
  };
  return { hindrance: undefined, waiting, problem };
}

interface WantedClaim {
  readonly name: string;
  readonly isEphemeral: boolean;
}

export function wantedClaims({ metadata, spec }: Pod): readonly WantedClaim[] {
  const volumes = spec.volumes ?? [];
  return volumes.flatMap(({ name, persistentVolumeClaim, ephemeral }): readonly WantedClaim[] => {
    if (persistentVolumeClaim) {
      return [{ name: persistentVolumeClaim.claimName, isEphemeral: false }];
    }
    return ephemeral ? [{ name: `${metadata.name}-${name}`, isEphemeral: true }] : [];
  });
}

function hindranceOf(
  claim: PersistentVolumeClaim | undefined,
  { name, isEphemeral }: WantedClaim,
): string | undefined {
  if (!claim) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName}"`;
  }
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  return undefined;
}

/** A node chosen before stays the choice: the volume may be in the making there. */
function mayGetVolume(claim: PersistentVolumeClaim, node: Node, view: StorageView): boolean {
  const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
  if (selected !== undefined) return selected === node.metadata.name;
  if (findVolume(claim, view.volumes(), node)) return true;
  return isProvisioned(view.storageClass(classNameOf(claim)));
}
