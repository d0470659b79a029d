// A directory of this machine as layer entries: owned by root, with no more of its modes than whether files are run.

import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerEntry } from './entry.ts';

export interface TreeOptions {
  /** Where it goes inside the image. */
  readonly at: string;
  /** Called with each path below the directory, with `/`, directories ending in `/`; false leaves it out with all below. */
  readonly keep?: (path: string) => boolean;
}

/**
 * Everything below `directory`. Checkouts and umasks differ, so files become 0644, or 0755 where the owner may run
 * them. Links stay links. Sockets, devices and pipes are left out, and so are directories of which nothing is kept.
 */
export async function treeEntries(
  directory: string,
  options: TreeOptions,
  signal: AbortSignal,
): Promise<readonly LayerEntry[]> {
  const found: LayerEntry[] = [];
  await walk('', { directory, options, found, signal });
  return found;
}

interface Walk {
  readonly directory: string;
  readonly options: TreeOptions;
  readonly found: LayerEntry[];
  readonly signal: AbortSignal;
}

async function walk(below: string, context: Walk): Promise<void> {
  const { directory, options, found, signal } = context;
  signal.throwIfAborted();
  for (const item of await readdir(join(directory, below), { withFileTypes: true })) {
    const relative = below + item.name;
    const source = join(directory, relative);
    const path = `${options.at}/${relative}`;
    if (options.keep?.(item.isDirectory() ? `${relative}/` : relative) === false) continue;
    if (item.isDirectory()) {
      await walk(`${relative}/`, context);
    } else if (item.isSymbolicLink()) {
      found.push({ kind: 'symlink', path, target: await readlink(source) });
    } else if (item.isFile()) {
      const mode = ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755;
      found.push({ kind: 'file', path, mode, content: { file: source } });
    }
  }
}
