// Names in archives: mount paths are real ones here, and an archive made of them shall name its members as in a
// container, or `kubectl cp` does not know them.

import type { MountMap } from './mount-paths.ts';

/** Default options of GNU tar (its TAR_OPTIONS) that give members below real paths their names below mount paths; undefined where nothing is mounted. */
export function tarOptions(mounts: MountMap): string | undefined {
  const rules = Object.entries(mounts)
    .filter(([path]) => path.length > 1)
    .sort(([, left], [, right]) => right.length - left.length) // volumes in volumes first
    .map(([path, real]) => {
      const from = `^/?${escaped(real.slice(1))}(/|$)`;
      const to = `${escaped(path.slice(1))}\\\\1`;
      return `--transform=s,${from},${to},xrhS`; // extended; regular names and hard links, not symbolic ones
    });
  return rules.length === 0 ? undefined : rules.join(' ');
}

/** For an expression or its replacement, in a text that tar splits at blanks and takes one backslash from. */
function escaped(path: string): string {
  return path.replace(/[.^$*+?()[\]{}|\\,&]/g, '\\\\$&').replace(/\s/g, '\\$&');
}
