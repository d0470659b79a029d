// The public surface of memcached.

export { memcachedController, memcachedKind } from './memcached.ts';
