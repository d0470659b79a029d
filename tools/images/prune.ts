// Keeps the cache from growing with every change: what nobody has used for a week goes.

import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

const keptMs = 7 * 24 * 3_600_000;

/** Notes that a layout or layer is in use. */
export async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

/** Removes old layouts, then old layers that no layout links to, and what interrupted builds left. */
export async function pruneCache(cache: string): Promise<void> {
  const oldestMs = Date.now() - keptMs;
  for (const folder of ['layouts', 'layers']) {
    for (const name of await readdir(join(cache, folder)).catch(() => [])) {
      const path = join(cache, folder, name);
      const facts = await stat(path).catch(() => undefined); // another build was faster
      const linked = facts?.isFile() === true && facts.nlink > 1;
      if (facts && !linked && facts.mtimeMs < oldestMs)
        await rm(path, { recursive: true, force: true });
    }
  }
}
