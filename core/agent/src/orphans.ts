// Ends what an earlier run of this home left behind when it was killed. Its processes are found by three marks, since
// each can be missing: the environment (a program may overwrite it), the record on disk (written just after the start),
// and membership in a cgroup (not every machine has those).

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, isJsonObject, type Logger } from '@tweendeck/std';
import { markers } from './container-plan.ts';
import { readJson } from './files.ts';
import { bootId, hasVariable, listProcesses, type ProcessInfo, readProcess } from './proc.ts';
import { signalGroup, signalProcess } from './process-group.ts';

export interface OrphanSearch {
  readonly instance: string;
  readonly directory: string;
  /** Members of this home's cgroups. */
  readonly members: () => Promise<readonly number[]>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Between the polite signal and the other. */
  readonly graceMs: number;
}

const pollMs = 25;
/** Processes that keep appearing are hunted this often. */
const roundsMax = 5;

/** Ends every process of the home's earlier runs. @returns how many were found */
export async function endOrphans(search: OrphanSearch, signal: AbortSignal): Promise<number> {
  const { clock, log, graceMs } = search;
  let found = 0;
  for (let round = 0; round < roundsMax; round++) {
    const orphans = await findOrphans(search);
    if (orphans.length === 0) return found;
    found += orphans.length;
    log.info('ending processes of an earlier run', { processes: orphans.length });
    await signalAll(orphans, 'SIGTERM');
    if (await allGone(orphans, { clock, withinMs: graceMs }, signal)) continue;
    await signalAll(orphans, 'SIGKILL');
    await allGone(orphans, { clock, withinMs: 5_000 }, signal);
  }
  const left = await findOrphans(search);
  if (left.length > 0) {
    log.error('processes of an earlier run could not be ended', {
      pids: left.map(({ pid }) => pid),
    });
  }
  return found;
}

/** Processes of this home that run now, and whatever shares a process group with one of them. */
export async function findOrphans(
  search: Pick<OrphanSearch, 'instance' | 'directory' | 'members'>,
): Promise<readonly ProcessInfo[]> {
  const processes = (await listProcesses()).filter(({ zombie }) => !zombie);
  const recorded = await recordedProcesses(search.directory);
  const members = new Set(await search.members());
  const self = process.pid;
  const ownGroup = processes.find(({ pid }) => pid === self)?.group;
  const marked = await Promise.all(
    processes.map(async (info) => {
      if (info.pid === self || info.group === ownGroup) return false;
      if (members.has(info.pid) || recorded.get(info.pid) === info.startTime) return true;
      return hasVariable(info.pid, markers.instance, search.instance);
    }),
  );
  const ours = processes.filter((_, index) => marked[index]);
  const groups = new Set(ours.filter(({ pid, group }) => pid === group).map(({ group }) => group));
  return processes.filter((info) => ours.includes(info) || groups.has(info.group));
}

/** Kills processes of one container that left its group, by the marks in their environment. For machines without cgroups, which know their members. */
export async function killStrays(marks: Readonly<Record<string, string>>): Promise<void> {
  const wanted = Object.entries(marks);
  for (const { pid, startTime, zombie } of await listProcesses()) {
    if (zombie || pid === process.pid) continue;
    const found = await Promise.all(wanted.map(([name, value]) => hasVariable(pid, name, value)));
    if (!found.every(Boolean)) continue;
    if ((await readProcess(pid))?.startTime === startTime) signalProcess(pid, 'SIGKILL');
  }
}

/** Start times by process id, of records written since the machine started. */
async function recordedProcesses(directory: string): Promise<ReadonlyMap<number, string>> {
  const boot = await bootId();
  const found = new Map<number, string>();
  for (const uid of await names(join(directory, 'run'))) {
    for (const name of await names(join(directory, 'run', uid, 'p'))) {
      const record = await readJson(join(directory, 'run', uid, 'p', name));
      if (!isJsonObject(record) || record['bootId'] !== boot) continue;
      const { pid, startTime } = record;
      if (typeof pid === 'number' && typeof startTime === 'string') found.set(pid, startTime);
    }
  }
  return found;
}

/** Signals groups whole and others singly, each only if it still is the process that was found. */
async function signalAll(orphans: readonly ProcessInfo[], signal: NodeJS.Signals): Promise<void> {
  for (const { pid, startTime, group } of orphans) {
    const now = await readProcess(pid);
    if (now?.startTime !== startTime) continue;
    if (pid === group) signalGroup(group, signal);
    else signalProcess(pid, signal);
  }
}

async function allGone(
  orphans: readonly ProcessInfo[],
  waiting: { readonly clock: Clock; readonly withinMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = waiting.clock.monotonicMs() + waiting.withinMs;
  for (;;) {
    const now = await Promise.all(orphans.map(({ pid }) => readProcess(pid)));
    const left = orphans.some(({ startTime }, index) => {
      const info = now[index];
      return info !== undefined && !info.zombie && info.startTime === startTime;
    });
    if (!left) return true;
    if (waiting.clock.monotonicMs() >= endMs) return false;
    await waiting.clock.sleep(pollMs, signal);
  }
}

function names(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}
