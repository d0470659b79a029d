// What of Redis can be backed up, and the programs that read and fill its members.

import type { BackedUpEngine, BackupProgram } from '@tweendeck/engine';
import { redisClusterEngine, redisClusterKind } from '../redis-cluster.ts';
import { redisClusterBackup } from './cluster-program.ts';

export const redisBackups: readonly BackedUpEngine[] = [
  { kind: redisClusterKind, engine: redisClusterEngine() },
];

/** By kind. */
export const redisBackupPrograms: Readonly<Record<string, BackupProgram>> = {
  [redisClusterKind.kind]: redisClusterBackup,
};
