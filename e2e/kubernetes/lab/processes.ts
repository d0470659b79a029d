// Processes as /proc shows them. A process is known by its id and its start time together: ids are used again.

import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between the start of the machine and that of the process. */
  readonly startTicks: number;
}

/** The process that has this id now; undefined when there is none, or only its zombie. */
export function processOf(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name stands in parentheses and may hold anything: count from its end.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    return { pid, startTicks: Number(fields[18]) };
  } catch {
    return undefined; // ended
  }
}

export function isAlive({ pid, startTicks }: ProcessId): boolean {
  return processOf(pid)?.startTicks === startTicks;
}

/** Ids of all processes that this machine shows. */
export function allProcessIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A file of /proc/PID; empty when the process ended or is not ours to look into. */
export function processFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** Living processes whose environment holds this line, such as `NAME=value`. */
export function processesMarked(line: string): readonly ProcessId[] {
  return allProcessIds().flatMap((pid) => {
    if (!processFile(pid, 'environ').split('\0').includes(line)) return [];
    const found = processOf(pid);
    return found ? [found] : [];
  });
}

/** Ends processes at once and resolves when they are gone; throws when one is not. */
export async function endProcesses(processes: readonly ProcessId[]): Promise<void> {
  for (const ended of processes.filter(isAlive)) kill(ended.pid);
  const deadlineMs = performance.now() + 20_000;
  for (let left = processes.filter(isAlive); left.length > 0; left = left.filter(isAlive)) {
    if (performance.now() > deadlineMs) {
      throw new Error(`cannot be ended: ${left.map(({ pid }) => describe(pid)).join(', ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // Node's own errors carry a code
  }
}

function describe(pid: number): string {
  return `${pid} (${processFile(pid, 'comm').trim()})`;
}
