// Group commit to the disk itself: everything that waits is synced together and becomes visible in commit order.

import type { CacheFile } from './cache-disk.ts';

interface Waiting {
  readonly files: readonly CacheFile[];
  readonly settle: (failure: unknown) => void;
}

export class CommitSync {
  #waiting: Waiting[] = [];
  #running = false;

  /** Resolves, in the order of the calls, when the files are on the disk: with undefined, or with what failed. */
  sync(files: readonly CacheFile[]): Promise<unknown> {
    return new Promise((resolve) => {
      this.#waiting.push({ files, settle: resolve });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const files = new Set(group.flatMap((waiting) => waiting.files));
      const failure = await syncAll(files);
      for (const waiting of group) waiting.settle(failure);
    }
    this.#running = false;
  }
}

async function syncAll(files: Iterable<CacheFile>): Promise<unknown> {
  try {
    await Promise.all(Array.from(files, (file) => file.sync()));
    return undefined;
  } catch (error) {
    return error ?? new Error('sync failed');
  }
}
