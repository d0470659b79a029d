// Makes an export of any directory tree, so that something real can be imported without a Unity project.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PlatformError } from '@tweendeck/std';
import { unityGuidText } from '@tweendeck/wire';
import type { ExportedTransaction, ExportFile } from './export-file.ts';

/**
 * One transaction for each regular, non-empty file below `root`, in the order of their paths: the guid from the path,
 * the hash from the content (both MD5, as in Unity), the file as asset binary. Links are not followed. Throws
 * CACHE_IMPORT_UNREADABLE.
 */
export async function makeExport(
  options: { readonly root: string; readonly filesMax?: number },
  signal: AbortSignal,
): Promise<ExportFile> {
  const projectRoot = resolve(options.root);
  const transactions: ExportedTransaction[] = [];
  try {
    for await (const path of walk(projectRoot, '')) {
      signal.throwIfAborted();
      if (transactions.length === (options.filesMax ?? Number.POSITIVE_INFINITY)) break;
      const transaction = await transactionOf(projectRoot, path);
      if (transaction) transactions.push(transaction);
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw new PlatformError('CACHE_IMPORT_UNREADABLE', `exporting ${projectRoot}`, { cause });
  }
  return { projectRoot, transactions };
}

async function* walk(root: string, below: string): AsyncGenerator<string, void, undefined> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* walk(root, path);
    else if (entry.isFile()) yield path;
  }
}

async function transactionOf(root: string, path: string): Promise<ExportedTransaction | undefined> {
  const { size, mtimeMs } = await stat(join(root, path));
  if (size === 0) return undefined;
  const content = createHash('md5');
  for await (const part of createReadStream(join(root, path))) content.update(part);
  return {
    assetPath: path,
    guid: unityGuidText(createHash('md5').update(path).digest()),
    hash: content.digest('hex'),
    files: [{ type: 'a', path, ts: Math.floor(mtimeMs / 1_000) }],
  };
}
