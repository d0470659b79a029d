// `tweendeck restore`: a data directory out of a backup.

import { resolve } from 'node:path';
import type { Invocation } from '../command-line.ts';
import { restoreBackup } from '../home/backup/restore.ts';
import { homeDirectory } from '../home/home-directory.ts';
import { factsText } from './backup.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const home = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  const { manifest, recordCount, revision, replaced } = await restoreBackup(
    resolve(operands[0] ?? ''),
    home,
    { force: options.flag('force') },
  );
  world.write(`${home.path}: restored\n${factsText(manifest, recordCount)}`);
  world.write(`  goes on    after revision ${revision}`);
  if (replaced !== undefined) world.write(`  before     ${replaced}`);
  if (!manifest.withKeys) {
    world.writeError(
      'The backup has no keys: put encryption-keys into the data directory before you start the home, or its secrets cannot be read.',
    );
  }
  return 0;
}
