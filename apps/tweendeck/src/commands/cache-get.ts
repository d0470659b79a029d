// `tweendeck cache get`: files of one key, or what is there of it.

import { rename, rm, writeFile } from 'node:fs/promises';
import { CacheClient } from '@tweendeck/cacheserver/data-plane';
import { PlatformError } from '@tweendeck/std';
import { cacheAddress } from '../cache-address.ts';
import { keyOperands, type NamedFile, namedFiles } from '../cache-key.ts';
import { sizeInCache } from '../cache-size.ts';
import type { Invocation } from '../command-line.ts';
import { alignColumns } from '../output/table.ts';

/** The exit code of a miss. */
const missed = 3;

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const id = keyOperands(operands);
  const files = namedFiles(options);
  const named = files.filter(({ path }) => path !== undefined);
  const wanted = named.length > 0 ? named : files;
  const address = cacheAddress(options.text('server'));
  using client = await CacheClient.connect({ ...address, clock: world.clock }, world.signal);
  const rows: (readonly [string, string])[] = [];
  let found = 0;
  for (const file of wanted) {
    const size = await fetchFile(client, id, file, world.signal);
    if (size !== undefined) found++;
    rows.push([file.word, size === undefined ? 'miss' : `${size} bytes`]);
  }
  client.quit();
  world.write(alignColumns(rows.map(([word, text]) => [word, text])));
  return found === wanted.length || (named.length === 0 && found > 0) ? 0 : missed;
}

/** Its size; undefined for a miss, which writes nothing. A file that is to be written is held in memory first: 2 GiB at most. */
async function fetchFile(
  client: CacheClient,
  id: Buffer,
  { type, path }: NamedFile,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (path !== undefined) {
    const bytes = await client.get({ id, type }, signal);
    if (bytes) await write(path, bytes);
    return bytes?.length;
  }
  return sizeInCache(client, { id, type }, signal);
}

/** Replaces the file whole, or leaves it as it was. */
async function write(path: string, bytes: Buffer): Promise<void> {
  const fresh = `${path}.new`;
  try {
    await writeFile(fresh, bytes);
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new PlatformError('CLI_FILE_UNWRITABLE', `${path} cannot be written`, { cause });
  }
}
