// The value store on a directory: append-only segments, one commit record per transaction, the index in memory.

import { type Clock, type Logger, PlatformError, type Random } from '@tweendeck/std';
import type { CleanableStore } from '../cleaner/cleanable-store.ts';
import type { ScrubbableStore } from '../scrub/scrubber.ts';
import { type CacheDisk, nodeDisk } from './cache-disk.ts';
import { unusable } from './recovery.ts';
import { SegmentStore } from './segment-store.ts';
import type { ValueStore } from './value-store.ts';

/** How a cache directory is opened. */
export interface CacheStoreOptions {
  /** Made when missing; one process at a time. Files with foreign names are left alone. */
  readonly directory: string;
  /** Bound of all bytes on disk; at least 1 MiB. The least recently used segments go when it is reached. */
  readonly storageBytes: number;
  /** Bound of the values held in memory; 0 holds none. */
  readonly memoryBytes: number;
  /** `none` (default): a commit is in the kernel before it is visible (survives the process). `commit`: on the disk (survives the machine). */
  readonly durability?: 'none' | 'commit';
  /** Keys at most; beyond, segments go. Default 4 million (about 380 MB of index). */
  readonly keysMax?: number;
  /** Another disk than the directory's own, for tests. */
  readonly disk?: CacheDisk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const storageBytesMin = 1_048_576;

/** A value store that can be cleaned and scrubbed, with a word on how it came up. */
export interface CacheStore extends ValueStore, CleanableStore, ScrubbableStore {
  readonly recovery: { readonly keys: number; readonly segments: number; readonly tookMs: number };
}

/**
 * Opens a cache directory, ready to serve. Throws CACHE_STORAGE_TOO_SMALL, CACHE_IN_USE or CACHE_DIRECTORY_UNUSABLE,
 * and leaves nothing open then.
 */
export async function openCacheStore(
  options: CacheStoreOptions,
  signal: AbortSignal,
): Promise<CacheStore> {
  signal.throwIfAborted();
  if (!(options.storageBytes >= storageBytesMin)) {
    throw new PlatformError('CACHE_STORAGE_TOO_SMALL', `${options.storageBytes} bytes of storage`, {
      hint: `Give the cache at least ${storageBytesMin} bytes.`,
    });
  }
  using stack = new DisposableStack();
  try {
    const disk = options.disk ?? nodeDisk(options.directory);
    stack.use(disk.lock());
    const store = SegmentStore.recover(disk, options, signal);
    store.own(stack.move());
    options.log.info('cache open', { directory: options.directory, ...store.recovery });
    return store;
  } catch (error) {
    if (error instanceof PlatformError || signal.aborted) throw error;
    throw unusable(options.directory, error);
  }
}
