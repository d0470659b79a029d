// `tweendeck cache put`: one transaction, and proof that it is there.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CacheClient, type CacheFileSource } from '@tweendeck/cacheserver/data-plane';
import { PlatformError } from '@tweendeck/std';
import { cacheAddress } from '../cache-address.ts';
import { keyOperands, namedFiles } from '../cache-key.ts';
import { sizeInCache } from '../cache-size.ts';
import { type Invocation, usage } from '../command-line.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const id = keyOperands(operands);
  const files = namedFiles(options).filter(({ path }) => path !== undefined);
  if (files.length === 0) throw usage('name a file with --asset, --info or --resource');
  const sources = await Promise.all(
    files.map(async ({ type, path = '' }): Promise<CacheFileSource> => {
      const sizeBytes = await sizeOf(path);
      return { type, sizeBytes, parts: createReadStream(path) };
    }),
  );
  const address = cacheAddress(options.text('server'));
  using client = await CacheClient.connect({ ...address, clock: world.clock }, world.signal);
  const whole = await client.put(id, sources, world.signal);
  await client.fence(world.signal);
  for (const { type, sizeBytes } of sources) {
    const stored = whole ? await sizeInCache(client, { id, type }, world.signal) : undefined;
    if (stored !== sizeBytes) {
      throw new PlatformError(
        'CLI_NOT_STORED',
        `the server did not keep the files of ${operands.join(' ')}`,
        {
          hint: 'It may refuse uploads from here, be full, or the file changed while it was read.',
        },
      );
    }
  }
  client.quit();
  world.write(
    `stored ${files.map(({ word }, index) => `${word} (${sources[index]?.sizeBytes} bytes)`).join(', ')}`,
  );
  return 0;
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile() && found.size > 0) return found.size;
  } catch (cause) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
  throw new PlatformError(
    'CLI_FILE_UNREADABLE',
    `${path} is empty or no file: there is nothing to store`,
  );
}
