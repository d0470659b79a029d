// Files of a backup in a directory. Each is written beside its name, brought to the disk, and then renamed.

import type { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, PlatformError, systemErrorCode } from '@tweendeck/std';
import type { FileStore } from './file-store.ts';
import { manifestName } from './manifest.ts';

const unfinished = '.part';
const readBytes = 256 * 1_024;

/** `root` must be there; what is below is made. */
export function directoryStore(root: string, folder: string): FileStore {
  const directory = join(root, folder);
  return {
    name: directory,
    write: (name, chunks, signal) =>
      told(`writing ${join(directory, name)}`, () => write(directory, name, chunks, signal)),
    read: (name, signal) => read(join(directory, name), signal),
    readText: (name) =>
      told(`reading ${join(directory, name)}`, () =>
        readFile(join(directory, name), 'utf8').catch(unlessMissing),
      ),
    clear: () => told(`removing ${directory}`, () => clear(root, directory)),
  };
}

async function write(
  directory: string,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  {
    await using file = await open(`${path}${unfinished}`, 'w', 0o600);
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
    }
    await file.sync();
  }
  await rename(`${path}${unfinished}`, path);
  await using folder = await open(directory, 'r');
  await folder.sync();
}

async function* read(path: string, signal: AbortSignal): AsyncIterable<Buffer> {
  const stream = createReadStream(path, { highWaterMark: readBytes, signal });
  try {
    // No encoding is set: chunks are buffers.
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    signal.throwIfAborted();
    if (systemErrorCode(error) === 'ENOENT') {
      throw new PlatformError('ENGINE_BACKUP_FILE_MISSING', `there is no file ${path}`, {
        hint: 'Bring it back, or restore from another backup.',
      });
    }
    throw failed(`reading ${path}`, error);
  }
}

async function clear(root: string, directory: string): Promise<void> {
  const names = (await readdir(directory).catch(unlessMissing)) ?? [];
  const isOurs = (name: string): boolean => /^[a-z0-9][a-z0-9-]*\.[a-z]+(\.part)?$/.test(name);
  const ours = names.filter(isOurs).sort((a) => (a === manifestName ? -1 : 1));
  for (const name of ours) await rm(join(directory, name), { force: true });
  // What is not empty stays.
  for (let empty = directory; empty !== root; empty = dirname(empty)) {
    const isGone = await rmdir(empty).then(
      () => true,
      () => false,
    );
    if (!isGone) return;
  }
}

function unlessMissing(error: unknown): undefined {
  if (systemErrorCode(error) === 'ENOENT') return undefined;
  throw error;
}

async function told<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (systemErrorCode(error) === undefined || error instanceof PlatformError) throw error;
    throw failed(what, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EACCES: 'it may not be written or read by the user of the Job',
  EPERM: 'it may not be written or read by the user of the Job',
  EROFS: 'the volume is read-only',
};

function failed(what: string, cause: unknown): PlatformError {
  const reason = reasons[systemErrorCode(cause) ?? ''] ?? messageOf(cause);
  return new PlatformError('ENGINE_BACKUP_STORE_FAILED', `${what}: ${reason}`, {
    hint: 'See that the place has room and may be written.',
  });
}
