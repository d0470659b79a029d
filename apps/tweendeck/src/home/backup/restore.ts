// Puts a backup in the place of a home's data: prepared whole beside it, then moved in, so that a failure changes nothing.

import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isPlatformError, PlatformError, systemErrorCode } from '@tweendeck/std';
import { beginAnewAt, readStoreFile } from '@tweendeck/store';
import { type HomeDirectory, makeHomeDirectory, unwritable } from '../home-directory.ts';
import { syncFile } from './archive.ts';
import { databaseName, keyNames, type Manifest } from './manifest.ts';
import { unpackBackup } from './read-backup.ts';

/** As much as clients may have seen of changes that are not in the backup; what etcd's own restore is given. */
const revisionsSkipped = 1_000_000_000;

export interface Restored {
  readonly manifest: Manifest;
  readonly recordCount: number;
  /** The next change comes after this one. */
  readonly revision: number;
  /** Where what was there before lies now; undefined when there was nothing. */
  readonly replaced: string | undefined;
}

/** @throws PlatformError HOME_NOT_EMPTY, STORE_IN_USE, HOME_UNWRITABLE and those of reading a backup; then nothing was changed. */
export async function restoreBackup(
  file: string,
  home: HomeDirectory,
  { force }: { readonly force: boolean },
): Promise<Restored> {
  await makeHomeDirectory(home);
  const before = await present(home);
  const unfinished = await isRestoreUnfinished(home);
  if (before.length > 0 && !force && !unfinished) {
    throw new PlatformError('HOME_NOT_EMPTY', `${home.path} holds a home already`, {
      hint: 'Name another --data-dir, or use --force: what is there is kept beside.',
    });
  }
  const seen = before.includes(databaseName) ? lastRevision(home) : 0;
  const scratch = await mkdtemp(join(home.path, '.restore-')).catch((error: unknown) => {
    throw unwritable(home, error);
  });
  try {
    const { manifest, database } = await unpackBackup(file, scratch);
    const next = Math.max(manifest.revision, seen) + revisionsSkipped;
    const { recordCount, revision } = beginAnewAt(database, next);
    await syncFile(database);
    const moved = manifest.withKeys ? before : before.filter((name) => !keyNames.includes(name));
    const replaced = await moveIn(home, { scratch, before: moved, names: namesOf(manifest) });
    return { manifest, recordCount, revision, replaced };
  } catch (error) {
    if (isPlatformError(error) || systemErrorCode(error) === undefined) throw error;
    throw unwritable(home, error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files of a home that a restore puts others in the place of. */
const replacedNames = [
  ...['', '-wal', '-shm', '.pid', '.reserve'].map((suffix) => `${databaseName}${suffix}`),
  'home.json',
  ...keyNames,
];

/** Which of them are there; an empty directory counts as nothing. */
async function present(home: HomeDirectory): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of replacedNames) {
    const path = join(home.path, name);
    const entry = await stat(path).catch(() => undefined);
    if (!entry || (entry.isDirectory() && (await readdir(path)).length === 0)) continue;
    found.push(name);
  }
  return found;
}

/** How far the home that is there has come, as far as that can be read. Keeps a running home from being replaced. */
function lastRevision(home: HomeDirectory): number {
  try {
    return readStoreFile(home.database).revision;
  } catch (error) {
    if (isPlatformError(error, 'STORE_IN_USE')) throw error;
    return 0; // damaged: the reason for the restore
  }
}

function namesOf({ files }: Manifest): readonly string[] {
  const names = files.map(({ name }) => name.split('/')[0] ?? name);
  // The store last: until it is there, no home is.
  return [...new Set(names)].filter((name) => name !== databaseName).concat(databaseName);
}

interface Move {
  readonly scratch: string;
  readonly before: readonly string[];
  readonly names: readonly string[];
}

/** From its first rename to its last a mark says that the home is neither the old nor the new one. */
async function moveIn(home: HomeDirectory, move: Move): Promise<string | undefined> {
  const mark = markOf(home);
  const replaced = move.before.length > 0 ? await freshFolder(home) : undefined;
  await writeMark(mark, replaced);
  for (const name of move.before) {
    if (replaced) await rename(join(home.path, name), join(replaced, name));
  }
  for (const name of move.names) {
    const target = join(home.path, name);
    await rm(target, { recursive: true, force: true }); // an empty directory
    await rename(join(move.scratch, name), target);
  }
  await syncDirectory(home.path);
  await rm(mark);
  await syncDirectory(home.path);
  return replaced;
}

async function freshFolder(home: HomeDirectory): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(home.path, `replaced-${number}`);
    try {
      await mkdir(path, { mode: 0o700 });
      return path;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}

async function writeMark(path: string, replaced: string | undefined): Promise<void> {
  {
    await using file = await open(path, 'w', 0o600);
    await file.writeFile(`${replaced ?? ''}\n`);
    await file.sync();
  }
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

function markOf(home: HomeDirectory): string {
  return join(home.path, 'restore-unfinished');
}

async function isRestoreUnfinished(home: HomeDirectory): Promise<boolean> {
  const text = await readFile(markOf(home), 'utf8').catch(() => undefined);
  return text !== undefined;
}

/** @throws PlatformError HOME_RESTORE_UNFINISHED for a home that is neither the one before nor the one from the backup. */
export async function refuseUnfinished(home: HomeDirectory): Promise<void> {
  const text = await readFile(markOf(home), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const replaced = text.trim();
  throw new PlatformError('HOME_RESTORE_UNFINISHED', `a restore into ${home.path} did not finish`, {
    hint: `Run "tweendeck restore" again${replaced === '' ? '' : `; what was there before is in ${basename(replaced)}`}.`,
  });
}
