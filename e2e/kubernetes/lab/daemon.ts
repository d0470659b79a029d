// Programs of a lab that run until it ends: each writes a log of its own, which is shown when it fails.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claim } from './claim.ts';
import { systemEnvironment } from './commands.ts';
import { processOf } from './processes.ts';

export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Path of what it wrote on both of its outputs. */
  readonly log: string;
  /** Resolves when it has ended, and is gone from the process table. */
  readonly ended: Promise<void>;
  /** Polls until it holds. Throws with the end of the log when the program ends before, or time is up. */
  ready(holds: () => Promise<boolean>, timeoutMs?: number): Promise<void>;
}

const logLinesShown = 25;
const pollMs = 20;
/** Seconds when the machine is idle; several labs may start at once on few processors. */
const readyTimeoutMs = 180_000;

/** Starts a program that is marked and journalled as the lab's. */
export async function startDaemon(
  claim: Claim,
  name: string,
  [program, ...args]: readonly [string, ...(readonly string[])],
): Promise<Daemon> {
  const logs = join(claim.directory, 'logs');
  await mkdir(logs, { recursive: true });
  const log = join(logs, `${name}.log`);
  const output = openSync(log, 'a');
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: claim.directory,
      detached: true, // a session of its own: Ctrl-C is for the test
      stdio: ['ignore', output, output],
      env: { PATH: systemEnvironment()['PATH'], TMPDIR: claim.directory, ...claim.marker },
    });
  } finally {
    closeSync(output);
  }
  let failure = '';
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      failure = `it ended with ${signal ?? code}`;
      resolve();
    });
  });
  child.unref(); // a test that failed to dispose must still be able to end; the guardian does the rest
  const { pid } = child;
  const found = pid === undefined ? undefined : processOf(pid);
  if (found) claim.journal.add({ kind: 'process', name, ...found });
  return {
    name,
    pid: pid ?? -1,
    log,
    ended,
    async ready(holds, timeoutMs = readyTimeoutMs) {
      const deadlineMs = performance.now() + timeoutMs;
      while (!(await holds().catch(() => false))) {
        if (performance.now() > deadlineMs) failure ||= `it is not ready after ${timeoutMs} ms`;
        if (failure) throw new Error(`${name}: ${failure}\n${logEnd(log)}`);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
  };
}

/** The last lines of a log, indented, after its path. */
function logEnd(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-logLinesShown);
  return [`the end of ${log}:`, ...lines.map((line) => `  ${line}`)].join('\n');
}
