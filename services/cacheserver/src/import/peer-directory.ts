// The directory that Unity's own cache server keeps (its module cache_fs), read as transactions.

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PlatformError } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import type { ExportedFile, ExportedTransaction, ExportFile } from './export-file.ts';

/** Why something in the directory is not taken. */
export type PeerLeftover =
  /** An upload that never ended: the peer leaves its temporary files in the root. */
  | 'unfinished-upload'
  /** The peer's own books of its high reliability mode. */
  | 'books'
  /** A version that high reliability mode kept apart. */
  | 'unreliable-version'
  /** A value where the peer would not look for it. */
  | 'misplaced'
  /** Nothing of the peer's. */
  | 'foreign';

export interface PeerPart {
  /** Two hex digits: the folder. */
  readonly name: string;
  readonly exported: ExportFile;
  readonly leftovers: readonly PeerFile[];
}

export interface PeerFile {
  readonly path: string;
  readonly leftover: PeerLeftover;
}

const types: Readonly<Record<string, UnityCacheFileType>> = { bin: 'a', info: 'i', resource: 'r' };
const valueName = /^([0-9a-f]{32})-([0-9a-f]{32})\.(bin|info|resource)$/;
const folderName = /^[0-9a-f]{2}$/;
const temporaryName = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The folders that hold values, in order, and what else lies in the root. Throws CACHE_IMPORT_UNREADABLE. */
export async function readPeerRoot(root: string): Promise<{
  readonly folders: readonly string[];
  readonly leftovers: readonly PeerFile[];
}> {
  const folders: string[] = [];
  const leftovers: PeerFile[] = [];
  for (const entry of await list(root)) {
    if (entry.isDirectory() && folderName.test(entry.name)) folders.push(entry.name);
    else leftovers.push({ path: entry.name, leftover: leftoverOf(entry.name) });
  }
  return { folders: folders.sort(), leftovers };
}

/** One folder: the files of a key as one transaction. Keys are Unity's text forms, as the peer writes them. */
export async function readPeerFolder(root: string, name: string): Promise<PeerPart> {
  const files = new Map<string, ExportedFile[]>();
  const leftovers: PeerFile[] = [];
  for (const entry of await list(join(root, name))) {
    const path = join(name, entry.name);
    const [, guid = '', hash = '', ending = ''] = valueName.exec(entry.name) ?? [];
    const type = types[ending];
    if (type === undefined || !entry.isFile()) {
      leftovers.push({ path, leftover: leftoverOf(entry.name) });
    } else if (!guid.startsWith(name)) leftovers.push({ path, leftover: 'misplaced' });
    else {
      const key = `${guid}-${hash}`;
      files.set(key, [...(files.get(key) ?? []), { type, path, ts: 0 }]);
    }
  }
  const transactions = [...files].map(([key, own]) => transactionOf(key, own));
  return { name, exported: { projectRoot: resolve(root), transactions }, leftovers };
}

function transactionOf(key: string, files: readonly ExportedFile[]): ExportedTransaction {
  return { assetPath: key, guid: key.slice(0, 32), hash: key.slice(33), files };
}

function leftoverOf(name: string): PeerLeftover {
  if (temporaryName.test(name)) return 'unfinished-upload';
  if (name === 'cache.db' || name === 'cache.db~') return 'books';
  return name === '.unreliable' ? 'unreliable-version' : 'foreign';
}

async function list(path: string) {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  } catch (cause) {
    throw new PlatformError('CACHE_IMPORT_UNREADABLE', `reading the directory ${path}`, {
      hint: 'Check the path, and that this user may read it.',
      cause,
    });
  }
}
