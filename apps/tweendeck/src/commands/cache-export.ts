// `tweendeck cache export`: an export file of any directory tree.

import { writeFile } from 'node:fs/promises';
import { makeExport } from '@tweendeck/cacheserver/data-plane';
import { PlatformError } from '@tweendeck/std';
import type { Invocation } from '../command-line.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const filesMax = options.integer('files-max', { min: 1, max: 10_000_000 }) ?? 100_000;
  const exported = await makeExport({ root: operands[0] ?? '', filesMax }, world.signal);
  const text = `${JSON.stringify(exported, undefined, 1)}\n`;
  const output = options.text('output');
  if (output === undefined) {
    await world.writeBytes(Buffer.from(text));
    return 0;
  }
  try {
    await writeFile(output, text);
  } catch (cause) {
    throw new PlatformError('CLI_FILE_UNWRITABLE', `${output} cannot be written`, { cause });
  }
  world.write(`${exported.transactions.length} transactions in ${output}`);
  return 0;
}
