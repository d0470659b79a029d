// Which releases of Kubernetes can be built, from which Go module, and where their programs lie.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The release that everything is held against; its Go module lies in this folder. */
export const pinnedRelease = '1.34';

/** What can be built of releases beside the pinned one: what clients meet. */
export const furtherPrograms: readonly string[] = ['kube-apiserver'];

export const buildCommand = 'npm run kubernetes:build';
export const installCommand: string = `${buildCommand} -- --install`;

const releases = join(import.meta.dirname, 'releases');

/** All that have a Go module, such as `1.34`; the pinned one first. */
export function knownReleases(): readonly string[] {
  const further = existsSync(releases) ? readdirSync(releases).sort() : [];
  return [pinnedRelease, ...further.filter((name) => /^\d+\.\d+$/.test(name))];
}

/** The folder of a release's `go.mod`. Throws for a release that has none. */
export function moduleDirectory(release: string): string {
  if (!knownReleases().includes(release)) {
    throw new Error(`there is no release ${release} to build; there are ${knownReleases()}`);
  }
  return release === pinnedRelease ? import.meta.dirname : join(releases, release);
}

/** The patch release that `go.mod` requires, such as `v1.34.4`. */
export function versionOf(release: string): string {
  const text = readFileSync(join(moduleDirectory(release), 'go.mod'), 'utf8');
  const found = /^(?:require|\t)\s*k8s\.io\/kubernetes (v\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`go.mod of ${release} requires no k8s.io/kubernetes`);
  return found;
}

/** Where the programs of a release lie: `$XDG_CACHE_HOME/tweendeck/kubernetes/v1.34.4-linux-x64`. */
export function binaryDirectory(release: string): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const platform = `${process.platform}-${process.arch}`;
  return join(cache, 'tweendeck', 'kubernetes', `${versionOf(release)}-${platform}`);
}

export function isBuilt(release: string, program: string): boolean {
  return existsSync(join(binaryDirectory(release), program));
}
