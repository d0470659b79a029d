// A file that is synced by one and closed by another: it stays open until its last sync is over.

import type { CacheFile } from '../dataplane/cache-disk.ts';

/** The file with `sync` and `close` in step: what was closed needs no sync any more, since others hold what it held. */
export function durableFile(file: CacheFile): CacheFile {
  let syncs = 0;
  let closed = false;
  const ended = (): void => {
    syncs--;
    if (closed && syncs === 0) file.close();
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    if (syncs === 0) file.close();
  };
  return {
    ...file,
    sync: async () => {
      if (closed) return;
      syncs++;
      try {
        await file.sync();
      } finally {
        ended();
      }
    },
    close,
    closeSoon: close,
  };
}
