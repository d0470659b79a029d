// Text files that options name.

import { readFile } from 'node:fs/promises';
import { PlatformError } from '@tweendeck/std';

/** Throws CLI_FILE_UNREADABLE. */
export async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
}

/** The lines that say something; none without a file. Throws CLI_FILE_UNREADABLE. */
export async function readLines(file: string | undefined): Promise<readonly string[]> {
  return file === undefined ? [] : (await readText(file)).split('\n').filter(Boolean);
}
