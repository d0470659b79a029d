// Runs a command beside a container's program: in its environment, its limits and its working directory, with its
// streams joined to somebody's.

import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type Clock, linkedAbort, onAbort } from '@tweendeck/std';
import { inTerminal, keepTerminal, type TerminalSize } from './container-terminal.ts';
import { settlesWithin } from './nudge.ts';
import { type GroupOptions, type GroupOutput, startGroup } from './process-group.ts';

/** Somebody's end of the streams of a process. */
export interface RemoteStreams {
  /** Undefined: the process reads an empty input. */
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  /** Resolves when more can be taken; rejects when nobody is there any more. */
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly stderr: (chunk: Uint8Array) => Promise<void>;
  /** Sizes of the terminal at the other end. */
  readonly sizes: AsyncIterable<TerminalSize>;
}

export interface RemoteExit {
  readonly exitCode: number;
}

/** What is run, and whose its streams are. */
export interface ExecRequest {
  readonly group: GroupOptions;
  readonly streams: RemoteStreams;
  /** Whether it runs in a terminal: then it has one output. Default no. */
  readonly tty?: boolean;
}

/** Where commands run. */
export interface ExecPlace {
  readonly clock: Clock;
  /** Aborts when the container's program has ended: nothing outlives it. */
  readonly ended: AbortSignal;
}

/** Between the polite signal and the other, when nobody is left to read a command's output. */
const killMs = 2_000;
/** For output that is still in the pipes when a command has ended, since the last of it came. */
const drainMs = 1_000;

/** Runs a command to its end. When the signal aborts, or the container ends, its processes are ended. @throws PlatformError AGENT_START_FAILED */
export async function runExec(
  place: ExecPlace,
  { group: command, streams, tty = false }: ExecRequest,
  signal: AbortSignal,
): Promise<RemoteExit> {
  using over = linkedAbort(signal);
  using _container = onAbort(place.ended, (reason) => over.abort(reason));
  signal.throwIfAborted();
  place.ended.throwIfAborted();
  const copies: Copies[] = [];
  const options = tty ? await inTerminal(command) : commandWith(command, streams);
  const { sizes } = streams;
  const { clock } = place;
  const group = await startGroup(options, (output) => {
    copies.push(copyStreams(output, streams, over.signal));
    const { sideLine } = output;
    if (sideLine) void keepTerminal(sideLine, { sizes, clock, group: command }, over.signal);
  });
  const kills = new DisposableStack();
  try {
    kills.use(
      onAbort(over.signal, () => {
        group.kill(place.ended.aborted ? 'SIGKILL' : 'SIGTERM'); // as the kernel ends a container
        kills.use(place.clock.timer(killMs, () => group.kill('SIGKILL')));
      }),
    );
    const { exitCode } = await group.exited;
    for (const copy of copies) await drain(copy, place.clock);
    return { exitCode };
  } finally {
    kills.dispose();
    group.kill('SIGKILL');
    for (const copy of copies) copy.close();
  }
}

function commandWith(command: GroupOptions, { stdin }: RemoteStreams): GroupOptions {
  return { ...command, stdin: stdin ? 'pipe' : 'empty' };
}

/** Copying that goes on. */
interface Copies {
  /** Settles when all output has been taken. */
  readonly done: Promise<void>;
  /** Counts what came out of the pipes. */
  readonly reads: () => number;
  /** Whether output has come out of a pipe that nobody has taken yet. */
  readonly pending: () => boolean;
  close(): void;
}

function copyStreams(output: GroupOutput, streams: RemoteStreams, signal: AbortSignal): Copies {
  let reads = 0;
  let pending = 0;
  const copyOut = async (from: Readable, take: RemoteStreams['stdout']): Promise<void> => {
    try {
      for await (const chunk of from) {
        reads++;
        pending++;
        try {
          await take(chunk);
        } finally {
          pending--;
        }
      }
    } catch {
      // nobody takes it any more, or the pipe was closed: the process will notice
    }
  };
  const done = Promise.all([
    copyOut(output.stdout, streams.stdout),
    copyOut(output.stderr, streams.stderr),
  ]).then(() => undefined);
  const { stdin } = output;
  if (stdin && streams.stdin) {
    void copyInput(streams.stdin, stdin, signal).then(() => stdin.end());
  }
  return {
    done,
    reads: () => reads,
    pending: () => pending > 0,
    close() {
      output.stdin?.destroy();
      output.sideLine?.destroy();
      output.stdout.destroy();
      output.stderr.destroy();
    },
  };
}

/** Writes until the source ends. Never rejects. What a process does not read any more is taken and dropped: whoever sends it is not to wait for ever. */
export async function copyInput(
  from: AsyncIterable<Uint8Array>,
  to: Writable,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const chunk of from) {
      if (!to.writable) continue;
      if (!to.write(chunk)) await drained(to, signal);
    }
  } catch {
    // over
  }
}

/** Waits until a pipe takes more, or is closed. */
async function drained(pipe: Writable, signal: AbortSignal): Promise<void> {
  using wait = linkedAbort(signal);
  const options = { signal: wait.signal };
  await Promise.race([once(pipe, 'drain', options), once(pipe, 'close', options)]);
}

/** Waits for the last output. A process that left the group may hold a pipe for ever: then a quiet time is the end. */
async function drain(copies: Copies, clock: Clock): Promise<void> {
  const patience = new AbortController().signal;
  for (;;) {
    const seen = copies.reads();
    if (await settlesWithin(copies.done, { clock, delayMs: drainMs }, patience)) return;
    if (!copies.pending() && copies.reads() === seen) return;
  }
}
