// From a program's two pipes to its log file. A pipe is read only as fast as the disk takes its lines.

import type { Readable } from 'node:stream';
import type { Clock, Logger } from '@tweendeck/std';
import { CriEncoder, type CriStream } from '@tweendeck/wire';
import type { LogFile } from './log-file.ts';
import type { GroupOutput } from './process-group.ts';

/** Copying that goes on. */
export interface OutputCopy extends AsyncDisposable {
  readonly done: Promise<void>;
}

/** Starts copying; `done` settles when both pipes ended. Disposal closes the pipes, whoever still holds their other ends. */
export function pumpOutput(
  output: GroupOutput,
  log: LogFile,
  world: { readonly clock: Clock; readonly log: Logger },
): OutputCopy {
  const copies = Promise.all([
    copy(output.stdout, { name: 'stdout', log, world }),
    copy(output.stderr, { name: 'stderr', log, world }),
  ]);
  const done = copies.then(() => undefined);
  return {
    done,
    async [Symbol.asyncDispose]() {
      output.stdout.destroy();
      output.stderr.destroy();
      await done;
    },
  };
}

interface Copying {
  readonly name: CriStream;
  readonly log: LogFile;
  readonly world: { readonly clock: Clock; readonly log: Logger };
}

/** Never rejects: when the disk refuses, output is lost and said to be, and the program goes on. */
async function copy(from: Readable, { name, log, world }: Copying): Promise<void> {
  const encoder = new CriEncoder(name);
  let refused = false;
  const append = async (lines: Uint8Array): Promise<void> => {
    try {
      await log.append(lines);
      refused = false;
    } catch (error) {
      if (!refused) world.log.warn('container output is lost', { path: log.path, error });
      refused = true;
    }
  };
  try {
    for await (const chunk of from) await append(encoder.encode(chunk, world.clock.nowMs()));
  } catch {
    // the pipe was closed by disposal
  }
  await append(encoder.end(world.clock.nowMs()));
}
