// The public surface of redis.

export { redisBackupPrograms, redisBackups } from './backup/backups.ts';
export { redisErrors } from './errors.ts';
export { redisClusterController, redisClusterKind, redisClusterModule } from './redis-cluster.ts';
export { redisSentinelKind, redisSentinelModule } from './sentinel/redis-sentinel.ts';
