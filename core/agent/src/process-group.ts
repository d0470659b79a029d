// One container as processes: a program in a session and process group of its own, its output, and its end.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex, Readable, Writable } from 'node:stream';
import { messageOf, PlatformError, systemErrorCode } from '@tweendeck/std';
import { readProcess } from './proc.ts';

export interface GroupOptions {
  /** Absolute. */
  readonly program: string;
  readonly args: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: { readonly uid?: number | undefined; readonly gid?: number | undefined };
  /** Files to which the process writes its own id before it becomes the program: it never runs outside its cgroups. */
  readonly cgroupFiles?: readonly string[];
  /** What it can read: nothing (the default), or what is written to its input. */
  readonly stdin?: 'empty' | 'pipe';
  /** Whether it finds a line to us both ways at descriptor 3. */
  readonly sideLine?: boolean;
}

export interface GroupExit {
  /** 128 + n for an end by signal n. */
  readonly exitCode: number;
  readonly signal: number | undefined;
}

export interface ProcessGroup {
  readonly pid: number;
  /** As in /proc; empty when the process was gone before it could be read. */
  readonly startTime: string;
  /** Settles when the first process ended; what is left of its group has been killed by then. */
  readonly exited: Promise<GroupExit>;
  /** Signals every process of the group; nothing happens when none is left. */
  kill(signal: NodeJS.Signals): void;
}

/** Joins the cgroups named before `--`, then becomes what stands behind it: the process id stays. */
const joinScript =
  'while [ "$1" != -- ]; do echo $$ > "$1" || exit 126; shift; done; shift; exec "$@"';

/** As the system's own spawning does: without the groups of whoever starts it. */
function asUser({ uid, gid }: NonNullable<GroupOptions['user']>): readonly string[] {
  if (uid === undefined && gid === undefined) return [];
  return [
    ...['/usr/bin/setpriv', '--clear-groups'],
    ...(uid === undefined ? [] : [`--reuid=${uid}`]),
    ...(gid === undefined ? [] : [`--regid=${gid}`]),
    '--',
  ];
}

/** The pipes of a program. */
export interface GroupOutput {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly stdin: Writable | undefined;
  readonly sideLine: Duplex | undefined;
}

/**
 * Starts a program. `read` is called at once and must begin to read then: Node throws away what nobody reads when a
 * process ends. @throws PlatformError AGENT_START_FAILED
 */
export async function startGroup(
  options: GroupOptions,
  read: (output: GroupOutput) => void,
): Promise<ProcessGroup> {
  const child = launch(options);
  const begun = spawned(child, options);
  const { promise: exited, resolve } = Promise.withResolvers<GroupExit>();
  child.once('exit', (code, signalName) => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    const signal = signalName === null ? undefined : constants.signals[signalName];
    resolve({ exitCode: signal === undefined ? (code ?? 0) : 128 + signal, signal });
  });
  const { stdout, stderr, stdin, stdio } = child;
  stdin?.on('error', () => undefined); // its reader may be gone at any time
  if (stdout && stderr) {
    const sideLine = options.sideLine ? (stdio[3] as Duplex) : undefined; // a pipe of ours is a socket pair
    read({ stdout, stderr, stdin: stdin ?? undefined, sideLine });
  } // none when descriptors ran out
  await begun;
  const { pid } = child;
  if (pid === undefined) throw startFailed(options, 'it has no process id');
  const startTime = (await readProcess(pid))?.startTime ?? '';
  return { pid, startTime, exited, kill: (signal) => signalGroup(pid, signal) };
}

function launch(options: GroupOptions): ChildProcess {
  const { user = {}, cgroupFiles = [] } = options;
  const own = [options.program, ...options.args];
  // Whoever joins must still be who may: only then it becomes the user.
  const [program = '', ...args] =
    cgroupFiles.length > 0
      ? ['/bin/sh', '-c', joinScript, 'sh', ...cgroupFiles, '--', ...asUser(user), ...own]
      : own;
  const { uid, gid } = cgroupFiles.length > 0 ? {} : user;
  try {
    return spawn(program, args, {
      cwd: options.workingDirectory,
      env: { ...options.environment },
      detached: true,
      stdio: [
        options.stdin === 'pipe' ? 'pipe' : 'ignore',
        'pipe',
        'pipe',
        ...(options.sideLine ? (['pipe'] as const) : []),
      ],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  } catch (error) {
    throw startFailed(options, systemErrorCode(error) ?? messageOf(error), error); // too many arguments, say
  }
}

/** Must be called in the turn of the launch: some failures come as an event of the next one. */
function spawned(child: ChildProcess, options: GroupOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve());
    child.once('error', (error) => {
      const code = systemErrorCode(error);
      const where =
        code === 'EACCES' || code === 'ENOENT' ? ` (in ${options.workingDirectory})` : '';
      reject(startFailed(options, `${code ?? error.message}${where}`, error));
    });
  });
}

function startFailed(options: GroupOptions, why: string, cause?: unknown): PlatformError {
  return new PlatformError('AGENT_START_FAILED', `starting ${options.program}: ${why}`, {
    hint: 'See that the program is there and executable for the user it runs as, and its directory can be entered.',
    cause,
  });
}

/** Signals a whole process group; false when none of it is left, or it is not ours to signal. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-group, signal);
}

/** Signals one process; false when it is gone, or not ours to signal. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
