// What /proc says about processes. A process is named by its id and its start time: ids are used again.

import { readdir, readFile } from 'node:fs/promises';

interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, as text. */
  readonly startTime: string;
}

export interface ProcessInfo extends ProcessIdentity {
  readonly group: number;
  /** Ended, but not yet reaped by its parent. */
  readonly zombie: boolean;
}

/** Undefined when there is no such process (any more). */
export async function readProcess(pid: number): Promise<ProcessInfo | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Reads a line of /proc/N/stat; the program's name in it may hold spaces and brackets. */
export function parseStat(stat: string): ProcessInfo | undefined {
  const close = stat.lastIndexOf(')');
  const pid = Number.parseInt(stat, 10);
  const fields = stat.slice(close + 2).split(' ');
  const [state, , group] = fields;
  const startTime = fields[19];
  if (close < 0 || Number.isNaN(pid) || startTime === undefined) return undefined;
  return { pid, startTime, group: Number(group), zombie: state === 'Z' || state === 'X' };
}

/** Every process that can be seen. */
export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))),
  );
  return found.filter((info) => info !== undefined);
}

/** Whether a process was started with `name=value` in its environment; false when it may not be asked. */
export async function hasVariable(pid: number, name: string, value: string): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    return environment.split('\0').includes(`${name}=${value}`);
  } catch {
    return false;
  }
}

/** Changes at every boot; empty when the kernel does not say. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}
