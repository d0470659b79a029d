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

const inUse =
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';

/** @param isUsed whether a placed pod uses the claim `namespace/name` */
export function checkVolumes(
  pod: Pod,
  view: StorageView,
  isUsed: (claim: string) => boolean,
): VolumeCheck {
  const bound: PersistentVolumeClaim[] = [];
  const waiting: PersistentVolumeClaim[] = [];
  const immediate: PersistentVolumeClaim[] = [];
  let taken = false;
  for (const wanted of wantedClaims(pod)) {
    const claim = view.claim(pod.metadata.namespace ?? '', wanted.name);
    const hindrance = hindranceOf(claim, wanted);
    if (!claim || hindrance !== undefined) return { ...nothingToCheck, hindrance };
    taken ||=
      claim.spec.accessModes?.includes('ReadWriteOncePod') === true &&
      isUsed(`${claim.metadata.namespace ?? ''}/${claim.metadata.name}`);
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
  const held = bound.map(({ spec }) =>
    volumes.find(({ metadata }) => metadata.name === spec.volumeName),
  );
  const problem = (node: Node): string | undefined => {
    if (taken) return inUse;
    for (const volume of held) {
      if (!volume)
        return 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
      if (!isOnNode(volume, node)) return "node(s) didn't match PersistentVolume's node affinity";
    }
    if (!waiting.every((claim) => mayGetVolume(claim, node, view))) {
      return "node(s) didn't find available persistent volumes to bind";
    }
    return held.every((volume) => !volume || isInZone(volume, node))
      ? undefined
      : 'node(s) had no available volume zone';
  };
  return { hindrance: undefined, waiting, problem };
}

const zoneLabels = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];

/** A volume's labels may name zones; nodes that know of no zones take all volumes. After the VolumeZone plugin. */
function isInZone({ metadata }: PersistentVolume, node: Node): boolean {
  const { labels = {} } = node.metadata;
  if (!zoneLabels.some((key) => labels[key] !== undefined)) return true;
  return zoneLabels.every((key) => {
    const wanted = metadata.labels?.[key];
    const value = labels[key];
    return wanted === undefined || (value !== undefined && wanted.split('__').includes(value));
  });
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
