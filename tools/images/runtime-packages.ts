// Which npm packages a program needs when it runs: the dependencies of its package, transitively, as Node finds them.

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What of a package.json matters here. */
export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages of this machine; replaced in tests. */
export interface PackageDisk {
  /** Undefined where there is no package. */
  manifest(directory: string): Manifest | undefined;
  /** Where a directory really is, links followed. */
  real(directory: string): string;
}

export interface RuntimePackage {
  /** Where its files are, from the root, with `/`: `core/client` or `node_modules/yaml`. */
  readonly directory: string;
  /** Where Node finds it, when that is a link to the directory: `node_modules/@tweendeck/client`. */
  readonly link?: string;
  /** Of this repository: its files are TypeScript, and tests stand between them. */
  readonly own: boolean;
}

export const packageDisk: PackageDisk = {
  manifest(directory) {
    const path = join(directory, 'package.json');
    if (!existsSync(path)) return undefined;
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest; // npm wrote it
  },
  real: (directory) => realpathSync(directory),
};

/** The package at `start` (from the root) and all it depends on, in the order of their directories. */
export function runtimePackages(
  { root, start }: { readonly root: string; readonly start: string },
  disk: PackageDisk,
): readonly RuntimePackage[] {
  const found = new Map<string, RuntimePackage>();
  const visit = (directory: string, link?: string): void => {
    const place = relative(root, directory);
    if (place.startsWith('..')) throw new Error(`${directory} lies outside ${root}`);
    const own = !place.split('/').includes('node_modules');
    const manifest = disk.manifest(directory);
    if (!manifest) throw new Error(`${directory} is no package`);
    if (found.has(place)) return;
    found.set(place, { directory: place, own, ...(link === undefined ? {} : { link }) });
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const target = locate(name, { from: directory, root }, disk);
      if (!target) throw new Error(`${manifest.name} needs ${name}: run "npm ci"`);
      visit(disk.real(target), linkOf(target));
    }
    for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
      const target = locate(name, { from: directory, root }, disk);
      if (target) visit(disk.real(target), linkOf(target));
    }
  };
  const linkOf = (target: string): string | undefined =>
    disk.real(target) === target ? undefined : relative(root, target);
  visit(join(root, start));
  return [...found.values()].sort((left, right) => (left.directory < right.directory ? -1 : 1));
}

/** As Node does: `node_modules` of each directory upwards, not beyond the root. */
function locate(
  name: string,
  { from, root }: { readonly from: string; readonly root: string },
  disk: PackageDisk,
): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (disk.manifest(candidate)) return candidate;
    if (directory === root || directory === dirname(directory)) return undefined;
  }
}
