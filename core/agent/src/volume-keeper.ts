// Removes the directories of this node's persistent volumes whose deletion was asked for, unless they are to be retained.

import type { Client, Informer } from '@tweendeck/client';
import {
  directoryFinalizer,
  isApiError,
  localProvisioner,
  type PersistentVolume,
  persistentVolumeResource,
} from '@tweendeck/kube';
import { backoffMs, type Clock, isAbort, type Logger, type Random } from '@tweendeck/std';
import { safeHandle } from './claimed-volume.ts';
import { removeTree } from './files.ts';
import { Nudge } from './nudge.ts';
import { persistentDirectory } from './pod-paths.ts';

/** What becomes of a volume's directory: `leave` lets the object of the volume go without it. */
export type DirectoryFate = 'keep' | 'remove' | 'leave';

export function fateOf(volume: PersistentVolume, nodeName: string): DirectoryFate {
  const { metadata, spec, status } = volume;
  const isOurs = spec.csi?.driver === localProvisioner && liesOn(volume, nodeName);
  const waits = metadata.deletionTimestamp !== undefined && status?.phase !== 'Bound';
  if (!isOurs || !waits || !metadata.finalizers?.includes(directoryFinalizer)) return 'keep';
  return spec.persistentVolumeReclaimPolicy === 'Delete' ? 'remove' : 'leave';
}

function liesOn({ spec }: PersistentVolume, nodeName: string): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return terms.some((term) =>
    term.matchExpressions?.some(
      ({ key, values }) => key === 'kubernetes.io/hostname' && values?.includes(nodeName),
    ),
  );
}

export interface VolumeKeeperOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeName: string;
  readonly directory: string;
  readonly volumes: Informer<PersistentVolume>;
}

/** Runs until aborted. */
export async function keepVolumes(
  options: VolumeKeeperOptions,
  signal: AbortSignal,
): Promise<void> {
  const { volumes, clock, random, log, nodeName } = options;
  const changes = new Nudge();
  await volumes.synced;
  using _ = volumes.subscribe({ updated: () => changes.notify(), deleted: () => undefined });
  for (let failures = 0; ; ) {
    const seen = changes.version;
    let hasFailed = false;
    for (const volume of volumes.list()) {
      const fate = fateOf(volume, nodeName);
      if (fate === 'keep') continue;
      try {
        await giveUp(volume, fate, options, signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        hasFailed = true;
        log.warn('the directory of a volume could not be removed', {
          volume: volume.metadata.name,
          error,
        });
      }
    }
    if (hasFailed) {
      await clock.sleep(backoffMs({ baseMs: 200, maxMs: 60_000 }, failures++, random), signal);
    } else {
      failures = 0;
      await changes.changed(seen, signal);
    }
  }
}

async function giveUp(
  { metadata, spec }: PersistentVolume,
  fate: 'remove' | 'leave',
  { client, directory }: VolumeKeeperOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid, resourceVersion, finalizers = [] } = metadata;
  const handle = spec.csi?.volumeHandle ?? '';
  if (fate === 'remove') await removeTree(persistentDirectory(directory, safeHandle(handle)));
  const kept = finalizers.filter((each) => each !== directoryFinalizer);
  const body = { metadata: { uid, resourceVersion, finalizers: kept } };
  const patch = { type: 'merge', body } as const; // the literal is the kind of patch
  try {
    await client.patch(persistentVolumeResource, { name }, patch, {}, signal);
  } catch (error) {
    // It is gone, or has changed: then it comes by again.
    if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
  }
}
