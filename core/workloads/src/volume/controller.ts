// Binds claims to volumes, has volumes made and grown, and keeps the phases of both.

import {
  type Controller,
  defineController,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  directoryFinalizer,
  type Input,
  isApiError,
  localProvisioner,
  nodeResource,
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  refOf,
  type StorageClass,
  storageClassResource,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { writeStatus } from '../owner/status-writer.ts';
import { isToDelete, phaseOfVolume, planClaim } from './plan.ts';
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  claimReference,
  classNameOf,
  provisionedByAnnotation,
} from './volume-facts.ts';

type Context = ReconcileContext<PersistentVolumeClaim>;

export function claimController(): Controller {
  return defineController<PersistentVolumeClaim>({
    name: 'persistentvolume-binder',
    resource: persistentVolumeClaimResource,
    // One at a time: two claims must not be given the same volume.
    concurrency: 1,
    watches: [
      watching(persistentVolumeResource, (volume, cache) => {
        const { claimRef } = volume.spec;
        if (claimRef) return [{ namespace: claimRef.namespace ?? '', name: claimRef.name ?? '' }];
        const waiting = cache(persistentVolumeClaimResource).list();
        return waiting
          .filter(({ spec }) => !spec.volumeName || spec.volumeName === volume.metadata.name)
          .map(refOf);
      }),
      watching(storageClassResource, ({ metadata }, cache) =>
        cache(persistentVolumeClaimResource)
          .list()
          .filter((claim) => classNameOf(claim) === metadata.name)
          .map(refOf),
      ),
      watching(nodeResource, (_node, cache) =>
        cache(persistentVolumeClaimResource)
          .list()
          .filter(({ spec }) => !spec.volumeName)
          .map(refOf),
      ),
    ],
    reconcile: reconcileClaim,
  });
}

async function reconcileClaim(claim: PersistentVolumeClaim, context: Context): Promise<void> {
  const storageClass = context.cache(storageClassResource).get({ name: classNameOf(claim) });
  const plan = planClaim({
    claim,
    volumes: context.cache(persistentVolumeResource).list(),
    storageClass,
    nodes: context.cache(nodeResource).list(),
  });
  switch (plan.action) {
    case 'rest':
      if (plan.event) context.event(plan.event.type, plan.event.reason, plan.event.message);
      await writeClaimStatus(claim, { ...claim.status, phase: plan.phase }, context);
      return;
    case 'bind':
      await bind(claim, plan.volume, context);
      return;
    case 'ask': {
      const body = { metadata: { uid: claim.metadata.uid, annotations: plan.annotations } };
      await context.client.patch(
        persistentVolumeClaimResource,
        refOf(claim),
        { type: 'merge', body },
        {},
        context.signal,
      );
      context.event(plan.event.type, plan.event.reason, plan.event.message);
      return;
    }
    case 'provision':
      await provision(claim, plan, context);
      return;
    case 'grow':
      await grow(claim, plan.volume, context);
      return;
  }
}

async function writeClaimStatus(
  claim: PersistentVolumeClaim,
  status: NonNullable<PersistentVolumeClaim['status']>,
  { client, signal }: Context,
): Promise<void> {
  await writeStatus(persistentVolumeClaimResource, claim, status, client, signal);
}

/** First the volume names the claim: from then on nobody else gets it. Each step stands by itself and is not done twice. */
async function bind(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  context: Context,
): Promise<void> {
  const { client, signal } = context;
  const taken = await reserve(claim, volume, context);
  let bound = claim;
  if (
    claim.spec.volumeName !== taken.metadata.name ||
    !claim.metadata.annotations?.[bindCompletedAnnotation]
  ) {
    const { uid, resourceVersion } = claim.metadata;
    const annotations = {
      [bindCompletedAnnotation]: 'yes',
      ...(claim.spec.volumeName ? {} : { [boundByControllerAnnotation]: 'yes' }),
    };
    const metadata = { uid, resourceVersion, annotations };
    const body = { metadata, spec: { volumeName: taken.metadata.name } };
    const patch = { type: 'merge', body } as const; // the literal is the kind of patch
    bound = await client.patch(persistentVolumeClaimResource, refOf(claim), patch, {}, signal);
  }
  const { accessModes, capacity } = taken.spec;
  const { conditions: _, ...rest } = claim.status ?? {};
  await writeClaimStatus(
    bound,
    {
      ...rest,
      phase: 'Bound',
      ...(accessModes ? { accessModes } : {}),
      ...(capacity ? { capacity } : {}),
    },
    context,
  );
}

