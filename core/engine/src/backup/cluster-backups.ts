// The controller that keeps what clusters say of their backups: fills those that are new, and
// makes backups on their schedules. One for each engine.

import {
  type Controller,
  defineController,
  type Outcome,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import { isApiError, jobResource, podResource } from '@tweendeck/kube';
import type { ClusterObject } from '../cluster-spec.ts';
import type { BackedUpEngine } from './backed-up.ts';
import { backupKind } from './backup-kind.ts';
import type { DirectoryRule } from './place.ts';
import { type RestoreInput, restorePass } from './restore-pass.ts';
import { schedulePass } from './schedule-pass.ts';

/** Field manager and event source is the engine's component with `-backups`. */
export function clusterBackupsController(
  engine: BackedUpEngine,
  directories: DirectoryRule,
): Controller {
  const { kind } = engine;
  return defineController<ClusterObject<unknown>>({
    name: `${engine.engine.component}-backups`,
    resource: kind,
    owns: [jobResource],
    makes: [backupKind],
    ends: [backupKind],
    watches: [
      watching(podResource, () => []),
      watching(backupKind, ({ metadata: { name, namespace = 'default' }, spec }, cache) =>
        cache(kind)
          .list({ namespace })
          .filter(({ metadata, spec: { restore } }) => {
            const isItsOwn = spec.cluster.name === metadata.name;
            return restore?.backup === name || (isItsOwn && spec.cluster.kind === kind.kind);
          })
          .map(({ metadata }) => ({ namespace, name: metadata.name })),
      ),
    ],
    reconcile: (cluster, context) => pass({ engine, cluster, directories }, context),
  });
}

async function pass(
  input: RestoreInput,
  context: ReconcileContext<ClusterObject<unknown>>,
): Promise<Outcome> {
  try {
    const times = [
      await restorePass(input, context),
      await schedulePass(input.engine, input.cluster, context),
    ].filter((time) => time !== undefined);
    return times.length > 0 ? { requeueAfterMs: Math.min(...times) } : undefined;
  } catch (error) {
    if (!isApiError(error, 'Conflict')) throw error;
    return { requeueAfterMs: conflictMs }; // its engine wrote meanwhile
  }
}

const conflictMs = 500;
