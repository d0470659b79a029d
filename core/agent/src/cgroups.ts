// Resource limits by cgroups, version 2 or 1, where this process may make some. Ours nest below the cgroup the platform
// runs in, so whatever limits that has hold for the containers too.

import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, PlatformError } from '@tweendeck/std';
import { readJson, removeTree, replaceFile } from './files.ts';
import { signalProcess } from './process-group.ts';

export interface ResourceLimits {
  readonly memoryBytes?: number | undefined;
  readonly cpuMillis?: number | undefined;
  /** Share among those who want more than there is. */
  readonly cpuRequestMillis?: number | undefined;
}

export interface Cgroup {
  /** A process that writes its id to each of these is a member, and so are its children. */
  readonly files: readonly string[];
  /** How often the kernel killed a member for memory. */
  oomKills(): Promise<number>;
  members(): Promise<readonly number[]>;
  /** Kills what is left in it and removes it. */
  remove(): Promise<void>;
}

export interface CgroupHome {
  /** For people: what is enforced, or why nothing is. */
  readonly explanation: string;
  readonly enforced: boolean;
  /** Undefined where nothing is enforced. */
  open(name: string, limits: ResourceLimits): Promise<Cgroup | undefined>;
  /** Process ids in cgroups of earlier runs of this home. */
  leftovers(): Promise<readonly number[]>;
  /** Removes cgroups of earlier runs; their processes must be gone. */
  sweep(): Promise<void>;
  /** Removes the parent cgroups; the containers' must be gone. */
  close(): Promise<void>;
}

/** Enforces nothing. */
export function noCgroups(explanation: string): CgroupHome {
  return {
    explanation,
    enforced: false,
    open: async () => undefined,
    leftovers: async () => [],
    sweep: async () => undefined,
    close: async () => undefined,
  };
}

/** A directory of one hierarchy in which our parent cgroup is made. */
interface Hierarchy {
  readonly version: 1 | 2;
  /** Controllers that limit here. */
  readonly controllers: readonly ('memory' | 'cpu')[];
  readonly base: string;
}

/** Looks at what the kernel offers, tries it, and makes the parent cgroup named by the instance. Never fails: the worst is {@link noCgroups}. */
export async function openCgroups(options: {
  readonly instance: string;
  readonly directory: string;
  readonly clock: Clock;
}): Promise<CgroupHome> {
  const statePath = join(options.directory, 'cgroups.json');
  const earlier = parseParents(await readJson(statePath));
  const name = `tweendeck-${options.instance}`;
  const usable: Hierarchy[] = [];
  const refusals: string[] = [];
  for (const hierarchy of await hierarchies()) {
    const refusal = await tryHierarchy(hierarchy, name);
    if (refusal === undefined) usable.push(hierarchy);
    else refusals.push(`${hierarchy.controllers.join(' and ')}: ${refusal}`);
  }
  const parents = usable.map(({ base }) => join(base, name));
  await replaceFile(statePath, JSON.stringify([...new Set([...earlier, ...parents])]));
  const why = refusals.join('; ') || 'this machine has no memory and cpu cgroups';
  return homeOf({ usable, name, earlier, statePath, why, clock: options.clock });
}

interface Home {
  readonly usable: readonly Hierarchy[];
  readonly name: string;
  readonly earlier: readonly string[];
  readonly statePath: string;
  readonly why: string;
  readonly clock: Clock;
}

function homeOf({ usable, name, earlier, statePath, why, clock }: Home): CgroupHome {
  const all = [...new Set([...earlier, ...usable.map(({ base }) => join(base, name))])];
  const enforcing = usable.flatMap(({ controllers }) => controllers);
  return {
    enforced: enforcing.length > 0,
    explanation:
      enforcing.length > 0
        ? `${enforcing.join(' and ')} limits are enforced by cgroups`
        : `resource limits are not enforced: ${why}`,
    async open(child, limits) {
      if (usable.length === 0) return undefined;
      const paths: string[] = [];
      for (const hierarchy of usable) {
        const path = join(hierarchy.base, name, child);
        await mkdir(path, { recursive: true });
        for (const [file, value] of settings(hierarchy, limits)) await set(path, file, value);
        paths.push(path);
      }
      return cgroupAt(paths, usable, clock);
    },
    leftovers: async () => (await Promise.all(all.map((path) => membersBelow(path)))).flat(),
    async sweep() {
      for (const path of all) await removeChildren(path);
      for (const path of earlier)
        if (!usable.some(({ base }) => join(base, name) === path)) await drop(path);
    },
    async close() {
      for (const { base } of usable) await drop(join(base, name));
      await removeTree(statePath); // which a full disk allows
    },
  };
}

function cgroupAt(paths: readonly string[], usable: readonly Hierarchy[], clock: Clock): Cgroup {
  return {
    files: paths.map((path) => join(path, 'cgroup.procs')),
    async oomKills() {
      const texts = await Promise.all(
        paths.map((path, index) =>
          text(join(path, usable[index]?.version === 2 ? 'memory.events' : 'memory.oom_control')),
        ),
      );
      return texts.reduce((sum, one) => sum + Number(/^oom_kill (\d+)$/m.exec(one)?.[1] ?? 0), 0);
    },
    members: async () => (await Promise.all(paths.map((path) => membersBelow(path)))).flat(),
    async remove() {
      const patience = new AbortController().signal;
      for (const path of paths) {
        for (let attempt = 0; attempt < removeAttemptsMax; attempt++) {
          for (const pid of await membersBelow(path)) signalProcess(pid, 'SIGKILL');
          if (await drop(path)) break;
          await clock.sleep(removePauseMs, patience);
        }
      }
    },
  };
}

