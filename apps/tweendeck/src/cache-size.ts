// Asks a cache server how large a file is, without keeping it.

import type {
  CacheClient,
  CacheReplyTarget,
  CacheRequest,
} from '@tweendeck/cacheserver/data-plane';

/** Its size in bytes; undefined for a miss. */
export async function sizeInCache(
  client: CacheClient,
  request: CacheRequest,
  signal: AbortSignal,
): Promise<number | undefined> {
  let size: number | undefined;
  const target: CacheReplyTarget = {
    start: (bytes) => {
      size = bytes;
    },
    part: () => undefined,
    end: () => undefined,
  };
  await client.getAll([request], () => target, signal);
  return size;
}
