// The public surface of memcached.

export { memcachedKind, memcachedModule } from './memcached.ts';
