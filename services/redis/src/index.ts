// The public surface of redis.

export { redisErrors } from './errors.ts';
export { redisClusterController, redisClusterKind } from './redis-cluster.ts';
export { redisSentinelController, redisSentinelKind } from './sentinel/redis-sentinel.ts';
