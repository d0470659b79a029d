// Makes backups: a copy of the store, and the files without which it is of no use.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupStream, BackupWish } from '@tweendeck/apiserver';
import { type Clock, systemErrorCode, timestampOf } from '@tweendeck/std';
import type { SqliteStore } from '@tweendeck/store';
import type { HomeDirectory } from '../home-directory.ts';
import { type ArchiveFile, archiveBytes, archiveOf, fileSum } from './archive.ts';
import {
  certificateName,
  databaseName,
  isKey,
  type Manifest,
  type ManifestFile,
  manifestFormat,
  manifestName,
} from './manifest.ts';

export interface BackedUp {
  readonly store: Pick<SqliteStore, 'backUp'>;
  readonly directory: HomeDirectory;
  /** Where the keys of what is encrypted at rest are. */
  readonly encryptionKeys: string;
  /** Of the home. */
  readonly id: string;
  readonly version: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** A backup of a home, whether it runs or not. The copy of its store lies in the data directory until the backup is read. */
export async function makeBackup(
  home: BackedUp,
  { withKeys }: BackupWish,
): Promise<BackupStream & { readonly manifest: Manifest }> {
  const scratch = await mkdtemp(join(home.directory.path, '.backup-'));
  try {
    const copy = join(scratch, databaseName);
    const revision = await home.store.backUp(copy);
    const files = [{ name: databaseName, path: copy }, ...(await filesOf(home))].filter(
      ({ name }) => withKeys || !isKey(name),
    );
    const listed: ManifestFile[] = [];
    const members: ArchiveFile[] = [];
    for (const { name, path } of files) {
      const { size } = await stat(path);
      listed.push({ name, size, sha256: await fileSum(path) });
      members.push({ name, content: { path } });
    }
    const nowMs = home.clock.nowMs();
    const manifest: Manifest = {
      format: manifestFormat,
      version: home.version,
      created: timestampOf(nowMs),
      home: home.id,
      revision,
      withKeys,
      files: listed,
    };
    const head = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
    const all = [{ name: manifestName, content: { bytes: head } }, ...members];
    return {
      manifest,
      byteLength: archiveBytes([head.byteLength, ...listed.map(({ size }) => size)]),
      bytes: removedAfter(archiveOf(all, nowMs), scratch),
    };
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

/** The files beside the store; those that are not there are left out. */
async function filesOf({
  directory,
  encryptionKeys,
}: BackedUp): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const certificates = await readdir(directory.certificates).catch(() => []); // made at the first start
  const wanted = [
    { name: 'home.json', path: join(directory.path, 'home.json') },
    { name: 'service-account-keys.pem', path: directory.signingKeys },
    { name: 'encryption-keys', path: encryptionKeys },
    ...certificates
      .filter((file) => /^[a-z][a-z.-]*$/.test(file))
      .map((file) => ({ name: certificateName(file), path: join(directory.certificates, file) })),
  ];
  const there = await Promise.all(wanted.map(({ path }) => exists(path)));
  return wanted.filter((_file, index) => there[index]);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function* removedAfter(
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
  scratch: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
