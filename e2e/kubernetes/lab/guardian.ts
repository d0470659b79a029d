// A process beside the test that outlives it: when the test ends, however it ends, what is left of its lab is taken back.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { undoLab } from './undo.ts';

const [, , directory = ''] = process.argv;

async function guard(): Promise<void> {
  // The other end of standard input is held by the test alone: it ends with the test.
  for await (const _ of process.stdin);
  if (!existsSync(directory)) return;
  try {
    await undoLab(directory);
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    if (existsSync(directory)) writeFileSync(join(directory, 'guardian.log'), `${text}\n`);
    process.exitCode = 1;
  }
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
await guard();
