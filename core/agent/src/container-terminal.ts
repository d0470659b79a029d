// A terminal for a command: `script` of util-linux holds its other end, and `stty` sets its size. Both are on every Debian.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { type Clock, isAbort, linkedAbort, PlatformError } from '@tweendeck/std';
import { findProgram } from './catalogue.ts';
import { type GroupOptions, startGroup } from './process-group.ts';

/** The size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Somebody who opens a terminal says its size soon: a command that asks for it at once shall find it. */
const sizeWaitMs = 200;
/** Longest name of a terminal. */
const nameBytesMax = 256;

/** The same command in a terminal of its own. At its side line it tells the terminal's name and waits, see {@link keepTerminal}. @throws PlatformError AGENT_START_FAILED where there is no `script` */
export async function inTerminal(options: GroupOptions): Promise<GroupOptions> {
  const { environment } = options;
  const script = await findProgram('script', programPath(environment));
  if (script === undefined) {
    throw new PlatformError('AGENT_START_FAILED', 'there is no program "script" for terminals', {
      hint: 'Install util-linux (on Debian: bsdutils), or ask for no terminal.',
    });
  }
  const { SHELL: shell, ...others } = environment;
  return {
    ...options,
    program: script,
    args: ['-q', '-e', '-f', '-E', 'always', '-c', terminalScript(options, shell), '/dev/null'],
    environment: { TERM: 'xterm', ...others, SHELL: '/bin/sh' }, // it is the shell that `script` runs
    stdin: 'pipe',
    sideLine: true,
  };
}

function programPath(environment: Readonly<Record<string, string>>): string {
  return [environment['PATH'], '/usr/bin:/bin'].filter(Boolean).join(':');
}

/** Says where it is, waits until the terminal has its size, and becomes the command. */
function terminalScript({ program, args }: GroupOptions, shell: string | undefined): string {
  const restored = shell === undefined ? 'unset SHELL' : `SHELL=${quoted(shell)}`;
  const command = [program, ...args].map(quoted).join(' ');
  return `tty >&3; read -r _ <&3; exec 3>&-; unset SCRIPT; ${restored}; exec ${command}`;
}

/** A word as a shell reads it back. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Gives the terminal its sizes as they come, and lets the command begin after the first. Ends with the sizes, or the signal. Rejects for bugs only. */
export async function keepTerminal(
  line: Duplex,
  {
    sizes,
    clock,
    group,
  }: {
    readonly sizes: AsyncIterable<TerminalSize>;
    readonly clock: Clock;
    readonly group: GroupOptions;
  },
  signal: AbortSignal,
): Promise<void> {
  line.on('error', () => undefined); // the command may be gone at any time
  try {
    const name = await terminalName(line, signal);
    if (name === undefined) return;
    const begin = (): void => void line.end('\n');
    using _late = clock.timer(sizeWaitMs, begin);
    for await (const size of sizes) {
      await setSize(name, size, group);
      begin();
    }
    begin(); // nobody says a size
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  }
}

/** Undefined when the command was gone before it could say. */
async function terminalName(line: Duplex, signal: AbortSignal): Promise<string | undefined> {
  let text = '';
  line.on('data', (chunk: Buffer) => {
    if (text.length < nameBytesMax) text += chunk.toString('latin1');
  });
  while (!text.includes('\n')) {
    if (line.destroyed || line.readableEnded) return undefined;
    using wait = linkedAbort(signal);
    const options = { signal: wait.signal };
    await Promise.race(['data', 'end', 'close'].map((event) => once(line, event, options)));
  }
  const name = text.slice(0, text.indexOf('\n'));
  return name.startsWith('/dev/') ? name : undefined;
}

/** A terminal that is gone has no size. */
async function setSize(
  name: string,
  { columns, rows }: TerminalSize,
  group: GroupOptions,
): Promise<void> {
  const program = await findProgram('stty', programPath(group.environment));
  if (program === undefined) return;
  const args = ['-F', name, 'rows', String(rows), 'cols', String(columns)];
  const { stdin: _, sideLine: __, ...options } = group;
  const set = await startGroup({ ...options, program, args }, ({ stdout, stderr }) => {
    stdout.resume();
    stderr.resume();
  });
  await set.exited;
}
