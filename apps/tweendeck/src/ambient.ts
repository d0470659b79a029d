// The ambient world: the only file that touches the clock, entropy, arguments, environment and standard streams.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type Clock, clockOf, type Random, randomOf } from '@tweendeck/std';
import manifest from '../package.json' with { type: 'json' };

/** Everything that a command may know of the world around it. */
export interface Ambient {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** This program, for starting it again: Node and the entry script. */
  readonly self: readonly string[];
  readonly homeDirectory: string;
  /** One line on standard output. */
  readonly write: (line: string) => void;
  /** Bytes on standard output; waits while the reader is slow. */
  readonly writeBytes: (bytes: Uint8Array) => Promise<void>;
  /** One line on standard error. */
  readonly writeError: (line: string) => void;
  /** Whether a person is looking at standard error. */
  readonly interactive: boolean;
  readonly readInput: () => Promise<string>;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP; at the second the process ends at once. */
  readonly signal: AbortSignal;
  /** From now on SIGHUP calls this and stops nothing. */
  readonly onHangup: (run: () => void) => void;
  /** Ends the process at once by SIGTERM, even when a thread hangs in a system call: `process.exit` would wait for it. */
  readonly endNow: () => void;
  /** From now on the process does not end when nobody reads its standard output any more. */
  readonly goOnUnread: () => void;
  /** From now on all of the heap is collected once it has grown by so many percent of what was left; V8 waits for up to 300. */
  readonly limitHeapGrowth: (percent: number) => void;
}

let hangup: (() => void) | undefined;

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (name === 'SIGHUP' && hangup !== undefined) {
        hangup();
        return;
      }
      if (controller.signal.aborted) endBy(name);
      controller.abort(new Error(`stopped by ${name}`));
    });
  }
  return controller.signal;
}

let readerCounts = true;

/** As if nobody had listened for the signal. */
function endBy(name: NodeJS.Signals): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer); // no encoding is set: buffers
  return Buffer.concat(chunks).toString('utf8');
}

// A reader that left (`tweendeck get | head`) ends the program quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (readerCounts) process.exit(error.code === 'EPIPE' ? 0 : 1);
});
process.stderr.on('error', () => undefined); // a terminal that was closed: there is nobody to tell

export const ambient: Ambient = {
  args: process.argv.slice(2),
  environment: Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  ),
  clock: clockOf(globalThis),
  random: randomOf(globalThis.crypto),
  version: manifest.version,
  self: [process.execPath, join(import.meta.dirname, '..', 'bin', 'tweendeck.cjs')],
  homeDirectory: homedir(),
  write: (line) => void process.stdout.write(`${line}\n`),
  writeBytes: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
  writeError: (line) => void process.stderr.write(`${line}\n`),
  interactive: process.stderr.isTTY === true,
  readInput,
  signal: stopSignal(),
  onHangup: (run) => {
    hangup = run;
  },
  endNow: () => endBy('SIGTERM'),
  goOnUnread: () => {
    readerCounts = false;
  },
  limitHeapGrowth: (percent) => setFlagsFromString(`--heap-growing-percent=${percent}`),
};