/** Files and what to write to them; the order matters (memory before memory and swap). */
export function settings(
  hierarchy: Pick<Hierarchy, 'version' | 'controllers'>,
  limits: ResourceLimits,
): readonly (readonly [file: string, value: string])[] {
  const { memoryBytes, cpuMillis, cpuRequestMillis = 0 } = limits;
  const period = 100_000;
  const quota = cpuMillis === undefined ? undefined : Math.max(1_000, (cpuMillis * period) / 1_000);
  const shares = Math.min(262_144, Math.max(2, Math.floor((cpuRequestMillis * 1_024) / 1_000)));
  const weight = Math.max(1, Math.floor(1 + ((shares - 2) * 9_999) / 262_142));
  const found: [string, string][] = [];
  const v2 = hierarchy.version === 2;
  if (hierarchy.controllers.includes('memory') && memoryBytes !== undefined) {
    const names = v2
      ? ['memory.max', 'memory.swap.max']
      : ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'];
    found.push(
      [names[0] ?? '', String(memoryBytes)],
      [names[1] ?? '', v2 ? '0' : String(memoryBytes)],
    );
    if (v2) found.push(['memory.oom.group', '1']);
  }
  if (hierarchy.controllers.includes('cpu')) {
    found.push(v2 ? ['cpu.weight', String(weight)] : ['cpu.shares', String(shares)]);
    if (quota !== undefined && v2) found.push(['cpu.max', `${quota} ${period}`]);
    if (quota !== undefined && !v2) {
      found.push(['cpu.cfs_period_us', String(period)], ['cpu.cfs_quota_us', String(quota)]);
    }
  }
  return found;
}

/** For killed members to be gone: a second at most; a cgroup that stays is swept at the next start. */
const removeAttemptsMax = 100;
const removePauseMs = 10;

/** Settings the kernel may lack: swap accounting, killing a group at once. */
const optional = new Set(['memory.swap.max', 'memory.memsw.limit_in_bytes', 'memory.oom.group']);

async function set(path: string, file: string, value: string): Promise<void> {
  try {
    await writeFile(join(path, file), value);
  } catch (cause) {
    if (optional.has(file)) return;
    throw new PlatformError('AGENT_START_FAILED', `setting ${file} of ${path} to ${value}`, {
      hint: 'Lower the limit to what the platform itself may use, or leave it out.',
      cause,
    });
  }
}

async function tryHierarchy(hierarchy: Hierarchy, name: string): Promise<string | undefined> {
  const path = join(hierarchy.base, name);
  try {
    await mkdir(path, { recursive: true });
    if (hierarchy.version === 2) {
      const wanted = hierarchy.controllers.map((controller) => `+${controller}`).join(' ');
      await writeFile(join(hierarchy.base, 'cgroup.subtree_control'), wanted);
      await writeFile(join(path, 'cgroup.subtree_control'), wanted);
    } else {
      for (const controller of hierarchy.controllers) {
        const file = controller === 'memory' ? 'memory.limit_in_bytes' : 'cpu.cfs_quota_us';
        await access(join(path, file));
      }
    }
    return undefined;
  } catch (error) {
    await drop(path);
    return error instanceof Error ? error.message : String(error);
  }
}

async function hierarchies(): Promise<readonly Hierarchy[]> {
  return parseHierarchies(await text('/proc/mounts'), await text('/proc/self/cgroup'), access);
}

/** Reads /proc/mounts and /proc/self/cgroup. `probe` rejects for a path that is not there. */
export async function parseHierarchies(
  mounts: string,
  own: string,
  probe: (path: string) => Promise<void>,
): Promise<readonly Hierarchy[]> {
  const found: Hierarchy[] = [];
  const ownPath = (matches: (controllers: string) => boolean): string => {
    const lines = own.split('\n').map((line) => line.split(':'));
    return (
      lines
        .find(([, controllers]) => matches(controllers ?? '-'))
        ?.slice(2)
        .join(':') ?? '/'
    );
  };
  for (const line of mounts.split('\n')) {
    const [, mountPoint = '', type = '', mountOptions = ''] = line.split(' ');
    const names = mountOptions.split(',');
    const controllers = (['memory', 'cpu'] as const).filter((name) => names.includes(name));
    if (type === 'cgroup' && controllers.length > 0) {
      const path = ownPath((list) => controllers.every((name) => list.split(',').includes(name)));
      const base = await existing(resolve(mountPoint, `.${path}`), mountPoint, probe);
      found.push({ version: 1, controllers, base });
    } else if (type === 'cgroup2') {
      const base = await existing(
        resolve(mountPoint, `.${ownPath((list) => list === '')}`),
        mountPoint,
        probe,
      );
      const offered = (await text(join(base, 'cgroup.controllers'))).trim().split(' ');
      const usable = (['memory', 'cpu'] as const).filter((name) => offered.includes(name));
      if (usable.length > 0) found.push({ version: 2, controllers: usable, base });
    }
  }
  return found;
}

async function existing(
  path: string,
  fallback: string,
  probe: (path: string) => Promise<void>,
): Promise<string> {
  try {
    await probe(path);
    return path;
  } catch {
    return fallback; // a namespace shows the mount's root as ours
  }
}

async function membersBelow(path: string): Promise<readonly number[]> {
  const own = (await text(join(path, 'cgroup.procs'))).split('\n').filter((line) => line !== '');
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => membersBelow(join(path, name))),
  );
  return [...own.map(Number), ...below.flat()];
}

async function removeChildren(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await drop(join(path, entry.name));
}

async function drop(path: string): Promise<boolean> {
  await removeChildren(path);
  return rmdir(path).then(
    () => true,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT',
  );
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function parseParents(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (path): path is string => typeof path === 'string' && path.includes('/tweendeck-'),
  );
}
