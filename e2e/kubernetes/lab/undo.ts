// Takes back everything that a lab made: processes, network links, control groups, mounts, its directory.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemEnvironment } from './commands.ts';
import { Journal } from './journal.ts';
import { endProcesses, processesMarked } from './processes.ts';

/** In the environment of every process of a lab; its value is the lab's directory. */
export const markerName = 'TWEENDECK_LAB';

/** Leaves nothing of the lab whose directory this is. May be called again, by others, at any time. */
export async function undoLab(directory: string): Promise<void> {
  const made = new Journal(directory).read();
  await endLabProcesses(directory);
  for (const { name } of made.filter((entry) => entry.kind === 'link')) removeLink(name);
  for (const { path } of made.filter((entry) => entry.kind === 'cgroup')) await removeCgroup(path);
  for (const path of mountsBelow(directory))
    execFileSync('umount', ['--lazy', path], { env: systemEnvironment() });
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Ends all processes of a lab, also those that were started while others ended. */
async function endLabProcesses(directory: string): Promise<void> {
  const journalled = new Journal(directory).read().filter((entry) => entry.kind === 'process');
  await endProcesses(journalled);
  for (;;) {
    const found = processesMarked(`${markerName}=${directory}`);
    if (found.length === 0) return;
    await endProcesses(found);
  }
}

function removeLink(name: string): void {
  if (!existsSync(`/sys/class/net/${name}`)) return;
  try {
    execFileSync('ip', ['link', 'delete', name], { stdio: 'pipe', env: systemEnvironment() });
  } catch (error) {
    if (existsSync(`/sys/class/net/${name}`)) throw error; // else somebody else removed it meanwhile
  }
}

/** Removes a control group and those below it, in one hierarchy. Their processes have ended. */
export async function removeCgroup(path: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    try {
      removeCgroupTree(path);
      return;
    } catch (error) {
      // A process that was just ended still counts for a moment.
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function removeCgroupTree(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) {
    const below = join(path, name);
    if (statSync(below, { throwIfNoEntry: false })?.isDirectory()) removeCgroupTree(below);
  }
  try {
    rmdirSync(path);
  } catch (error) {
    if (existsSync(path)) throw error;
  }
}

/** Mount points at or below a directory that this process sees, the deepest first. */
export function mountsBelow(directory: string): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines.flatMap((line) => {
    const point = line.split(' ')[4]?.replace(/\\040/g, ' ');
    return point === directory || point?.startsWith(`${directory}/`) ? [point] : [];
  });
  return points.reverse();
}
