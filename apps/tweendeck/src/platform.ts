// What the platform is made of, whichever home it runs in: the kinds it brings and the controllers that serve them.

import { cacheServerModule } from '@tweendeck/cacheserver';
import type { Controller } from '@tweendeck/controller';
import { backupKind, type EngineFigures, type EngineModule } from '@tweendeck/engine';
import type { Kind } from '@tweendeck/kube';
import { memcachedModule } from '@tweendeck/memcached';
import { redisClusterModule, redisSentinelModule } from '@tweendeck/redis';

/** The middleware that the generic reconciler runs. */
export const platformEngines: readonly EngineModule[] = [
  cacheServerModule,
  memcachedModule,
  redisClusterModule,
  redisSentinelModule,
];

/** The kinds that an API server must know before controllers run. */
export const platformKinds: readonly Kind[] = [
  backupKind,
  ...platformEngines.map(({ kind }) => kind),
];

/** The platform's own controllers; Kubernetes' built-in ones are not among them. What engines see is told in `figures`. */
export function platformControllers(figures?: EngineFigures): readonly Controller[] {
  return platformEngines.map((engine) => engine.controller(figures));
}
