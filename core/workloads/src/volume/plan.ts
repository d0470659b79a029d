// How a claim comes to its volume, and what becomes of a volume. Rules and texts: upstream's persistent volume controller.

import {
  compareQuantities,
  localProvisioner,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@tweendeck/kube';
import {
  betaProvisionerAnnotation,
  capacityOf,
  classNameOf,
  findVolume,
  isBound,
  isProvisioned,
  isReservedFor,
  provisionerAnnotation,
  requestedSize,
  selectedNodeAnnotation,
  waitsForConsumer,
} from './volume-facts.ts';

export interface ClaimObservation {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: StorageClass | undefined;
  readonly nodes: readonly Node[];
}

interface VolumeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimAction =
  /** It has what it asked for, or nothing can be done now. */
  | {
      readonly action: 'rest';
      readonly phase: 'Bound' | 'Lost' | 'Pending';
      readonly event?: VolumeEvent;
    }
  /** Volume and claim are told of one another, or both told so already and only their phases are missing. */
  | { readonly action: 'bind'; readonly volume: PersistentVolume }
  /** Somebody is asked to make a volume: annotations to set. */
  | {
      readonly action: 'ask';
      readonly annotations: Readonly<Record<string, string | null>>;
      readonly event: VolumeEvent;
    }
  /** A volume of our own is made on this node. */
  | { readonly action: 'provision'; readonly nodeName: string; readonly storageClass: StorageClass }
  /** The volume grows to what the claim asks for now. */
  | { readonly action: 'grow'; readonly volume: PersistentVolume };

export function planClaim(observed: ClaimObservation): ClaimAction {
  const { claim, volumes } = observed;
  const { volumeName } = claim.spec;
  if (!volumeName) return planUnbound(observed);
  const volume = volumes.find(({ metadata }) => metadata.name === volumeName);
  if (isBound(claim)) return planBound(observed, volume);
  if (!volume) return { action: 'rest', phase: 'Pending' };
  if (!volume.spec.claimRef || isReservedFor(volume, claim)) return { action: 'bind', volume };
  return { action: 'rest', phase: 'Pending' };
}

function planBound(
  { claim, storageClass }: ClaimObservation,
  volume: PersistentVolume | undefined,
): ClaimAction {
  const warn = (reason: string, message: string): VolumeEvent => ({
    type: 'Warning',
    reason,
    message,
  });
  if (!volume) {
    const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return { action: 'rest', phase: 'Lost', event: warn('ClaimLost', message) };
  }
  if (!volume.spec.claimRef) return { action: 'bind', volume };
  if (!isReservedFor(volume, claim)) {
    const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
    return { action: 'rest', phase: 'Lost', event: warn('ClaimMisbound', message) };
  }
  const wanted = requestedSize(claim);
  const ours = volume.spec.csi?.driver === localProvisioner;
  const grows = compareQuantities(wanted, capacityOf(volume)) > 0;
  if (ours && grows && storageClass?.allowVolumeExpansion) return { action: 'grow', volume };
  return { action: 'bind', volume };
}

function planUnbound({ claim, volumes, storageClass, nodes }: ClaimObservation): ClaimAction {
  const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
  const reserved = volumes.find(
    (each) => !each.metadata.deletionTimestamp && each.spec.claimRef && isReservedFor(each, claim),
  );
  if (waitsForConsumer(storageClass) && selected === undefined && !reserved) {
    const message = 'waiting for first consumer to be created before binding';
    const event = { type: 'Normal', reason: 'WaitForFirstConsumer', message } as const;
    return { action: 'rest', phase: 'Pending', event };
  }
  const node = nodes.find(({ metadata }) => metadata.name === selected);
  const volume = reserved ?? findVolume(claim, volumes, node);
  if (volume) return { action: 'bind', volume };
  if (!storageClass || !isProvisioned(storageClass))
    return { action: 'rest', phase: 'Pending', event: failure(claim, storageClass) };
  const { provisioner } = storageClass;
  const { annotations = {} } = claim.metadata;
  if (annotations[provisionerAnnotation] !== provisioner) {
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    return {
      action: 'ask',
      annotations: {
        [provisionerAnnotation]: provisioner,
        [betaProvisionerAnnotation]: provisioner,
      },
      event: { type: 'Normal', reason: 'ExternalProvisioning', message },
    };
  }
  return provisioner === localProvisioner
    ? planProvision(claim, storageClass, { selected, nodes })
    : { action: 'rest', phase: 'Pending' };
}

function failure(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
): VolumeEvent {
  const name = classNameOf(claim);
  if (storageClass || name === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return { type: 'Normal', reason: 'FailedBinding', message };
  }
  const message = `storageclass.storage.k8s.io "${name}" not found`;
  return { type: 'Warning', reason: 'ProvisioningFailed', message };
}

const unsupportedModes: ReadonlySet<string> = new Set(['ReadOnlyMany', 'ReadWriteMany']);

/** Directories of one node can be written by the pods of that node alone, and are no devices. */
function planProvision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  { selected, nodes }: { readonly selected: string | undefined; readonly nodes: readonly Node[] },
): ClaimAction {
  const refuse = (message: string): ClaimAction => ({
    action: 'rest',
    phase: 'Pending',
    event: {
      type: 'Warning',
      reason: 'ProvisioningFailed',
      message: `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${message}`,
    },
  });
  if (claim.spec.volumeMode === 'Block') return refuse('block volumes are not supported');
  if (claim.spec.selector) return refuse('claim.Spec.Selector is not supported');
  const ready = nodes.filter(isReady);
  const many = (claim.spec.accessModes ?? []).find((mode) => unsupportedModes.has(mode));
  if (many && nodes.length > 1) return refuse(`${many} is not supported with several nodes`);
  const chosen =
    selected === undefined ? ready[0] : nodes.find(({ metadata }) => metadata.name === selected);
  if (!chosen && selected !== undefined) {
    // The scheduler is to choose another.
    const event = {
      type: 'Warning',
      reason: 'ProvisioningFailed',
      message: `node "${selected}" not found`,
    } as const;
    return { action: 'ask', annotations: { [selectedNodeAnnotation]: null }, event };
  }
  if (!chosen) return refuse('no node is ready');
  return { action: 'provision', nodeName: chosen.metadata.name, storageClass };
}

function isReady({ status, spec }: Node): boolean {
  const ready = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  return ready === true && !spec?.unschedulable;
}

export interface VolumeObservation {
  readonly volume: PersistentVolume;
  /** The claim that it names, if there is one of that name. */
  readonly claim: PersistentVolumeClaim | undefined;
}

export type VolumePhase = 'Available' | 'Bound' | 'Released';

/** The phase of a volume: reserved for a claim that is gone it is released, and its reclaim policy says what follows. */
export function phaseOfVolume({ volume, claim }: VolumeObservation): VolumePhase | undefined {
  const { claimRef } = volume.spec;
  if (!claimRef) return 'Available';
  if (!claimRef.uid) return claim ? undefined : 'Available';
  if (claim?.metadata.uid !== claimRef.uid) return 'Released';
  return claim.spec.volumeName === volume.metadata.name ? 'Bound' : undefined;
}

/** Of other volumes their own provisioners take care. */
export function isToDelete(volume: PersistentVolume, phase: VolumePhase | undefined): boolean {
  const { csi, persistentVolumeReclaimPolicy } = volume.spec;
  const isOurs = csi?.driver === localProvisioner && persistentVolumeReclaimPolicy === 'Delete';
  return isOurs && phase === 'Released' && !volume.metadata.deletionTimestamp;
}
