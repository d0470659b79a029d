// Fills new members from the files of a backup, after every one of them was found to be what was written.

import { createHash } from 'node:crypto';
import { PlatformError } from '@tweendeck/std';
import type { FileStore } from './file-store.ts';
import { type BackupFile, type Manifest, manifestName, parseManifest } from './manifest.ts';
import type { BackupAccess, BackupProgram, FillCounts } from './program.ts';
import { inTurn } from './take.ts';

export interface FillOptions {
  readonly program: BackupProgram;
  readonly store: FileStore;
  readonly access: BackupAccess;
  readonly kind: string;
  /** Whether an attempt before may have filled some of it. */
  readonly resumes: boolean;
}

export interface Filled extends FillCounts {
  readonly files: number;
  readonly bytes: number;
}

export async function fillFromBackup(options: FillOptions, signal: AbortSignal): Promise<Filled> {
  const { program, store, access } = options;
  const { files } = await readManifest(options, signal);
  await inTurn(files, (file) => expectIntact(store, file, signal));
  const contents = options.resumes ? undefined : await program.contents(access, signal);
  if (contents !== undefined) throw notEmpty(contents);
  let [keys, present] = [0, 0];
  await inTurn(files, async (file) => {
    const counts = await program.fill(store.read(file.name, signal), access, signal);
    if (counts.keys !== file.keys) {
      throw damaged(`${file.name} has ${counts.keys} keys, not ${file.keys}`);
    }
    keys += counts.keys;
    present += counts.present;
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { keys, present, bytes, files: files.length };
}

async function readManifest(
  { store, kind }: Pick<FillOptions, 'store' | 'kind'>,
  signal: AbortSignal,
): Promise<Manifest> {
  const text = await store.readText(manifestName, signal);
  if (text === undefined) {
    throw new PlatformError(
      'ENGINE_BACKUP_FILE_MISSING',
      `there is no whole backup in ${store.name}`,
      {
        hint: 'See where its files are: the folder has a manifest.json once a backup is complete.',
      },
    );
  }
  const manifest = parseManifest(text, `${store.name}/${manifestName}`);
  if (manifest.kind === kind) return manifest;
  throw new PlatformError('ENGINE_BACKUP_OTHER_KIND', `${store.name} is of a ${manifest.kind}`, {
    hint: `A ${kind} is restored from a backup of its own kind.`,
  });
}

/** @throws PlatformError ENGINE_BACKUP_DAMAGED */
async function expectIntact(
  store: FileStore,
  file: BackupFile,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of store.read(file.name, signal)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== file.bytes) throw damaged(`${file.name} has ${bytes} bytes, not ${file.bytes}`);
  if (hash.digest('hex') !== file.sha256)
    throw damaged(`${file.name} is not what was written: its checksum is another`);
}

function damaged(fact: string): PlatformError {
  return new PlatformError('ENGINE_BACKUP_DAMAGED', fact, { hint: 'Restore from another backup.' });
}

function notEmpty(fact: string): PlatformError {
  return new PlatformError('ENGINE_BACKUP_NOT_EMPTY', fact, {
    hint: 'Only a new cluster is filled: delete volumes that one of this name left, or choose another name.',
  });
}
