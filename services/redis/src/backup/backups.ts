// What of Redis can be backed up, and the programs that read and fill its members.

import type { BackedUpEngine, BackupProgram } from '@tweendeck/engine';
import { redisClusterEngine, redisClusterKind } from '../cluster/redis-cluster.ts';
import { redisSentinelEngine, redisSentinelKind } from '../sentinel/redis-sentinel.ts';
import { redisClusterBackup } from './cluster-program.ts';
import { redisSentinelBackup } from './sentinel-program.ts';

export const redisBackups: readonly BackedUpEngine[] = [
  { kind: redisClusterKind, engine: redisClusterEngine() },
  { kind: redisSentinelKind, engine: redisSentinelEngine() },
];

/** By kind. */
export const redisBackupPrograms: Readonly<Record<string, BackupProgram>> = {
  [redisClusterKind.kind]: redisClusterBackup,
  [redisSentinelKind.kind]: redisSentinelBackup,
};
