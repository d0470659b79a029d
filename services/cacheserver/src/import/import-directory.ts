// Fills a cache from the directory of Unity's own cache server, folder by folder.

import { type ImportLoss, type ImportOptions, importTransactions } from './import-transactions.ts';
import { type PeerFile, readPeerFolder, readPeerRoot } from './peer-directory.ts';

export interface DirectoryImportOptions
  extends Omit<ImportOptions, 'file' | 'ignoreTimestamps' | 'skip' | 'onProgress'> {
  /** What the peer calls `cachePath`. Nobody may write there meanwhile. */
  readonly directory: string;
  /** The folder to begin with, to go on where another import ended: `00` to `ff`. */
  readonly from?: string;
  /** Called after each folder. */
  readonly onFolder?: (progress: DirectoryImportProgress) => void;
}

export interface DirectoryImportProgress {
  /** The folder that is done; everything before it is, too. */
  readonly folder: string;
  readonly folders: number;
  readonly doneFolders: number;
  readonly transactions: number;
  readonly storedTransactions: number;
  readonly sentFiles: number;
  readonly sentBytes: number;
}

export interface DirectoryImportResult extends Omit<DirectoryImportProgress, 'folder'> {
  readonly losses: readonly ImportLoss[];
  /** Files that are no values, or not where the peer keeps them. */
  readonly leftovers: readonly PeerFile[];
}

/**
 * Sends every key of the directory and reads it back, as {@link importTransactions} does; what failed is in `losses`.
 * It may be done again: what is there already is stored once more. Throws CACHE_IMPORT_UNREADABLE, and what the first
 * connecting of a folder throws.
 */
export async function importDirectory(
  options: DirectoryImportOptions,
  signal: AbortSignal,
): Promise<DirectoryImportResult> {
  const { directory, from = '00', onFolder, ...rest } = options;
  const root = await readPeerRoot(directory);
  const folders = root.folders.filter((name) => name >= from);
  const leftovers = [...root.leftovers];
  const losses: ImportLoss[] = [];
  const sum = { transactions: 0, storedTransactions: 0, sentFiles: 0, sentBytes: 0 };
  let doneFolders = 0;
  for (const folder of folders) {
    const part = await readPeerFolder(directory, folder);
    const file = part.exported;
    leftovers.push(...part.leftovers);
    if (file.transactions.length > 0) {
      const result = await importTransactions({ ...rest, file, ignoreTimestamps: true }, signal);
      for (const field of Object.keys(sum) as (keyof typeof sum)[]) sum[field] += result[field]; // its own keys
      losses.push(...result.losses);
    }
    doneFolders++;
    onFolder?.({ folder, folders: folders.length, doneFolders, ...sum });
  }
  return { folders: folders.length, doneFolders, ...sum, losses, leftovers };
}
