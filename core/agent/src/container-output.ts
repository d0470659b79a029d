// From a program's two pipes to its log file. A pipe is read only as fast as the disk takes its lines.

import type { Readable, Writable } from 'node:stream';
import type { Clock, Logger } from '@tweendeck/std';
import { CriEncoder, type CriStream } from '@tweendeck/wire';
import type { LogFile } from './log-file.ts';
import { OutputTap } from './output-tap.ts';
import type { GroupOutput } from './process-group.ts';

/** Copying that goes on. */
export interface OutputCopy extends AsyncDisposable {
  readonly done: Promise<void>;
  /** For those who want to hear the output as it comes. */
  readonly tap: OutputTap;
  /** What the program reads; undefined when its input is empty. */
  readonly stdin: Writable | undefined;
}

/** Starts copying; `done` settles when both pipes ended. Disposal closes the pipes, whoever still holds their other ends. */
export function pumpOutput(
  output: GroupOutput,
  log: LogFile,
  world: { readonly clock: Clock; readonly log: Logger },
): OutputCopy {
  const tap = new OutputTap(world.clock);
  const copies = Promise.all([
    copy(output.stdout, { name: 'stdout', log, tap, world }),
    copy(output.stderr, { name: 'stderr', log, tap, world }),
  ]);
  const done = copies.then(() => tap.close());
  return {
    done,
    tap,
    stdin: output.stdin,
    async [Symbol.asyncDispose]() {
      output.stdout.destroy();
      output.stderr.destroy();
      output.stdin?.destroy();
      await done;
    },
  };
}

interface Copying {
  readonly name: CriStream;
  readonly log: LogFile;
  readonly tap: OutputTap;
  readonly world: { readonly clock: Clock; readonly log: Logger };
}

/** Never rejects: when the disk refuses, output is lost and said to be, and the program goes on. */
async function copy(from: Readable, { name, log, tap, world }: Copying): Promise<void> {
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
    for await (const chunk of from) {
      await append(encoder.encode(chunk, world.clock.nowMs()));
      await tap.hear(name, chunk);
    }
  } catch {
    // the pipe was closed by disposal
  }
  await append(encoder.end(world.clock.nowMs()));
}
