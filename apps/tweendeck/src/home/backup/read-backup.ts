// Reads backups: nothing of one is believed before all of it was summed.

import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PlatformError, systemErrorCode } from '@tweendeck/std';
import { readStoreFile } from '@tweendeck/store';
import { ArchiveFault, ArchiveReader } from './archive.ts';
import { databaseName, type Manifest, manifestName, parseManifest } from './manifest.ts';

const manifestBytesMax = 1024 ** 2;

export interface UnpackedBackup {
  readonly manifest: Manifest;
  /** Where the copy of the store is. */
  readonly database: string;
  /** Values in the store. */
  readonly recordCount: number;
}

/** Unpacks a backup into an empty directory and looks at every byte of it. @throws PlatformError BACKUP_DAMAGED, BACKUP_UNKNOWN, CLI_FILE_UNREADABLE, and those of the store. */
export async function unpackBackup(file: string, directory: string): Promise<UnpackedBackup> {
  try {
    await using handle = await open(file, 'r');
    const reader = new ArchiveReader(handle);
    const manifest = await manifestOf(reader, file);
    for (const listed of manifest.files) {
      const member = await reader.next();
      if (member?.name !== listed.name || member.size !== listed.size) {
        throw new ArchiveFault(`${listed.name} is not where it must be`);
      }
      const sum = await unpack(reader.bytes(member), join(directory, listed.name));
      if (sum !== listed.sha256) throw new ArchiveFault(`${listed.name} has another checksum`);
    }
    if (await reader.next()) throw new ArchiveFault('it holds more than it says');
    const database = join(directory, databaseName);
    const { recordCount, revision } = readStoreFile(database);
    if (revision !== manifest.revision) {
      throw new ArchiveFault(`its store is at revision ${revision}, not ${manifest.revision}`);
    }
    return { manifest, database, recordCount };
  } catch (error) {
    throw told(error, file);
  }
}

async function manifestOf(reader: ArchiveReader, file: string): Promise<Manifest> {
  const first = await reader.next();
  if (first?.name !== manifestName || first.size > manifestBytesMax) {
    throw unknown(file, `it does not begin with ${manifestName}`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.bytes(first)) chunks.push(chunk);
  const manifest = parseManifest(Buffer.concat(chunks).toString());
  if (!manifest) throw unknown(file, `its ${manifestName} is of another format`);
  if (!manifest.files.some(({ name }) => name === databaseName)) {
    throw unknown(file, 'there is no store in it');
  }
  return manifest;
}

/** Gives the sum of what was written. */
async function unpack(bytes: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  await using target = await open(path, 'wx', 0o600);
  for await (const piece of bytes) {
    hash.update(piece);
    await target.writeFile(piece);
  }
  await target.sync();
  return hash.digest('hex');
}

function unknown(file: string, message: string): PlatformError {
  return new PlatformError('BACKUP_UNKNOWN', `${file}: ${message}`, {
    hint: 'Name a file that "tweendeck backup" made, and read it with the version that made it or a newer one.',
  });
}

function told(error: unknown, file: string): unknown {
  if (error instanceof ArchiveFault) {
    return new PlatformError('BACKUP_DAMAGED', `${file}: ${error.message}`, {
      hint: 'Fetch the file once more from where it is kept, or take another backup.',
    });
  }
  const code = systemErrorCode(error);
  if (
    error instanceof PlatformError ||
    (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EISDIR')
  ) {
    return error;
  }
  return new PlatformError('CLI_FILE_UNREADABLE', `${file} cannot be read`, { cause: error });
}