async function reserve(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  { client, signal }: Context,
): Promise<PersistentVolume> {
  const { claimRef, storageClassName } = volume.spec;
  if (claimRef?.uid === claim.metadata.uid) return volume;
  const { uid, resourceVersion } = volume.metadata;
  const annotations = claimRef ? {} : { [boundByControllerAnnotation]: 'yes' };
  const body = {
    metadata: { uid, resourceVersion, annotations },
    spec: {
      claimRef: claimReference(claim),
      storageClassName: storageClassName ?? classNameOf(claim),
    },
  };
  const patch = { type: 'merge', body } as const; // the literal is the kind of patch
  return client.patch(persistentVolumeResource, refOf(volume), patch, {}, signal);
}

/** Makes the object of a volume; the directory is made by the node when a pod first needs it. */
async function provision(
  claim: PersistentVolumeClaim,
  { nodeName, storageClass }: { readonly nodeName: string; readonly storageClass: StorageClass },
  context: Context,
): Promise<void> {
  const { client, signal } = context;
  const volume = volumeFor(claim, { nodeName, storageClass });
  try {
    const made = await client.create(persistentVolumeResource, volume, {}, signal);
    const message = `Successfully provisioned volume ${made.metadata.name}`;
    context.event('Normal', 'ProvisioningSucceeded', message);
    await bind(claim, made, context);
  } catch (error) {
    if (isApiError(error, 'AlreadyExists') || isApiError(error, 'Conflict')) throw error;
    signal.throwIfAborted();
    const why = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${messageOf(error)}`;
    context.event('Warning', 'ProvisioningFailed', why);
    throw error;
  }
}

/** The same for a claim however often it is worked out: a claim cannot have two. */
function volumeFor(
  claim: PersistentVolumeClaim,
  { nodeName, storageClass }: { readonly nodeName: string; readonly storageClass: StorageClass },
): Input<PersistentVolume> {
  const name = `pvc-${claim.metadata.uid}`;
  const { accessModes, resources } = claim.spec;
  const requirement = {
    key: 'kubernetes.io/hostname',
    operator: 'In',
    values: [nodeName],
  } as const; // the literal is the operator
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      annotations: { [provisionedByAnnotation]: localProvisioner },
      finalizers: [directoryFinalizer],
    },
    spec: {
      ...(accessModes ? { accessModes } : {}),
      capacity: { storage: resources?.requests?.['storage'] ?? '0' },
      claimRef: claimReference(claim),
      csi: { driver: localProvisioner, volumeHandle: name },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [requirement] }] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      ...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
      volumeMode: 'Filesystem',
    },
  };
}

async function grow(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  context: Context,
): Promise<void> {
  const { client, signal } = context;
  const storage = claim.spec.resources?.requests?.['storage'] ?? '0';
  const { uid, resourceVersion } = volume.metadata;
  const body = { metadata: { uid, resourceVersion }, spec: { capacity: { storage } } };
  const patch = { type: 'merge', body } as const; // the literal is the kind of patch
  const grown = await client.patch(persistentVolumeResource, refOf(volume), patch, {}, signal);
  await bind(claim, grown, context);
  const message = `Volume ${volume.metadata.name} has room for ${storage} now`;
  context.event('Normal', 'VolumeResizeSuccessful', message);
}

export function volumeController(): Controller {
  return defineController<PersistentVolume>({
    name: 'persistentvolume-phases',
    resource: persistentVolumeResource,
    underDeletion: 'reconcile',
    watches: [
      watching(persistentVolumeClaimResource, (claim, cache) =>
        cache(persistentVolumeResource)
          .list()
          .filter(
            ({ metadata, spec }) =>
              metadata.name === claim.spec.volumeName ||
              (spec.claimRef?.name === claim.metadata.name &&
                spec.claimRef.namespace === claim.metadata.namespace),
          )
          .map(refOf),
      ),
    ],
    async reconcile(volume, context): Promise<void> {
      const { client, signal } = context;
      const { claimRef } = volume.spec;
      const ref = { namespace: claimRef?.namespace ?? '', name: claimRef?.name ?? '' };
      let claim = claimRef && context.cache(persistentVolumeClaimResource).get(ref);
      if (claimRef?.uid && claim?.metadata.uid !== claimRef.uid) {
        // A cache may lag behind: the server itself has to say that the claim is gone.
        claim = await client.get(persistentVolumeClaimResource, ref, signal);
      }
      const phase = phaseOfVolume({ volume, claim });
      if (phase !== undefined && volume.status?.phase !== phase) {
        const status = { ...volume.status, phase };
        await writeStatus(persistentVolumeResource, volume, status, client, signal);
      }
      if (!isToDelete(volume, phase)) return;
      // The node removes the directory, and lets the object go.
      const { uid } = volume.metadata;
      await client.delete(
        persistentVolumeResource,
        refOf(volume),
        { preconditions: { uid } },
        signal,
      );
    },
  });
}
