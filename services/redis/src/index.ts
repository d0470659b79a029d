// The public surface of redis.

export { redisErrors } from './errors.ts';
export { redisClusterController, redisClusterKind } from './redis-cluster.ts';
