// The data plane as a process's whole job: open the store, serve, and stop in good order when told.

import type { Clock, Logger, Random } from '@tweendeck/std';
import { aborted } from '@tweendeck/std';
import { type CacheServer, startCacheServer } from './dataplane/cache-server.ts';
import { openCacheStore } from './dataplane/cache-store.ts';
import type { CacheLimits } from './dataplane/limits.ts';
import type { ListenAddress } from './dataplane/listen.ts';

export interface ServeCacheOptions {
  /** Where the cache lives; made when missing. */
  readonly directory: string;
  readonly listen: readonly ListenAddress[];
  /** Where health and figures are served; omitted: nowhere. */
  readonly health?: ListenAddress;
  /** Bound of the bytes on disk. */
  readonly storageBytes: number;
  /** Bound of the values held in memory. */
  readonly memoryBytes: number;
  readonly durability?: 'none' | 'commit';
  readonly limits?: Partial<CacheLimits>;
  /** How long new clients are still served after the signal, while load balancers learn of it; default 0. */
  readonly lingerMs?: number;
  /** How long clients may take to finish after that; default 10 s. */
  readonly drainMs?: number;
  /** Told once when clients are served. */
  readonly onReady?: (server: CacheServer) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Serves until the signal aborts, lingers, then drains, closes and resolves. Throws what `openCacheStore` and
 * `startCacheServer` throw.
 */
export async function serveCache(options: ServeCacheOptions, signal: AbortSignal): Promise<void> {
  await using store = await openCacheStore(options, signal);
  // The server outlives the signal by the drain: it gets one of its own.
  const cut = new AbortController();
  await using server = await startCacheServer({ ...options, store }, cut.signal);
  options.onReady?.(server);
  await aborted(signal);
  server.leave();
  await options.clock.sleep(options.lingerMs ?? 0, cut.signal);
  await server.drain(options.drainMs ?? 10_000);
  options.log.info('cache stopped', { ...server.stats().server.transactions });
}
