// A layout as one file, as `ctr images import` takes it.

import { mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeLayer } from './layer.ts';
import { treeEntries } from './tree.ts';

/** Writes the layout as one archive to `file`; whole, or nothing. What was there is replaced. */
export async function packLayout(
  { directory, file }: { readonly directory: string; readonly file: string },
  signal: AbortSignal,
): Promise<void> {
  const fresh = await mkdtemp(join(dirname(file), `.${basename(file)}-`));
  try {
    const entries = await treeEntries(directory, { at: '' }, signal);
    const { path } = await writeLayer(entries, { directory: fresh }, signal);
    await rename(path, file);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
