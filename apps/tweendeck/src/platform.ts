// What the platform is made of, whichever home it runs in: the kinds it brings and the controllers that serve them.

import { cacheServerController, cacheServerKind } from '@tweendeck/cacheserver';
import type { Controller } from '@tweendeck/controller';
import type { Kind } from '@tweendeck/kube';
import { memcachedController, memcachedKind } from '@tweendeck/memcached';
import {
  redisClusterController,
  redisClusterKind,
  redisSentinelController,
  redisSentinelKind,
} from '@tweendeck/redis';

/** The kinds that an API server must know before controllers run. */
export const platformKinds: readonly Kind[] = [
  cacheServerKind,
  memcachedKind,
  redisClusterKind,
  redisSentinelKind,
];

/** The platform's own controllers; Kubernetes' built-in ones are not among them. */
export function platformControllers(): readonly Controller[] {
  return [
    cacheServerController(),
    memcachedController(),
    redisClusterController(),
    redisSentinelController(),
  ];
}
