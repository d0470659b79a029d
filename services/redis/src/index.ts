// The public surface of redis.

export { redisBackupPrograms, redisBackups } from './backup/backups.ts';
export {
  redisClusterController,
  redisClusterKind,
  redisClusterModule,
} from './cluster/redis-cluster.ts';
export { redisErrors } from './errors.ts';
export { expiringIn } from './expiring.ts';
export { redisSentinelKind, redisSentinelModule } from './sentinel/redis-sentinel.ts';
