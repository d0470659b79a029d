// Control groups of a lab: one subtree in every hierarchy of version 1, or one in the single hierarchy of version 2.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = '/sys/fs/cgroup';

/** The roots of all hierarchies. */
export function cgroupHierarchies(): readonly string[] {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((path) => existsSync(join(path, 'cgroup.procs')) && statSync(path).isDirectory());
}

/** Makes a group and those above it, able to hold pods. `path` begins at the root of each hierarchy. */
export function makeCgroup(path: string): void {
  for (const hierarchy of cgroupHierarchies()) makeIn(hierarchy, path);
}

function makeIn(hierarchy: string, path: string): void {
  if (path === '/' || path === '') return;
  const parent = dirname(path);
  makeIn(hierarchy, parent);
  const above = join(hierarchy, parent);
  const directory = join(hierarchy, path);
  // Version 2: a group's controllers must be handed down by the group above.
  if (existsSync(join(above, 'cgroup.subtree_control'))) handDown(above);
  mkdirSync(directory, { recursive: true });
  // Version 1: a new group of cpuset has neither processors nor memory, and takes no process.
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    if (!hierarchy.endsWith('/cpuset') || read(join(directory, name)) !== '') continue;
    writeFileSync(join(directory, name), read(join(above, name)));
  }
}

function handDown(group: string): void {
  const wanted = read(join(group, 'cgroup.controllers')).split(' ');
  for (const controller of wanted.filter((name) => name !== '')) {
    writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`);
  }
}

function read(path: string): string {
  return readFileSync(path, 'utf8').trim();
}
