// The controller that keeps what clusters say of their backups: fills those that are new, of each engine one.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import { jobResource, podResource } from '@tweendeck/kube';
import type { ClusterObject } from '../cluster-spec.ts';
import type { BackedUpEngine } from './backed-up.ts';
import { backupKind } from './backup-kind.ts';
import type { DirectoryRule } from './place.ts';
import { restorePass } from './restore-pass.ts';

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
    watches: [
      watching(podResource, () => []),
      watching(backupKind, ({ metadata: { name, namespace = 'default' } }, cache) =>
        cache(kind)
          .list({ namespace })
          .filter(({ spec }) => spec.restore?.backup === name)
          .map(({ metadata }) => ({ namespace, name: metadata.name })),
      ),
    ],
    reconcile: async (cluster, context) => {
      const restoreMs = await restorePass({ engine, cluster, directories }, context);
      return restoreMs === undefined ? undefined : { requeueAfterMs: restoreMs };
    },
  });
}
