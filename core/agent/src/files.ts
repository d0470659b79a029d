// Small files that must be whole or not there.

import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '@tweendeck/std';

/** Replaces a file at once: a reader, and a start after a crash, sees the old content or the new. Not for two writers of one path. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  {
    await using file = await open(temporary, 'w', mode);
    await file.writeFile(content);
    await file.sync();
  }
  await rename(temporary, path);
}

/** The content of a file; undefined when there is none. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** A JSON file; undefined when there is none or it is not JSON (a disk that lied about a sync). */
export async function readJson(path: string): Promise<unknown> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Removes a directory tree or file, if it is there. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Whether every user can reach what is open in this directory. */
export async function othersMayPass(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  if ((mode & 0o001) === 0) return false;
  return dirname(path) === path || othersMayPass(dirname(path));
}
