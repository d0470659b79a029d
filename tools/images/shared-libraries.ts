// Which files a program needs to be started: itself, its shared libraries and the loader, as `ldd` finds them.

import { spawnSync } from 'node:child_process';
import type { LayerEntry } from '@tweendeck/oci';

/** Paths of the libraries in what `ldd` prints; none for a static program. Throws when one is not found. */
export function parseLdd(output: string): readonly string[] {
  const paths: string[] = [];
  for (const line of output.split('\n').map((text) => text.trim())) {
    if (line === '' || line === 'statically linked' || line.startsWith('linux-vdso')) continue;
    const found = /^(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1];
    if (found === undefined) throw new Error(`ldd says: ${line}`);
    paths.push(found);
  }
  return paths;
}

/** Libraries and loader of a program on this machine, at the paths at which the program looks for them. */
export function libraryEntries(program: string): readonly LayerEntry[] {
  const { status, stdout, stderr, error } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (error) throw new Error('ldd cannot be run (apt-get install libc-bin)', { cause: error });
  if (status !== 0) {
    if (/not a dynamic executable/.test(stderr + stdout)) return [];
    throw new Error(`ldd ${program}: ${stderr.trim()}`);
  }
  return parseLdd(stdout).map((path) => ({
    kind: 'file',
    path,
    mode: 0o755,
    content: { file: path },
  }));
}

/** Entries without repeated paths: several programs share libraries. */
export function uniqueEntries(entries: Iterable<LayerEntry>): readonly LayerEntry[] {
  return [...new Map([...entries].map((entry) => [entry.path, entry])).values()];
}
